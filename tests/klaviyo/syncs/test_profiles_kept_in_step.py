"""Profiles are kept in step with a file: all at first, then only what differs, and every row is accounted for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Attempt, Delivery
from klaviyo.models import Sync, SyncChange, SyncChunk, SyncRow, SyncStaged
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.syncs.changes import chunks
from klaviyo.syncs.run import engine, runs
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import TEA
from tests.klaviyo.syncs.conftest import Write
from tests.klaviyo.syncs.syncing import command, emails, run, sums_hold, to_its_end

IMPORT = "bulk_import_profiles"


def people(number: int, first: int = 0) -> list[tuple[str, str, str, str]]:
    return [(str(n), f"person{n}@example.com", f"Name {n}", "gold") for n in range(first, first + number)]


def test_the_command_tells_of_everybody_and_then_of_nobody(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    write(people(10))
    code, said = command("customers")
    assert (code, "read 10; added 10" in said) == (0, True), said
    assert emails(sandbox) == {f"person{n}@example.com" for n in range(10)}
    assert len(sandbox.requests(IMPORT)) == 3
    known = sandbox.profile(TEA, "person3@example.com")
    assert known
    assert (known.first_name, known.properties["tier"]) == ("Name 3", "gold")
    before = Attempt.objects.count()
    code, said = command("customers")
    assert (code, "unchanged 10" in said) == (0, True), said
    assert Attempt.objects.count() == before


def test_only_what_differs_is_sent(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    rows = people(10)
    write(rows)
    first = run(customers)
    rows[3] = ("3", "person3@example.com", "Other", "gold")
    write([*rows[:9], *people(1, 20)])
    customers.refresh_from_db()
    second = run(customers)
    assert (second.added, second.changed, second.unchanged, second.removed) == (1, 1, 8, 1)
    assert sums_hold(first)
    assert sums_hold(second)
    assert len(sandbox.requests(IMPORT)) == 4
    known = sandbox.profile(TEA, "person3@example.com")
    assert known
    assert known.first_name == "Other"
    assert not SyncStaged.objects.exists()
    assert not SyncChange.objects.exists()


def test_keys_and_people_that_stand_twice_are_refused_and_name_each_other(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write([*people(3), ("1", "else@example.com", "", ""), ("9", "PERSON2@example.com", "", ""), ("", "a@b.co", "", "")])
    row = run(customers)
    assert emails(sandbox) == {"person0@example.com"}
    assert (row.rows_read, row.rejected, row.added) == (6, 5, 1)
    assert sums_hold(row)
    said = dict(SyncRow.objects.exclude(reason="").values_list("key", "reason"))
    assert said == {
        "1": "The rows 3 and 5 have the same key.",
        "2": "The rows 4 and 6 are about the same person.",
        "9": "The rows 4 and 6 are about the same person.",
    }
    assert row.unread.get().number == 7


def test_who_is_refused_keeps_klaviyos_words_and_is_tried_again(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write(people(6))
    sandbox.fault(IMPORT, "import_errors", items=2)
    row = run(customers)
    assert (row.rejected, row.added) == (2, 4)
    assert sums_hold(row)
    refused = SyncRow.objects.filter(state="refused")
    assert set(refused.values_list("reason", "digest")) == {("This profile could not be imported.", None)}
    sandbox.clear_faults()
    again = run(customers)
    assert (again.added, again.unchanged, again.rejected) == (2, 4, 0)
    assert sums_hold(again)
    assert emails(sandbox) == {f"person{n}@example.com" for n in range(6)}


@pytest.mark.parametrize("fault", ["import_cancelled", "import_forgotten"])
def test_a_lost_import_goes_again(sandbox: Sandbox, customers: Sync, write: Write, fault: str) -> None:
    write(people(3))
    sandbox.fault(IMPORT, fault)
    row = run(customers)
    assert row.added == 3
    assert emails(sandbox) == {f"person{n}@example.com" for n in range(3)}


def test_what_is_empty_is_left_alone_or_made_empty_as_the_mapping_says(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write([("1", "ann@example.com", "Ann", "gold"), ("2", "ben@example.com", "Ben", "gold")])
    run(customers)
    write([("1", "ann@example.com", "", ""), ("2", "ben@example.com", "Ben", "gold")])
    run(customers)
    known = sandbox.profile(TEA, "ann@example.com")
    assert known
    assert (known.first_name, known.properties) == ("Ann", {"tier": "gold"})
    for field in customers.mapping["fields"]:
        field["when_empty"] = "clear"
    customers.save()
    row = run(customers)
    known = sandbox.profile(TEA, "ann@example.com")
    assert known
    assert (known.first_name, known.properties) == (None, {})
    assert (row.changed, row.unchanged) == (1, 1)


def test_another_mapping_sends_the_rows_whose_request_differs(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    write([("1", "ann@example.com", "Ann", "gold"), ("2", "ben@example.com", "Ben", "")])
    run(customers)
    customers.mapping = {"identity": customers.mapping["identity"], "fields": customers.mapping["fields"][:1]}
    customers.save()
    row = run(customers)
    assert (row.changed, row.unchanged) == (1, 1)


def test_people_are_compared_by_another_name_than_their_address(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    customers.mapping = {
        "identity": {"kind": "external_id", "column": "id"},
        "fields": [{"field": "email", "column": "Email"}, {"field": "first_name", "column": "Name"}],
    }
    customers.save()
    write(people(3))
    sandbox.fault(IMPORT, "import_errors", items=1)
    first, second = run(customers), run(customers)
    assert (first.added, first.rejected, second.added, second.unchanged) == (2, 1, 1, 2)
    assert {one.external_id: one.email for one in sandbox.profiles(TEA)} == {
        str(n): f"person{n}@example.com" for n in range(3)
    }


def test_only_those_whom_klaviyo_knows_are_updated(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    customers.mode = "update"
    customers.save()
    sandbox.put_profiles(TEA, [SeedProfile(email="person1@example.com")])
    write(people(3))
    row = run(customers)
    assert (row.added, row.unknown) == (1, 2)
    assert sums_hold(row)
    assert emails(sandbox) == {"person1@example.com"}
    sandbox.put_profiles(TEA, [SeedProfile(email="person2@example.com")])
    again = run(customers)
    assert (again.added, again.unknown, again.unchanged) == (1, 1, 1)
    assert sums_hold(again)


def test_a_request_that_is_refused_as_a_whole_loses_only_whom_it_is_about(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    sandbox.settings(malformed=("person2@example.com",))
    write(people(10))
    row = run(customers)
    assert (row.added, row.rejected) == (9, 1)
    assert sums_hold(row)
    assert SyncRow.objects.get(state="refused").key == "2"


def test_what_is_in_the_way_is_said_and_the_run_goes_on_after_it(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write(people(3))
    sandbox.fault(IMPORT, "missing_scope")
    begun = runs.begin(customers)
    assert engine.step(begun.pk)
    assert not engine.step(begun.pk)
    begun.refresh_from_db()
    assert begun.problem
    assert to_its_end(begun).state == "done"
    assert len(emails(sandbox)) == 3


def test_facts_of_the_account_that_are_due_go_first(
    sandbox: Sandbox, customers: Sync, ann: Advocate, write: Write, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BEHIND", timedelta(seconds=1))
    monkeypatch.setattr(engine, "AWAY", timedelta(hours=1))
    write(people(3))
    begun = runs.begin(customers)
    assert engine.step(begun.pk)
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(seconds=10))
    assert not engine.step(begun.pk)
    begun.refresh_from_db()
    assert begun.problem == engine.THEIRS_FIRST
    assert not sandbox.requests(IMPORT)
    drain()
    assert to_its_end(begun).state == "done"
    assert len(emails(sandbox)) == 4


def test_what_is_said_otherwise_while_it_stands_still_is_read_anew(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write(people(6))
    begun = runs.begin(customers)
    assert engine.step(begun.pk)
    runs.stop(begun)
    customers.mapping = {
        "identity": {"kind": "external_id", "column": "id"},
        "fields": [{"field": "email", "column": "Email"}],
    }
    customers.save()
    runs.go_on(begun)
    row = to_its_end(begun)
    assert row.added == 6
    assert sums_hold(row)
    assert {one.external_id for one in sandbox.profiles(TEA)} == {str(n) for n in range(6)}


def test_an_import_that_a_stopped_run_may_have_made_is_over_before_the_next_reads(
    sandbox: Sandbox, customers: Sync, write: Write
) -> None:
    write(people(3))
    sandbox.fault(IMPORT, "accept_then_drop")
    stopped = runs.begin(customers)
    assert engine.step(stopped.pk)
    assert not engine.step(stopped.pk)
    runs.stop(stopped)
    begun = runs.begin(customers)
    assert not engine.step(begun.pk)
    begun.refresh_from_db()
    assert (begun.state, begun.problem) == ("reading", engine.EARLIER_FIRST)
    SyncChunk.objects.update(unsure_until=timezone.now())
    row = to_its_end(begun)
    assert row.added == 3
    assert sums_hold(row)


def test_a_request_of_a_stopped_run_ends_before_the_next_reads(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    write(people(3))
    stopped = runs.begin(customers)
    assert engine.step(stopped.pk)
    assert chunks.claim(stopped, SyncChunk.Kind.SEND)
    runs.stop(stopped)
    begun = runs.begin(customers)
    assert not engine.step(begun.pk)
    begun.refresh_from_db()
    assert begun.problem == engine.EARLIER_FIRST
    SyncChunk.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert to_its_end(begun).added == 3
