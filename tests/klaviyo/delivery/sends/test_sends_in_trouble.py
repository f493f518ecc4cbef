"""Our own mail over two accounts through random troubles: never twice, never after a no, decided and on record."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from pytest_django import Settings

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.consent import check, gate
from klaviyo.delivery.sends import caps
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles import lookup
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Connect, Drain
from tests.klaviyo.sending_cast import OTHER, Killed, come_back, join_to, let_invite, note_last_looks
from tests.klaviyo.story import TEA, State, end_leases, make_due

RUNS = 3
Noes = dict[str, tuple[datetime, str]]  # when, and where, somebody has said no

#: Each moment of a message, as a function of it.
MOMENTS: list[tuple[Any, str]] = [
    (outbox, "claim"),
    (outbox, "settle"),
    (lookup.Lookup, "ask"),
    (check, "decide"),
    (gate, "keep"),
    (gate, "last_look"),
    (caps, "reserve"),
    (EmailBackend, "send_messages"),
    (lifecycle, "went_out"),
    (transport, "send"),
]


@contextmanager
def at_a_moment(dice: random.Random, act: Callable[[], Any]) -> Iterator[None]:
    """Let something happen once, before or after a function is called for some time of many."""
    owner, name = dice.choice(MOMENTS)
    function, left, is_after = getattr(owner, name), [dice.randrange(4)], dice.random() < 0.5

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        is_now = left[0] == -1
        if is_now and not is_after:
            act()
        result = function(*args, **kwargs)
        if is_now and is_after:
            act()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        yield


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_each_message_goes_once_and_none_after_a_no(
    sandbox: Sandbox,
    ann: Advocate,
    second_connection: Connection,
    drain: Drain,
    connect: Connect,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    settings.MAIL_PER_ADVOCATE_AND_DAY = settings.MAIL_PER_DOMAIN_AND_HOUR = 1_000
    let_invite(ann)
    drain()
    join_to(ann, second_connection)
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    looks, dice, noes = note_last_looks(monkeypatch), random.Random(seed), Noes()
    for run in range(RUNS):
        friends = [f"friend{run}.{number}@friends.test" for number in range(3)]
        invite(ann, friends, dice)
        say_no = partial(says_no, sandbox, ann, noes, dice.choice(friends), dice.choice(["Sorae", TEA, OTHER]))
        acts: list[Callable[[], Any]] = [die, *[say_no] * 4, retry, sweep, lose_the_account]
        for _ in range(3):
            with at_a_moment(dice, dice.choice(acts)), suppress(Killed):
                drain()
            sweep()
            make_due()
        if not Connection.objects.get(account_id=TEA).is_connected:
            connect()
        come_back(drain)
    assert not Delivery.objects.filter(send__isnull=False, state__in=Delivery.OPEN).exists()
    looked_at = {delivery.pk: began_at for delivery, began_at in looks}
    mailed = [message.extra_headers["Message-ID"] for message in mail.outbox]
    assert len(mailed) == len(set(mailed)), "somebody was written to twice"
    for send in Send.objects.select_related("delivery", "invite"):
        assert_that_the_record_is_true(send, send.message_id in mailed)
        if send.message_id in mailed:
            said = noes.get(send.invite.recipient_email)
            assert_that_nobody_had_said_no(send, looked_at[send.delivery_id], said)


def invite(ann: Advocate, friends: list[str], dice: random.Random) -> None:
    for friend in friends:
        invited = lifecycle.invite(ann, friend)
        if dice.random() < 0.4:
            lifecycle.remind(invited, 1)


def die() -> None:
    raise Killed


def says_no(sandbox: Sandbox, ann: Advocate, noes: Noes, email: str, where: str) -> None:
    if where == "Sorae":
        lifecycle.opt_out(ann.program.store, email, scope="invites", place="The page")
    else:
        sandbox.put_profiles(where, [SeedProfile(email=email, consent="UNSUBSCRIBED")])
    noes.setdefault(email, (timezone.now(), where))


def retry() -> None:
    retrying.again(Delivery.objects.exclude(reason_code="outcome_unknown").filter(send__isnull=False))


def sweep() -> None:
    end_leases()
    worker.sweep()


def lose_the_account() -> None:
    why = reasons.of("access_withdrawn", "The app was removed.")
    connections.mark_reconnect(Connection.objects.get(account_id=TEA), why)


def assert_that_the_record_is_true(send: Send, was_mailed: bool) -> None:
    if send.delivery.reason_code != "outcome_unknown":
        assert was_mailed == (send.delivery.state == State.ACCEPTED), send.delivery.reason_code
    if send.kind == Send.Kind.INVITE and send.delivery.state == State.ACCEPTED:
        assert send.invite.went_out_at


def assert_that_nobody_had_said_no(send: Send, looked_at: datetime, no: tuple[datetime, str] | None) -> None:
    """Neither here, when it was looked at last, nor there, when that account was asked."""
    yeses = send.decisions.filter(is_allowed=True, decided_at__lte=looked_at)
    assert {yes.connection.account_id for yes in yeses if yes.connection} == {TEA, OTHER}
    said_at, where = no or (timezone.now(), "nowhere")
    if where == "Sorae":
        assert looked_at <= said_at
    elif no:
        asked_at = yeses.filter(connection__account_id=where).values_list("asked_at", flat=True).first()
        assert asked_at is not None
        assert asked_at <= said_at
