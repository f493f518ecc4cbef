"""What tests of sends share: who sends the invites, a second account of the store, and workers that die."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.consent import gate
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, signals
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.story import BEN, TEA, end_leases, make_due

OTHER = "Qk7LmA"  # the second account
RECEIVED, REMINDER, SENT = "Sorae Invite Received", "Sorae Invite Reminder", "Sorae Invite Sent"

EITHER_WAY = pytest.mark.parametrize("inviter", Program.Inviter)


class Killed(BaseException):
    """A worker that is no more; no code of ours sees it coming."""


@contextmanager
def killed_before(owner: Any, name: str) -> Iterator[None]:
    """The worker dies when it comes to that function."""

    def dying(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(owner, name, dying)
        with pytest.raises(Killed):
            yield


@contextmanager
def a_host_hears_of_what_goes_out(hears: Callable[..., None]) -> Iterator[None]:
    """A host's own code is told of each invite that goes out."""
    signals.invite_went_out.connect(hears, weak=False, dispatch_uid="a host")
    try:
        yield
    finally:
        signals.invite_went_out.disconnect(dispatch_uid="a host")


def note_last_looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Delivery, datetime]]:
    """When each last look began that found nothing against a delivery."""
    looks: list[tuple[Delivery, datetime]] = []
    look = gate.last_look

    def noted(batch: Batch, delivery: Delivery) -> None:
        began_at = timezone.now()
        look(batch, delivery)
        looks.append((delivery, began_at))

    monkeypatch.setattr(gate, "last_look", noted)
    return looks


def let_invite(ann: Advocate, inviter: str = Program.Inviter.SORAE) -> None:
    """The invites of Ann's program go this way from here on."""
    Program.objects.update(invites_by=inviter)
    ann.program.refresh_from_db()


def join_to(ann: Advocate, connection: Connection, **setting: Any) -> StoreSetting:
    """The store is joined to this account as well."""
    known = {"behaviour": StoreSetting.Behaviour.CREATE}
    return StoreSetting.objects.create(store=ann.program.store, connection=connection, **known | setting)


def invited_days_ago(ann: Advocate, drain: Drain) -> Invite:
    """Ben's invite went out two days ago, and the program reminds twice, after a day each."""
    Program.objects.update(most_reminders=2, remind_after_days=1)
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    drain()
    lifecycle.invite(ann, BEN)
    drain()
    days_ago = timezone.now() - timedelta(days=2)
    assert Invite.objects.filter(went_out_at__isnull=False).update(contacted_at=days_ago, went_out_at=days_ago) == 1
    return Invite.objects.get()


def come_back(drain: Drain, times: int = 3) -> None:
    """The sweeps of the next minutes, and workers that live."""
    for _ in range(times):
        end_leases()
        worker.sweep()
        make_due()
        drain()


def lose(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.RECONNECT)


def flows(sandbox: Sandbox, email: str, account: str = TEA) -> list[str]:
    """What has started a Klaviyo flow to somebody, in order."""
    mine = [event.metric for event in sandbox.events(account) if event.email == email]
    return [metric for metric in mine if metric in (RECEIVED, REMINDER)]


def mailed() -> list[str]:
    """To whom Sorae itself has written, in order."""
    return [address for message in mail.outbox for address in message.to]


def got(sandbox: Sandbox, email: str) -> int:
    """How many messages somebody got, whoever sent them."""
    return len(flows(sandbox, email)) + mailed().count(email)


def send_outcomes() -> list[tuple[str, str]]:
    """State and reason of all invites and reminders, in order."""
    rows = Delivery.objects.filter(send__isnull=False).order_by("pk")
    return [(row.state, row.reason_code) for row in rows]
