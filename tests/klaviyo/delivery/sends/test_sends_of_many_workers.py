"""Workers, sweeps, beats and an operator while friends are invited and say no: on PostgreSQL really at once."""

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import sleep

import pytest
from django.core import mail
from django.db import connection as database
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Connection, Delivery, Lease
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, reminders
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import (
    EITHER_WAY,
    OTHER,
    RECEIVED,
    REMINDER,
    SENT,
    come_back,
    flows,
    join_to,
    let_invite,
    note_last_looks,
)
from tests.klaviyo.story import TEA, State

FRIENDS = [f"friend{number}@friends.test" for number in range(10)]
Act = Callable[[], object]


def work() -> None:
    for connection_id in Connection.objects.values_list("pk", flat=True):
        worker.drain(connection_id)


def sweep() -> None:
    """As if some of those who work were dead."""
    some = list(Lease.objects.order_by("?").values_list("pk", flat=True)[:3])
    Lease.objects.filter(pk__in=some).update(until=timezone.now() - timedelta(seconds=1))
    worker.sweep()


def retry() -> None:
    """An operator who retries everything but what says that it may have gone out."""
    ended = Delivery.objects.filter(send__isnull=False, state__in=(State.FAILED, State.SKIPPED, State.HELD))
    retrying.again(ended.exclude(reason_code="outcome_unknown"))


def remind() -> None:
    Invite.objects.filter(went_out_at__isnull=False).update(contacted_at=timezone.now() - timedelta(days=3))
    reminders.remind_due()


def beside(acts: Sequence[Act], story: Act) -> None:
    """Each act goes on again and again beside the story. SQLite has one writer: there they take turns with it."""
    over, troubles = threading.Event(), list[Exception]()

    def go_on(act: Act) -> None:
        try:
            while not over.wait(0.05):
                act()
        except Exception as trouble:
            troubles.append(trouble)
        finally:
            connections.close_all()

    at_once = acts if database.vendor == "postgresql" else []
    others = [threading.Thread(target=go_on, args=(act,)) for act in at_once]
    for other in others:
        other.start()
    try:
        story()
    finally:
        over.set()
        for other in others:
            other.join()
    assert troubles == []


@EITHER_WAY
def test_each_friend_gets_each_message_once_and_none_after_a_no(
    sandbox: Sandbox,
    ann: Advocate,
    second_connection: Connection,
    drain: Drain,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    inviter: str,
) -> None:
    settings.MAIL_PER_ADVOCATE_AND_DAY = settings.MAIL_PER_DOMAIN_AND_HOUR = 1_000
    let_invite(ann, inviter)
    drain()
    join_to(ann, second_connection)
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    Program.objects.update(most_reminders=1, remind_after_days=1)
    looks, dice, said_no_at = note_last_looks(monkeypatch), random.Random(7), dict[str, datetime]()
    acts: list[Act] = [work, work, work, sweep, retry, remind, remind]

    def story() -> None:
        for number, friend in enumerate(FRIENDS):
            lifecycle.invite(ann, friend)
            if number % 3 == 2:
                gone = dice.choice(FRIENDS[: number + 1])
                lifecycle.opt_out(ann.program.store, gone, scope="invites", place="The page")
                said_no_at.setdefault(gone, timezone.now())
            sleep(0.05) if database.vendor == "postgresql" else dice.choice(acts)()

    beside(acts, story)
    come_back(drain)
    for friend in FRIENDS:
        for account in (TEA, OTHER):
            assert len(flows(sandbox, friend, account)) == len(set(flows(sandbox, friend, account)))
    identities = [message.extra_headers["Message-ID"] for message in mail.outbox]
    assert len(identities) == len(set(identities))
    assert not [look for look, began_at in looks if began_at > said_no_at.get(look.subject, began_at)]
    told = [event.properties["invite_id"] for event in sandbox.events(TEA, SENT)]
    assert len(told) == len(set(told))
    assert_that_the_record_is_true(sandbox)


def assert_that_the_record_is_true(sandbox: Sandbox) -> None:
    """What is on record as accepted has gone out, and nothing else has."""
    identities = {message.extra_headers["Message-ID"] for message in mail.outbox}
    for send in Send.objects.select_related("delivery__connection", "invite"):
        metric = REMINDER if send.kind == Send.Kind.REMINDER else RECEIVED
        by_flow = metric in flows(sandbox, send.invite.recipient_email, send.delivery.connection.account_id)
        has_gone_out = send.message_id in identities if send.channel == Send.Channel.SORAE else by_flow
        assert has_gone_out == (send.delivery.state == State.ACCEPTED), (send.kind, send.delivery.reason_code)
