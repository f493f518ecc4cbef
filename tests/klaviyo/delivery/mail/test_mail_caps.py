"""How much mail anybody gets, sends, or any mail domain takes: exactly so much, however many workers there are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection as database
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.models import Send
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import reserved, written_to
from tests.klaviyo.story import BEN, State, let_pass, make_due
from tests.mail_server import MailServer

pytestmark = pytest.mark.usefixtures("own_mail")

WORKERS = 6


def advocates(program: Program, number: int) -> list[Advocate]:
    return [lifecycle.join(program, f"advocate{n}@example.com") for n in range(number)]


def reasons() -> list[tuple[str, str]]:
    return sorted(Delivery.objects.filter(kind="email").values_list("state", "reason_code"))


def make_older(by: timedelta) -> None:
    """As if what went out had done so long ago."""
    for send in Send.objects.filter(mailed_at__isnull=False):
        Send.objects.filter(pk=send.pk).update(mailed_at=send.mailed_at and send.mailed_at - by)


def all_at_once(connection: Connection, drain: Drain, kind: str = "email") -> None:
    """Each message has a worker of its own; SQLite has one writer, so they come one after the other there."""
    emails = Delivery.objects.filter(kind=kind, send__isnull=False)
    emails.update(next_try_at=timezone.now() + timedelta(hours=1))
    drain()
    make_due()
    batches = [outbox.claim(connection, limit=1) for _ in range(emails.count())]
    start = Barrier(len(batches) if database.vendor == "postgresql" else 1)

    def work(batch: list[Delivery]) -> None:
        try:
            start.wait(timeout=300)
            worker.deliver(connection, batch)
        finally:
            if database.vendor == "postgresql":
                connections.close_all()

    if database.vendor != "postgresql":
        for batch in batches:
            work(batch)
        return
    with ThreadPoolExecutor(len(batches)) as pool:
        for run in [pool.submit(work, batch) for batch in batches]:
            run.result(timeout=600)


def test_a_person_gets_so_many_in_a_week(
    mail_server: MailServer, settings: Settings, spring: Program, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 2
    for advocate in advocates(spring, WORKERS):
        lifecycle.invite(advocate, BEN)
    all_at_once(connection, drain)
    assert written_to(mail_server) == [BEN, BEN]
    assert reasons() == [(State.ACCEPTED, "")] * 2 + [(State.SKIPPED, "too_many")] * (WORKERS - 2)
    make_older(timedelta(days=7))
    lifecycle.invite(ann, "BEN@friends.test")
    drain()
    assert len(mail_server.arrived) == 3


def test_an_advocate_sends_so_many_in_a_day_and_the_others_go_later(
    mail_server: MailServer, settings: Settings, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_ADVOCATE_AND_DAY = 2
    for number in range(5):
        lifecycle.invite(ann, f"friend{number}@friends{number}.test")
    all_at_once(connection, drain)
    assert reasons() == [(State.ACCEPTED, "")] * 2 + [(State.QUEUED, "advocate_cap")] * 3
    for sent in (4, 5):
        make_older(timedelta(days=1))
        let_pass(timedelta(hours=1))
        drain()
        assert len(mail_server.arrived) == sent
    assert len(set(written_to(mail_server))) == 5


def test_a_domain_takes_so_many_in_an_hour_and_the_others_go_later(
    mail_server: MailServer, settings: Settings, spring: Program, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_DOMAIN_AND_HOUR = 2
    for number, advocate in enumerate(advocates(spring, 5)):
        lifecycle.invite(advocate, f"friend{number}@Bücher.test")
    lifecycle.invite(ann, "friend@other-bücher.test")
    all_at_once(connection, drain)
    assert reasons() == [(State.ACCEPTED, "")] * 3 + [(State.QUEUED, "domain_cap")] * 3
    for sent in (5, 6):
        make_older(timedelta(hours=1))
        let_pass(timedelta(minutes=10))
        drain()
        assert len(mail_server.arrived) == sent


def test_waiting_for_room_costs_no_attempt(
    mail_server: MailServer, settings: Settings, ann: Advocate, drain: Drain
) -> None:
    settings.MAIL_PER_ADVOCATE_AND_DAY = 0
    lifecycle.invite(ann, BEN)
    for _ in range(3):
        drain()
        make_due()
    assert Delivery.objects.get(kind="email").attempts_made == 0
    assert reserved() == 0


ANSWERS: dict[str, Callable[[MailServer], None]] = {
    "refused": lambda server: server.answers("RCPT", "550 5.1.1 Nobody"),
    "postponed": lambda server: server.answers("RCPT", "450 4.2.0 Later"),
}


@pytest.mark.parametrize("how", ANSWERS)
def test_what_did_not_go_out_takes_nobodys_place(
    mail_server: MailServer, settings: Settings, spring: Program, ann: Advocate, drain: Drain, how: str
) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 1
    ANSWERS[how](mail_server)
    lifecycle.invite(ann, BEN)
    drain()
    [other] = advocates(spring, 1)
    lifecycle.invite(other, BEN)
    Delivery.objects.filter(kind="email", reason_code="mail_postponed").update(state=State.HELD)
    drain()
    assert written_to(mail_server) == [BEN]
