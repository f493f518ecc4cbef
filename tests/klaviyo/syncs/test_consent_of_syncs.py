"""Nobody who said no is asked back, whatever a column says; and only what is about consent speaks of consent."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Delivery
from klaviyo.api import profiles
from klaviyo.api import subscriptions as api
from klaviyo.api.client import Client
from klaviyo.delivery.erasure.erase import erase
from klaviyo.models import StoreSetting, Sync, SyncChange, SyncRow, SyncRun, SyncStaged, SyncUpload, SyncUploadPiece
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from klaviyo.syncs.run import engine, runs
from referrals import lifecycle
from referrals.models import OptOut, Store, Suppression
from tests.conftest import Drain
from tests.klaviyo.story import TEA
from tests.klaviyo.syncs.conftest import Write
from tests.klaviyo.syncs.syncing import command, run, sums_hold, to_its_end

SUBSCRIBE, UNSUBSCRIBE, IMPORT = "bulk_subscribe_profiles", "bulk_unsubscribe_profiles", "bulk_import_profiles"
HEADER = ("id", "Email", "News", "Since")
SINCE = "2026-01-01T10:00:00Z"


@pytest.fixture
def newsletter(customers: Sync) -> Sync:
    customers.destination, customers.mode = "subscriptions", "subscribe"
    customers.options = {"historical": True}
    customers.mapping = {
        "identity": {"kind": "email", "column": "Email"},
        "consent": {
            "email": {"column": "News", "yes": ["yes"]},
            "consented_at": {"column": "Since", "form": "iso"},
        },
    }
    customers.save()
    return customers


def asking(*names: str, says: str = "yes") -> list[tuple[str, ...]]:
    return [(name, f"{name}@example.com", says, SINCE) for name in names]


def consents(sandbox: Sandbox) -> dict[str, str]:
    return {profile.email or "": profile.consent for profile in sandbox.profiles(TEA)}


def test_only_a_ticked_word_is_a_yes(sandbox: Sandbox, newsletter: Sync, write: Write) -> None:
    write([*asking("ann", "ben"), *asking("cid", says="no"), *asking("dan", says="")], HEADER)
    row = run(newsletter)
    assert consents(sandbox) == {"ann@example.com": "SUBSCRIBED", "ben@example.com": "SUBSCRIBED"}
    assert (row.added, row.not_sent) == (2, 2)
    assert sums_hold(row)
    again = run(newsletter)
    assert (again.unchanged, again.not_sent, len(sandbox.requests(SUBSCRIBE))) == (2, 2, 1)
    assert sums_hold(again)


@pytest.mark.parametrize("how", ["UNSUBSCRIBE", "SPAM_COMPLAINT", "HARD_BOUNCE", "INVALID_EMAIL", "USER_SUPPRESSED"])
def test_whom_klaviyo_holds_a_no_of_is_not_asked(sandbox: Sandbox, newsletter: Sync, write: Write, how: str) -> None:
    consent = "UNSUBSCRIBED" if how == "UNSUBSCRIBE" else "SUBSCRIBED"
    sandbox.put_profiles(TEA, [SeedProfile(email="ann@example.com", consent=consent, suppressions=(how,))])
    write(asking("ann", "ben"), HEADER)
    for row in (run(newsletter), run(newsletter, full=True)):
        assert row.not_sent == 1
        assert sums_hold(row)
    said = sandbox.profile(TEA, "ann@example.com")
    assert said
    assert (said.consent, said.suppressions) == (consent, (how,))
    assert SyncRow.objects.get(key="ann").code == "has_said_no"


def test_our_own_list_of_no_stands(
    sandbox: Sandbox, newsletter: Sync, setting: StoreSetting, tea_house: Store, write: Write
) -> None:
    lifecycle.opt_out(tea_house, "ann@example.com", scope=OptOut.Scope.EVERYTHING, place="Our page")
    lifecycle.suppress("ben@example.com", Suppression.Reason.COMPLAINED, tea_house)
    write(asking("ann", "ben", "cid"), HEADER)
    row = run(newsletter)
    assert (row.added, row.not_sent) == (1, 2)
    assert consents(sandbox).get("ann@example.com") != "SUBSCRIBED"
    assert consents(sandbox).get("ben@example.com") != "SUBSCRIBED"


def test_a_first_run_that_would_ask_everybody_is_held(sandbox: Sandbox, newsletter: Sync, write: Write) -> None:
    newsletter.options = {}
    newsletter.save()
    write(asking("ann"), HEADER)
    row = run(newsletter)
    assert (row.state, row.code) == ("held", "consent_undated")
    assert not sandbox.requests(SUBSCRIBE)


def test_whoever_has_to_confirm_is_asked_once(sandbox: Sandbox, newsletter: Sync, write: Write) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("News", opt_in_process="double_opt_in")])
    newsletter.options = {"list_id": list_id, "asked_days": 7}
    newsletter.save()
    write(asking("ann", "ben"), HEADER)
    for full in (False, False, True):
        assert run(newsletter, full=full).state == "done"
    assert len(sandbox.requests(SUBSCRIBE)) == 1
    assert set(SyncRow.objects.values_list("state", flat=True)) == {"pending"}


def test_whom_a_stopped_run_may_have_asked_to_confirm_nobody_asks_again(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, newsletter: Sync, write: Write
) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("News", opt_in_process="double_opt_in")])
    newsletter.options = {"list_id": list_id, "asked_days": 7}
    newsletter.save()
    write(asking("ann", "ben"), HEADER)
    sandbox.fault(SUBSCRIBE, "accept_then_drop")
    stopped = runs.begin(newsletter)
    assert engine.step(stopped.pk)
    assert not engine.step(stopped.pk)
    runs.stop(stopped)
    write(asking("ann", "ben", "cid"), HEADER)
    row = run(newsletter)
    assert (row.state, row.added) == ("done", 3)
    assert sums_hold(row)
    asked = [exchange.body for exchange in sent() if exchange.operation == SUBSCRIBE]
    assert [b"ann@example.com" in body for body in asked] == [True, False]


def test_an_unsubscribe_also_stands_in_sorae(
    sandbox: Sandbox, newsletter: Sync, setting: StoreSetting, tea_house: Store, write: Write
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="ann@example.com", consent="SUBSCRIBED")])
    newsletter.mode, newsletter.options = "unsubscribe", {}
    newsletter.mapping = {
        "identity": {"kind": "email", "column": "Email"},
        "consent": {"email": {"column": "News", "yes": ["yes"]}},
    }
    newsletter.save()
    write(asking("ann"), HEADER)
    row = run(newsletter)
    assert row.state == "done", row.problem
    assert consents(sandbox) == {"ann@example.com": "UNSUBSCRIBED"}
    assert OptOut.objects.get().store == tea_house


def test_whom_it_has_subscribed_it_unsubscribes_when_that_is_asked_for(
    sandbox: Sandbox, newsletter: Sync, write: Write
) -> None:
    write(asking("ann", "ben"), HEADER)
    run(newsletter)
    newsletter.mode, newsletter.options = "unsubscribe", {}
    newsletter.save()
    row = run(newsletter)
    assert (row.added, row.unchanged) == (2, 0)
    assert set(consents(sandbox).values()) == {"UNSUBSCRIBED"}


def test_no_other_sync_speaks_of_consent(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write([("1", "ann@example.com", "Ann", "gold")])
    run(customers)
    bodies = [exchange.body for exchange in sent() if exchange.operation == IMPORT]
    assert bodies
    assert not any(b"subscriptions" in body or b"consent" in body for body in bodies)


def test_whoever_is_made_known_has_said_no_first(
    sandbox: Sandbox, customers: Sync, setting: StoreSetting, tea_house: Store, write: Write
) -> None:
    lifecycle.opt_out(tea_house, "ann@example.com", scope=OptOut.Scope.EVERYTHING, place="Our page")
    Delivery.objects.all().delete()  # as if the account had never been told
    write([("1", "ann@example.com", "Ann", "gold")])
    run(customers)
    order = [entry.operation for entry in sandbox.requests() if entry.operation in (UNSUBSCRIBE, IMPORT)]
    assert order == [UNSUBSCRIBE, IMPORT]
    assert consents(sandbox) == {"ann@example.com": "UNSUBSCRIBED"}
    assert Delivery.objects.filter(kind="unsubscribe").exists()


def test_who_was_erased_is_told_of_no_more(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, customers: Sync, write: Write, drain: Drain
) -> None:
    write([("1", "ann@example.com", "Ann", "gold"), ("2", "ben@example.com", "Ben", "gold")])
    run(customers)
    before = len(sent())
    erase("ann@example.com", None)
    assert list(SyncRow.objects.values_list("identity", flat=True)) == ["ben@example.com"]
    drain()
    for _ in range(2):
        row = run(customers, full=True)
        drain()
        assert (row.not_sent, row.notes["erased"]) == (1, 1)
        assert sums_hold(row)
    told = [exchange.body for exchange in sent()[before:] if exchange.operation == IMPORT]
    assert told
    assert not any(b"ann@example.com" in body for body in told)
    assert list(SyncRow.objects.values_list("identity", flat=True)) == ["ben@example.com"]


def test_a_no_that_comes_while_they_are_subscribed_stands(
    sandbox: Sandbox,
    newsletter: Sync,
    setting: StoreSetting,
    tea_house: Store,
    write: Write,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscribe = api.subscribe_all

    def beside(*args: Any, last_look: Callable[[], None], **more: Any) -> None:
        def look() -> None:
            last_look()
            lifecycle.opt_out(tea_house, "ann@example.com", scope=OptOut.Scope.EVERYTHING, place="Our page")
            drain()

        subscribe(*args, last_look=look, **more)

    monkeypatch.setattr(api, "subscribe_all", beside)
    write(asking("ann", "ben"), HEADER)
    run(newsletter)
    Delivery.objects.update(next_try_at=timezone.now())
    drain()
    assert consents(sandbox) == {"ann@example.com": "UNSUBSCRIBED", "ben@example.com": "SUBSCRIBED"}


def test_an_erasure_reaches_what_waits(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    import zlib

    upload = SyncUpload.objects.create(name="customers.csv")
    lines = b"id,Email\n1,Ann@example.com\n2,ben@example.com\n"
    SyncUploadPiece.objects.create(upload=upload, number=0, content=zlib.compress(lines))
    write([("ann@example.com", "ann@example.com", "Ann", "gold"), ("2", "ben@example.com", "Ben", "gold")])
    dry = run(customers, dry=True)
    assert "ann@example.com" in str(dry.samples)
    row = runs.begin(customers)
    assert engine.step(row.pk)
    assert SyncChange.objects.filter(identity="ann@example.com").exists()
    erase("ann@example.com", None)
    assert not SyncChange.objects.filter(identity="ann@example.com").exists()
    assert not SyncStaged.objects.exists()
    assert "ann@example.com" not in str(SyncRun.objects.get(pk=dry.pk).samples)
    assert b"Ann@" not in zlib.decompress(bytes(SyncUploadPiece.objects.get().content))
    done = to_its_end(row)
    assert sums_hold(done)
    assert {profile.email for profile in sandbox.profiles(TEA)} == {"ben@example.com"}


def test_a_dry_run_counts_and_shows_and_sends_nothing(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    write([("1", "ann@example.com", "Ann", "gold"), ("2", "no address", "", "")])
    before = len(sandbox.requests())
    code, said = command("customers", "--dry-run")
    assert "added 1" in said
    assert "rejected 1" in said
    assert '"email": "ann@example.com"' in said
    assert code == 1
    assert len(sandbox.requests()) == before
    assert not SyncRow.objects.exists()
    assert not SyncChange.objects.exists()


def test_the_sums_hold_when_somebody_told_by_another_name_is_found_erased(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    named = {"kind": "external_id", "column": "id"}
    customers.mapping = {"identity": named, "fields": [{"field": "first_name", "column": "Name"}]}
    customers.save()
    write([("1", "", "Ann", ""), ("2", "", "Ben", "")])
    run(customers)
    [id] = [profile.id for profile in sandbox.profiles(TEA) if profile.external_id == "1"]
    profiles.upsert(
        Client(customers.connection),
        {"data": {"type": "profile", "id": id, "attributes": {"email": "ann@example.com"}}},
    )
    erase("ann@example.com", None)
    row = run(customers, full=True)
    assert (row.not_sent, row.erased, row.told_now) == (1, 1, 1)
    assert sums_hold(row)


def test_the_sums_hold_when_somebody_is_erased_before_the_rows_are_read(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write([("1", "ann@example.com", "Ann", ""), ("2", "ben@example.com", "Ben", "")])
    run(customers)
    begun = runs.begin(customers)
    erase("ann@example.com", None)
    row = to_its_end(begun)
    assert (row.told_before, row.told_now) == (1, 1)
    assert sums_hold(row)


@pytest.mark.parametrize("named", ["phone_number", "email"])
def test_a_no_to_text_messages_reaches_the_number(
    sandbox: Sandbox, newsletter: Sync, setting: StoreSetting, write: Write, named: str
) -> None:
    number = "+4915123456789"
    email = "" if named == "phone_number" else "ann@example.com"
    sandbox.put_profiles(TEA, [SeedProfile(email=email or None, phone_number=number, sms_consent="SUBSCRIBED")])
    newsletter.mode, newsletter.options = "unsubscribe", {}
    column = "Phone" if named == "phone_number" else "Email"
    newsletter.mapping = {
        "identity": {"kind": named, "column": column},
        "fields": [] if named == "phone_number" else [{"field": "phone_number", "column": "Phone"}],
        "consent": {"sms": {"column": "News", "yes": ["yes"]}},
    }
    newsletter.save()
    write([("1", email, number, "yes")], ("id", "Email", "Phone", "News"))
    row = run(newsletter)
    assert (row.state, row.added, row.requests) == ("done", 1, 1 if named == "phone_number" else 2), row.problem
    assert {profile.sms_consent for profile in sandbox.profiles(TEA)} == {"UNSUBSCRIBED"}


def test_whom_nobody_can_unsubscribe_is_not_told(
    sandbox: Sandbox, newsletter: Sync, setting: StoreSetting, write: Write
) -> None:
    newsletter.mode, newsletter.options = "unsubscribe", {}
    newsletter.mapping = {"identity": {"kind": "external_id", "column": "id"}, "consent": newsletter.mapping["consent"]}
    newsletter.save()
    write(asking("ann"), HEADER)
    row = run(newsletter)
    assert (row.state, row.added, row.unknown) == ("done", 0, 1), row.problem
    assert sums_hold(row)
