"""A list is kept equal to its source, through whatever happens to rows; nobody else's members are touched."""

import random

import pytest

from klaviyo.api import lists
from klaviyo.api.client import Client
from klaviyo.models import Sync, SyncRow
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.syncs.run import engine, runs
from tests.klaviyo.story import TEA
from tests.klaviyo.syncs.conftest import Write
from tests.klaviyo.syncs.syncing import command, end_imports, members, run, sums_hold, to_its_end

REMOVE, IMPORT = "remove_profiles_from_list", "bulk_import_profiles"


def people(number: int, first: int = 0) -> list[tuple[str, str, str, str]]:
    return [(str(n), f"person{n}@example.com", f"Name {n}", "gold") for n in range(first, first + number)]


@pytest.fixture
def list_id(sandbox: Sandbox) -> str:
    [id] = sandbox.put_lists(TEA, [SeedList("Customers")])
    return id


@pytest.fixture
def mirrored(customers: Sync, list_id: str) -> Sync:
    customers.destination, customers.mode = "list", "mirror"
    customers.options, customers.removal_share = {"list_id": list_id, "list_name": "Customers"}, 100
    customers.save()
    return customers


def test_whoever_leaves_is_taken_off(sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write) -> None:
    write(people(10))
    first = run(mirrored)
    assert members(sandbox, list_id) == {f"person{n}@example.com" for n in range(10)}
    write([*people(8), *people(1, 20)])
    second = run(mirrored)
    assert members(sandbox, list_id) == {*(f"person{n}@example.com" for n in range(8)), "person20@example.com"}
    assert (second.removed, second.added) == (2, 1)
    assert sums_hold(first)
    assert sums_hold(second)
    assert len(sandbox.requests(REMOVE)) == 1


def test_whom_others_have_added_stays(sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write) -> None:
    write(people(2))
    run(mirrored)
    [stranger] = sandbox.put_profiles(TEA, [SeedProfile(email="stranger@example.com")])
    lists.add(Client(mirrored.connection), list_id, [stranger])
    write(people(1))
    run(mirrored)
    assert members(sandbox, list_id) == {"person0@example.com", "stranger@example.com"}


def test_a_person_in_two_rows_stays_with_one(sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write) -> None:
    write([("1", "ann@example.com", "Ann", ""), ("2", "ANN@example.com", "Ann", ""), ("3", "ben@example.com", "", "")])
    run(mirrored)
    write([("2", "ANN@example.com", "Ann", ""), ("3", "ben@example.com", "", "")])
    row = run(mirrored)
    assert members(sandbox, list_id) == {"ann@example.com", "ben@example.com"}
    assert row.removed == 1
    assert not sandbox.requests(REMOVE)


def test_another_address_takes_the_old_ones_place(sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write) -> None:
    write([("1", "ann@example.com", "", ""), ("2", "ben@example.com", "", "")])
    run(mirrored)
    write([("1", "ben@example.com", "", ""), ("2", "ann@example.com", "", "")])  # swapped
    run(mirrored)
    assert members(sandbox, list_id) == {"ann@example.com", "ben@example.com"}
    write([("1", "new@example.com", "", ""), ("2", "ann@example.com", "", "")])
    run(mirrored)
    assert members(sandbox, list_id) == {"ann@example.com", "new@example.com"}


def test_a_refused_row_is_neither_changed_nor_removed(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    write(people(3))
    run(mirrored)
    write([("0", "no address", "", ""), *people(2, 1)])
    row = run(mirrored)
    assert len(members(sandbox, list_id)) == 3
    assert (row.rejected, row.removed) == (1, 0)
    assert SyncRow.objects.get(key="0").digest is not None
    write([("0", "mended@example.com", "", ""), *people(2, 1)])
    run(mirrored)
    assert members(sandbox, list_id) == {"mended@example.com", "person1@example.com", "person2@example.com"}


def test_while_a_row_has_no_key_nobody_is_taken_off(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write, table: "object"
) -> None:
    write(people(3))
    run(mirrored)
    write([*people(1), ("", "no address", "", "")])
    row = run(mirrored)
    assert len(members(sandbox, list_id)) == 3
    assert row.notes["removals_put_off"] == 2


def test_a_list_is_made_once_and_its_id_kept(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    customers.destination, customers.mode, customers.options = "list", "mirror", {"make_list": True}
    customers.save()
    write(people(2))
    run(customers)
    customers.refresh_from_db()
    list_id = customers.options["list_id"]
    assert len(members(sandbox, list_id)) == 2
    customers.options = {"make_list": True, "making_since": customers.options["making_since"]}  # a crash before its id
    customers.save()
    run(customers)
    customers.refresh_from_db()
    assert customers.options["list_id"] == list_id
    assert len(sandbox.requests("create_list")) == 1


def test_a_list_that_is_gone_holds_the_run(sandbox: Sandbox, mirrored: Sync, write: Write) -> None:
    mirrored.options = {"list_id": "Gone12", "list_name": "Customers"}
    mirrored.save()
    write(people(2))
    row = run(mirrored)
    assert row.state == "held"
    assert row.problem == "The list Customers no longer exists: choose another or make it again."


def test_only_removing_takes_off_whoever_stands_in_the_source(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    write(people(4))
    run(mirrored)
    mirrored.mode, mirrored.slug, mirrored.pk = "remove", "off", None
    mirrored.uid = Sync._meta.get_field("uid").get_default()
    mirrored.save()
    write(people(2))
    row = run(mirrored)
    assert members(sandbox, list_id) == {"person2@example.com", "person3@example.com"}
    assert row.state == "done"
    again = run(mirrored)
    assert (again.unchanged, len(sandbox.requests(REMOVE))) == (2, 1)


@pytest.mark.parametrize("seed", range(2))
def test_any_edits_leave_the_list_as_the_source_is(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write, seed: int
) -> None:
    """Addresses changed, swapped, in another case; two rows of one person; keys used again; rows gone and back."""
    chance = random.Random(seed)
    rows = {str(n): f"person{n}@example.com" for n in range(12)}
    for _ in range(6):
        for _ in range(4):
            one, other = chance.sample(sorted(rows), 2)
            match chance.randrange(6):
                case 0:
                    rows[one] = f"new{chance.randrange(1000)}@example.com"
                case 1:
                    rows[one], rows[other] = rows[other], rows[one]
                case 2:
                    rows[one] = rows[one].upper()
                case 3:
                    rows[one] = rows[other]
                case 4:
                    rows[str(chance.randrange(40))] = rows.pop(one)
                case 5:
                    del rows[one]
        write([(key, email, "", "") for key, email in rows.items()])
        row = run(mirrored)
        assert row.state == "done", row.problem
        assert members(sandbox, list_id) == {email.lower() for email in rows.values()}
        assert sums_hold(row)


def test_too_many_removals_wait_for_a_person_before_the_first_request(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    mirrored.removal_share, mirrored.removal_floor = 20, 1
    mirrored.save()
    write(people(10))
    run(mirrored)
    before = len(sandbox.requests())
    write(people(7))
    row = run(mirrored)
    assert (row.state, row.problem) == ("held", "This would remove 3 of 10 (30 %). Confirm, or stop.")
    assert len(sandbox.requests()) == before
    assert command("customers")[0] == 2
    code, _ = command("customers", "--confirm", str(row.pk))
    assert code == 0
    assert len(members(sandbox, list_id)) == 7


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        ([], None, "came back empty"),
        (people(10, 50), None, "would remove 10 of 10"),
        (people(5), None, "would remove 5 of 10"),
        ([("1", "x")], ("id", "Mail"), "has another header"),
        ([("1", "x", "x", "y")], ("Id", "Email", "Name", "Tier"), "key column id is gone"),
    ],
    ids=["empty", "another file", "half a file", "a column is gone", "the key is gone"],
)
def test_what_can_only_be_a_mistake_is_held(
    sandbox: Sandbox, mirrored: Sync, write: Write, rows: list[tuple[str, ...]], header: tuple[str, ...], says: str
) -> None:
    mirrored.removal_share, mirrored.removal_floor = 20, 1
    mirrored.save()
    write(people(10))
    run(mirrored)
    before = len(sandbox.requests())
    write(rows, *([header] if header else []))
    row = run(mirrored)
    assert row.state == "held", (row.state, row.problem)
    assert says in row.problem
    assert len(sandbox.requests()) == before
    assert runs.stop(row)


def test_a_stopped_run_goes_on_where_it_was(sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write) -> None:
    write(people(10))
    row = runs.begin(mirrored)
    assert engine.step(row.pk)  # read
    assert engine.step(row.pk)  # one chunk
    assert runs.stop(row)
    assert not engine.step(row.pk)
    assert len(sandbox.requests(IMPORT)) == 1
    row.refresh_from_db()
    runs.go_on(row)
    assert to_its_end(row).state == "done"
    assert len(sandbox.requests(IMPORT)) == 3
    assert len(members(sandbox, list_id)) == 10


def test_what_is_left_of_a_stopped_run_is_forgotten_by_the_next(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    write(people(10))
    row = runs.begin(mirrored)
    assert engine.step(row.pk)
    assert engine.step(row.pk)
    runs.stop(row)
    later = run(mirrored)
    assert later.state == "done"
    assert sums_hold(later)
    assert len(members(sandbox, list_id)) == 10
    with pytest.raises(runs.NotPossible, match="later run"):
        runs.go_on(row)


def test_a_held_run_that_was_stopped_is_read_and_held_anew(sandbox: Sandbox, mirrored: Sync, write: Write) -> None:
    write(people(10))
    run(mirrored)
    write([])
    row = run(mirrored)
    assert row.state == "held"
    runs.stop(row)
    runs.go_on(row)
    assert to_its_end(row).state == "held"


def test_of_another_list_only_whom_it_has_added_is_taken_off(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    write(people(3))
    run(mirrored)
    [other] = sandbox.put_lists(TEA, [SeedList("Others")])
    [stranger] = [profile.id for profile in sandbox.profiles(TEA) if profile.email == "person0@example.com"]
    lists.add(Client(mirrored.connection), other, [stranger])
    mirrored.options = {"list_id": other, "list_name": "Others"}
    mirrored.save()
    write(people(2, 1))
    dry, row = run(mirrored, dry=True), run(mirrored)
    assert (dry.added, row.added, row.removed, row.told_now) == (2, 2, 0, 2)
    assert sums_hold(row)
    assert members(sandbox, other) == {f"person{n}@example.com" for n in range(3)}


def test_whom_it_took_off_it_adds_when_that_is_asked_for(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    mirrored.mode = "remove"
    mirrored.save()
    write(people(3))
    run(mirrored)
    mirrored.mode = "mirror"
    mirrored.save()
    row = run(mirrored)
    assert (row.added, len(members(sandbox, list_id))) == (3, 3)
    assert sums_hold(row)


def test_whom_a_stopped_run_had_yet_to_take_off_the_next_takes_off(
    sandbox: Sandbox, mirrored: Sync, list_id: str, write: Write
) -> None:
    write(people(3))
    run(mirrored)
    write([("0", "new@example.com", "", ""), *people(2, 1)])
    begun = runs.begin(mirrored)
    for _ in range(20):
        begun.refresh_from_db()
        if begun.state == "removing":
            break
        if not engine.step(begun.pk):
            end_imports()
    assert begun.state == "removing"
    runs.stop(begun)
    row = run(mirrored)
    assert members(sandbox, list_id) == {"new@example.com", "person1@example.com", "person2@example.com"}
    assert sums_hold(row)
