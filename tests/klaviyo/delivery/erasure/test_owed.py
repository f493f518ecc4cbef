"""An erasure is owed to every account until it has taken it: whatever is done to the account, it is only delayed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from integrations import connections, encryption, outbox, reasons
from integrations.connections import Choice
from integrations.models import Connection, Delivery
from integrations.outbox import retention, retrying
from integrations.workers import worker
from klaviyo.api import bulk, privacy
from klaviyo.delivery.erasure import erase, owed, repeat
from klaviyo.imports import backfill
from klaviyo.models import Erasure, StoreSetting
from klaviyo.pages import person, person_history, receipts
from klaviyo.pages.receipts import Asked
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Reward, Suppression, Visit
from tests import budgets, consent_screen
from tests.conftest import Connect, Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.delivery.bulk.test_imports_and_erasing import let_the_wire_clear, look
from tests.klaviyo.story import BEN, TEA, State, choose_list, known, make_due, metrics

OTHER = "Qk7LmA"
ASKING = privacy.REQUEST_PROFILE_DELETION.id
FACTS: tuple[type[Any], ...] = (Advocate, Invite, Visit, Conversion, Reward, OptIn, OptOut)
FACTS_AND_DELIVERIES: tuple[type[Any], ...] = (*FACTS, Delivery)
NO_KEY = encryption.new_key("another")


def asked(connection: Connection) -> tuple[str, str]:
    delivery = Delivery.objects.get(kind="erase", connection=connection)
    return delivery.state, delivery.reason_code


def is_done(receipt: Erasure) -> bool:
    return receipts.of(receipt).is_done


def owed_of(email: str) -> list[Asked]:
    """Of which accounts the person's page says that they have yet to hear of it."""
    return person_history.of(person.of(email), [email]).owed_erasures


def become_old(time: timedelta = repeat.AFTER) -> None:
    """As if that much time had gone by since all that is."""
    ago = time + timedelta(seconds=1)
    Erasure.objects.update(requested_at=F("requested_at") - ago)
    Suppression.objects.update(created_at=F("created_at") - ago)
    for model in FACTS_AND_DELIVERIES:
        model._default_manager.update(created_at=F("created_at") - ago, occurred_at=F("occurred_at") - ago)


def test_an_account_that_is_not_connected_is_told_when_it_comes_back(
    sandbox: Sandbox, connection: Connection, second_connection: Connection, drain: Drain, connect: Connect
) -> None:
    sandbox.put_profiles(OTHER, [SeedProfile(email=BIRD)])
    connections.disconnect(second_connection, None)
    receipt = erase.erase(BIRD, None)
    worker.sweep()
    drain()
    become_old()
    repeat.go_on()
    assert asked(connection) == (State.ACCEPTED, "not_known")
    assert asked(second_connection)[0] == State.HELD
    assert not is_done(receipt)
    assert canary.found() == []
    assert Erasure.objects.get().address == BIRD.lower()
    connect(account=OTHER)
    drain()
    assert asked(second_connection) == (State.ACCEPTED, "deletion_asked")
    assert sandbox.profiles(OTHER) == []
    assert is_done(receipt)
    repeat.go_on()
    assert not Erasure.objects.get().is_address_kept


def cancel_what_waits(connection: Connection, browser: Client) -> None:
    browser.post(f"/admin/integrations/{connection.pk}/disconnect", {"waiting": "cancel"})


def take_back(connection: Connection, _: Client) -> None:
    connections.disconnect(connection, None)
    outbox.cancel(Delivery.objects.all(), outbox.TAKEN_BACK)


def replace(connection: Connection, _: Client) -> None:
    """By another account, which came back from the consent screen."""
    user = User.objects.get()
    new = Connection.objects.create(provider="klaviyo", account_id="New123", replaces=connection, state="undecided")
    connections.decide(new, Choice.REPLACE, user)


def discard(connection: Connection, _: Client) -> None:
    """It came back while another was meant, and the operator does not want it."""
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.UNDECIDED)
    connections.decide(connection, Choice.DISCARD, User.objects.get())


def part(connection: Connection, _: Client) -> None:
    StoreSetting.objects.all().delete()
    connections.disconnect(connection, None)


def switch_off(connection: Connection, _: Client) -> None:
    StoreSetting.objects.update(is_enabled=False)
    connections.mark_reconnect(connection, reasons.of("access_withdrawn", "The app was removed."))


def grow_old(connection: Connection, _: Client) -> None:
    """Until nothing is kept any more of what was told."""
    connections.disconnect(connection, None)
    long_ago = timezone.now() - timedelta(days=400)
    Delivery.objects.update(created_at=long_ago, occurred_at=long_ago, next_try_at=long_ago)
    outbox.cancel_late()
    retention.forget()


WAYS = (cancel_what_waits, take_back, replace, discard, part, switch_off, grow_old)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_let_an_account_go_loses_it(
    sandbox: Sandbox,
    ann: Advocate,
    connection: Connection,
    browser_of_the_operator: Client,
    operator: User,
    drain: Drain,
    way: Callable[[Connection, Client], None],
    is_first: bool,
) -> None:
    """Whether the person is erased before the account goes or after."""
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BIRD)])
    if is_first:
        receipt = erase.erase(BIRD, operator)
        way(connection, browser_of_the_operator)
    else:
        way(connection, browser_of_the_operator)
        receipt = erase.erase(BIRD, operator)
    for _ in range(2):
        repeat.go_on()
        worker.sweep()
        drain()
        assert sandbox.profile(TEA, BIRD) is not None
        assert not is_done(receipt)
        assert canary.found() == []
        assert asked(connection)[0] == State.HELD
        become_old()
    consent_screen.connected_by(operator, sandbox)
    drain()
    assert sandbox.profile(TEA, BIRD) is None
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")


def test_what_was_cancelled_is_owed_again(sandbox: Sandbox, connection: Connection, drain: Drain) -> None:
    """An older version's deliveries carry the address, and its operators could cancel them."""
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    receipt = erase.erase(BEN, None)
    Erasure.objects.update(address="")
    Delivery.objects.update(subject=BEN, state=State.CANCELLED, settled_at=timezone.now())
    assert not is_done(receipt)
    repeat.go_on()
    assert Delivery.objects.get().subject == ""
    assert Erasure.objects.get().address == BEN
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")


def test_an_older_versions_delivery_works_as_it_is(sandbox: Sandbox, connection: Connection, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    sandbox.fault(ASKING, "500")
    erase.erase(BEN, None)
    Erasure.objects.update(address="")
    Delivery.objects.update(subject=BEN)
    drain()
    assert Delivery.objects.get().subject == BEN
    make_due()
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")
    assert Delivery.objects.get().subject == ""


def test_what_an_older_version_never_asked_is_done_by_a_newer_erasure(
    sandbox: Sandbox, connection: Connection, drain: Drain
) -> None:
    first = erase.erase(BEN, None)
    Erasure.objects.update(address="")
    skipped = owed.NOT_CONNECTED
    Delivery.objects.update(state=State.SKIPPED, reason_code=skipped.code, reason=skipped.sentence)
    repeat.go_on()
    assert asked(connection) == (State.SKIPPED, "not_connected")
    assert not is_done(first)
    assert receipts.of(first).is_partly_done
    assert [one.why for one in owed_of(BEN)] == [skipped.sentence]
    second = erase.erase(BEN.upper(), None)
    drain()
    assert is_done(first)
    assert is_done(second)
    assert owed_of(BEN) == []


def test_an_account_that_was_never_connected_is_owed_nothing(operator: User) -> None:
    Connection.objects.create(provider="klaviyo", account_id=OTHER, state=Connection.State.UNDECIDED)
    receipt = erase.erase(BEN, None)
    assert not Delivery.objects.exists()
    assert is_done(receipt)
    become_old()
    repeat.go_on()
    assert not Erasure.objects.get().is_address_kept


@pytest.mark.parametrize("fault", ["429", "500", "reset"])
def test_no_try_writes_the_address_down(
    sandbox: Sandbox, connection: Connection, drain: Drain, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BIRD)])
    sandbox.fault(ASKING, fault)
    erase.erase(BIRD, None)
    drain()
    assert asked(connection)[0] == State.QUEUED
    assert canary.found() == []
    sandbox.fault("get_profiles", fault)
    budgets.forget()
    make_due()
    drain()
    assert canary.found() == []
    assert not any(mark in caplog.text.lower() for mark in canary.MARKS)
    budgets.forget()
    make_due()
    drain()
    assert asked(connection)[0] == State.ACCEPTED


def test_without_the_key_it_fails_and_says_what_to_do(
    sandbox: Sandbox, connection: Connection, drain: Drain, settings: Settings
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    receipt, keys = erase.erase(BEN, None), settings.ENCRYPTION_KEYS
    access = Connection.objects.get().access_token
    settings.ENCRYPTION_KEYS = NO_KEY
    row = Connection.objects.get()
    row.access_token = access
    row.save()
    drain()
    become_old()
    repeat.go_on()
    assert asked(connection) == (State.FAILED, "erased_person_unreadable")
    assert sandbox.requests(ASKING) == []
    [one] = receipts.of(receipt).asked
    assert "Delete the person there by hand." in one.why
    assert receipts.of(receipt).needs_somebody
    settings.ENCRYPTION_KEYS = f"{keys},{NO_KEY}"
    assert retrying.again(Delivery.objects.all()) == 1
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")


def test_what_was_refused_can_be_retried_however_old_it_is(
    sandbox: Sandbox, connection: Connection, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    receipt = erase.erase(BEN, None)
    failed = {"state": State.FAILED, "settled_at": timezone.now() - timedelta(days=400)}
    Delivery.objects.update(**failed)
    retention.forget()
    repeat.go_on()
    delivery = Delivery.objects.get()
    assert not retention.is_forgotten(delivery)
    assert not is_done(receipt)
    assert retrying.again(Delivery.objects.all()) == 1
    drain()
    assert asked(connection) == (State.ACCEPTED, "deletion_asked")
    assert retrying.again(Delivery.objects.all()) == 0


def let_imports_end(drain: Drain) -> None:
    for _ in range(4):
        let_the_wire_clear()
        look()
        make_due()
        drain()


def come_back_as_somebody_new(ann: Advocate) -> Advocate:
    """In every way that makes a profile."""
    back = lifecycle.join(ann.program, BEN, first_name="Newben")
    lifecycle.opt_in(ann.program.store, BEN, wording="Yes", place="join form")
    lifecycle.convert(ann, order_id="N", friend_email=BEN, total="9", currency="EUR")
    return back


@pytest.mark.parametrize("bulk_from", [1_000, 1])
def test_whoever_is_back_waits_for_the_deletion(
    sandbox: Sandbox,
    ann: Advocate,
    connection: Connection,
    operator: User,
    drain: Drain,
    settings: Settings,
    bulk_from: int,
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    [newsletter] = sandbox.put_lists(TEA, [SeedList("News", opt_in_process="single_opt_in")])
    choose_list(sandbox)
    StoreSetting.objects.update(newsletter_list_id=newsletter)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, properties={"of": "before"})])
    drain()
    connections.disconnect(connection, None)
    erase.erase(BEN, None)
    come_back_as_somebody_new(ann)
    worker.sweep()
    consent_screen.connected_by(operator, sandbox)
    Delivery.objects.filter(kind="erase").update(next_try_at=timezone.now() + timedelta(minutes=5))
    drain()
    waiting = Delivery.objects.filter(subject=BEN, state=State.QUEUED, reason_code="erased_first")
    assert set(waiting.values_list("kind", flat=True)) == {"profile", "event", "subscribe"}
    assert known(sandbox, BEN).properties == {"of": "before"}
    let_imports_end(drain)
    writes = [entry.operation for entry in sandbox.requests() if entry.operation == ASKING]
    assert len(writes) == 1
    assert known(sandbox, BEN).properties.get("of") is None
    assert known(sandbox, BEN).first_name == "Newben"
    assert "Sorae Referred Purchase" in metrics(sandbox, BEN)


def test_a_walk_passes_over_whoever_waits_for_the_deletion(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, properties={"of": "before"})])
    drain()
    erase.erase(BEN, None)
    back = lifecycle.join(ann.program, BEN, first_name="Newben")
    Delivery.objects.exclude(kind="erase").delete()
    backfill.step(backfill.begin(setting).pk)
    said = [str(entry) for entry in sandbox.requests(bulk.BULK_IMPORT_PROFILES.id)]
    assert len(said) == 1
    assert known(sandbox, BEN).properties == {"of": "before"}
    [own] = Delivery.objects.filter(kind="profile")
    assert own.subject == back.email
    let_imports_end(drain)
    assert known(sandbox, BEN).first_name == "Newben"
    assert known(sandbox, BEN).properties.get("of") is None


def test_rotation_of_keys_takes_it_along(connection: Connection, settings: Settings) -> None:
    connections.disconnect(connection, None)
    erase.erase(BEN, None)
    settings.ENCRYPTION_KEYS = f"{NO_KEY},{settings.ENCRYPTION_KEYS}"
    call_command("rotate_encryption_keys")
    settings.ENCRYPTION_KEYS = NO_KEY
    assert Erasure.objects.get().address == BEN


def test_the_address_cannot_be_read_from_another_row(connection: Connection) -> None:
    erase.erase(BEN, None)
    erase.erase("cid@friends.test", None)
    first, second = Erasure.objects.order_by("pk")
    stored: Any = first.__dict__["address_sealed"]
    Erasure.objects.filter(pk=second.pk).update(address=stored)
    with pytest.raises(encryption.Undecryptable):
        Erasure.objects.get(pk=second.pk).address  # noqa: B018
