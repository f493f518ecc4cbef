"""Every account that is connected is asked to delete the person, in its time; what could not be asked is on record."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.api import privacy
from klaviyo.delivery.erasure import erase
from klaviyo.models import StoreSetting
from klaviyo.provider import SCOPES
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Connect, Drain
from tests.klaviyo.story import BEN, CID, TEA, State, make_due

OTHER = "Qk7LmA"
ASKING = privacy.REQUEST_PROFILE_DELETION.id
WITHOUT_PRIVACY = " ".join(scope.name for scope in SCOPES if scope.name != "data-privacy:write")


def asked(connection: Connection) -> tuple[str, str]:
    delivery = Delivery.objects.get(kind="erase", connection=connection)
    return delivery.state, delivery.reason_code


def test_each_connected_account_is_asked(
    sandbox: Sandbox, connection: Connection, second_connection: Connection, drain: Drain
) -> None:
    sandbox.put_profiles(OTHER, [SeedProfile(email=BEN)])
    erase.erase(BEN, None)
    drain()
    assert asked(connection) == (State.ACCEPTED, "not_known")
    assert asked(second_connection) == (State.ACCEPTED, "deletion_asked")
    assert sandbox.profiles(OTHER) == []


def test_an_account_that_must_be_connected_again_is_asked_then(
    sandbox: Sandbox, connection: Connection, drain: Drain, connect: Connect
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    connections.mark_reconnect(connection, reasons.of("access_withdrawn", "The app was removed."))
    erase.erase(BEN, None)
    worker.sweep()
    assert asked(connection)[0] == State.HELD
    connect()
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")
    assert sandbox.profiles(TEA) == []


def test_without_the_scope_it_waits_for_an_operator(sandbox: Sandbox, connect: Connect, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    connect(scope=WITHOUT_PRIVACY)
    connection = Connection.objects.get()
    erase.erase(BEN, None)
    drain()
    assert asked(connection) == (State.HELD, "permission_denied")
    connect()
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")
    assert sandbox.profiles(TEA) == []


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "accept_then_drop"])
def test_bad_days_are_outlived(sandbox: Sandbox, connection: Connection, drain: Drain, fault: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    sandbox.fault(ASKING, fault, retry_after="600" if fault == "429" else None)
    erase.erase(BEN, None)
    drain()
    waiting = Delivery.objects.get(kind="erase")
    assert (waiting.state, waiting.subject) == (State.QUEUED, "")  # whom it is about stands on the receipt
    budgets.forget()
    make_due()
    drain()
    assert asked(connection)[0] == State.ACCEPTED
    assert Delivery.objects.get(kind="erase").subject == ""
    assert sandbox.profiles(TEA) == []


def test_it_goes_before_all_that_waits_and_makes_nothing_look_late(sandbox: Sandbox, ann: Advocate) -> None:
    for number in range(20):
        lifecycle.invite(ann, f"friend{number}@friends.test")
    erase.erase(CID, None)
    connection = Connection.objects.get()
    [first] = outbox.claim(connection, limit=1)
    assert first.kind == "erase"
    assert timezone.now() - first.next_try_at < timedelta(minutes=1)


def test_a_store_without_an_account_erases_all_the_same(ann: Advocate) -> None:
    StoreSetting.objects.all().delete()
    lifecycle.invite(ann, BEN)
    receipt = erase.erase(BEN, None)
    assert receipt.removed["invites"] == 1
