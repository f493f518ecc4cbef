"""Erasures beside running workers and beside each other: on PostgreSQL they really run at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections

from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.delivery.erasure import erase as erasing
from klaviyo.models import Erasure
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.delivery.erasure.test_erasing_in_hand import come_back
from tests.klaviyo.story import TEA, choose_list, metrics


def together(*acts: Callable[[], Any]) -> None:
    """All at once, or one after the other where there is one writer only; what any of them raises comes out."""
    if database.vendor != "postgresql":
        for act in acts:
            act()
        return
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=300)
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        for running in [pool.submit(run, act) for act in acts]:
            running.result(timeout=600)


@pytest.mark.parametrize("turn", range(3))
def test_workers_and_two_operators_at_once(sandbox: Sandbox, ann: Advocate, drain: Drain, turn: int) -> None:
    choose_list(sandbox)
    bird = canary.tell_of(ann)
    for number in range(10):
        lifecycle.invite(ann, f"friend{number}@friends.test")
        lifecycle.convert(
            bird, order_id=f"X{number}", friend_email=f"eve{number}@friends.test", total=1, currency="EUR"
        )
    connection = Connection.objects.get()

    def work() -> None:
        for _ in range(3):
            worker.drain(connection.pk)
            worker.sweep()

    def erase() -> None:
        erasing.erase(BIRD, None)

    def tell() -> None:
        for number in range(10):
            lifecycle.convert(
                ann, order_id=f"Y{number}", friend_email=f"zoe{number}@friends.test", total=1, currency="EUR"
            )

    together(work, work, erase, erase, tell, lambda: erasing.erase("friend3@friends.test", None))
    come_back(drain)
    assert Erasure.objects.count() == 3
    assert canary.found() == []
    assert sandbox.profile(TEA, BIRD) is None
    assert sandbox.profile(TEA, "friend3@friends.test") is None
    assert metrics(sandbox, ann.email).count("Sorae Conversion") == 11
    assert metrics(sandbox, "eve7@friends.test") == ["Sorae Referred Purchase"]
    assert not Delivery.objects.filter(state__in=Delivery.OPEN).exclude(reason_code="throttled").exists()
