"""Many waiting events go in jobs; what a job cannot settle goes through the single endpoint."""

from django.db import transaction

import pytest

from integrations import draining
from integrations.models import Attempt, Connection, Delivery
from klaviyo.sandbox import Sandbox
from pytest_django import Settings
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import TEA, State, make_due

JOB, SINGLE = "bulk_create_events", "create_event"


@pytest.fixture(autouse=True)
def from_five(settings: Settings) -> None:
    settings.KLAVIYO_BULK_FROM = 5


def visits(ann: Advocate, number: int) -> None:
    with transaction.atomic():
        for _ in range(number):
            lifecycle.visit(ann)


def test_many_go_in_one_request(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 30)
    drain()
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.events(TEA, "Sorae Referred Visit")) == 30
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}
