"""Syncs whose workers are killed while they read, send and remove: every row is told, none twice, none too many.

A small copy of the trial in the benchmarks. What must not be so even once is looked at with each request: an event in
two requests for many, and somebody taken off while an import is under way that was heard of.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from klaviyo.sandbox import Exchange, SeedList
from tests.consent_screen import TEA_HOUSE_LTD
from tests.sorae.forks import Fork
from tests.workers.conftest import House

ROWS, AT_ONCE, KILLS = 60, 4, 3
PEOPLE = {"identity": {"kind": "email", "column": "Email"}, "fields": [{"field": "first_name", "column": "Name"}]}
ORDERS = {
    "identity": {"kind": "email", "column": "Email"},
    "metric": {"name": "Placed Order"},
    "fields": [{"field": "properties.order", "column": "id"}],
}
IMPORT, LOOK = "bulk_import_profiles", "get_bulk_import_profiles_job"
BULK, REMOVE = "bulk_create_events", "remove_profiles_from_list"


@dataclass
class Watch:
    """What must not happen with any request; and when a worker is killed."""

    house: House
    kill_at: dict[str, int] = field(default_factory=dict)  # by operation, in how many of its requests
    in_bulk: Counter[str] = field(default_factory=Counter)
    open_imports: set[str] = field(default_factory=set)
    removed_too_soon: int = 0
    killed_in: Counter[str] = field(default_factory=Counter)

    def __call__(self, exchange: Exchange) -> None:
        self.house.observer(exchange)
        told = json.loads(exchange.answer or b"{}").get("data") or {}
        match exchange.operation:
            case "bulk_create_events":
                asked = json.loads(exchange.body)["data"]["attributes"]["events-bulk-create"]["data"]
                events = [event for group in asked for event in group["attributes"]["events"]["data"]]
                self.in_bulk.update(event["attributes"]["unique_id"] for event in events)
            case "get_bulk_import_profiles_job" if told["attributes"]["status"] in ("complete", "cancelled"):
                self.open_imports.discard(told["id"])
            case "remove_profiles_from_list":
                self.removed_too_soon += bool(self.open_imports)
        left = self.kill_at.get(exchange.operation or "", 0)
        if left:
            self.kill_at[exchange.operation or ""] = left - 1
            if left == 1:
                self.killed_in[exchange.operation or ""] += 1
                self.house.kill_workers()
                return  # nobody hears the answer
        if exchange.operation == IMPORT and told:
            self.open_imports.add(told["id"])


def write(path: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    path.write_text("id,Email,Name\n" + "".join(",".join(row) + "\n" for row in rows))


def sync(house: House) -> Fork:
    return house._start("manage.py", "sync", "rows")


def until_it_ends(house: House, watch: Watch, *, kills: dict[str, int]) -> None:
    """Workers begin, one after the other, and are killed as it is said; the last one is let live."""
    for operation, at in [*kills.items(), ("", 0)]:
        house.play("sync-time-passes")
        watch.kill_at = {operation: at}
        worker = sync(house)
        if operation == "reading":
            _kill_in_reading(house, watch)
        while worker.poll() is None:
            house.play("sync-time-passes") if house.play("sync-standing")["state"] != "reading" else None
            time.sleep(0.3)
        if house.play("sync-standing")["state"] == "done":
            break
    else:
        raise AssertionError(house.play("sync-standing"), house.said(worker))
    assert house.play("sync-standing")["sums"]


def _kill_in_reading(house: House, watch: Watch) -> None:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        standing = house.play("sync-standing")
        if standing["state"] == "reading" and standing["attempt"]:
            house.kill_workers()
            watch.killed_in["reading"] += 1
            return
        if standing["state"] not in ("", "reading"):
            return


@pytest.fixture
def watch(house: House) -> Watch:
    watching = Watch(house)
    house.klaviyo._world.observer = watching
    return watching


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_events_are_told_once_whatever_is_killed(house: House, watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write(path, [(str(n), f"person{n % 7}@example.com", "") for n in range(ROWS)])
    house.play("make-sync", str(path), "events", "send", json.dumps({"at_once": AT_ONCE}), json.dumps(ORDERS))
    until_it_ends(house, watch, kills={"reading": 0, BULK: 2, "create_event": 3})
    events = house.klaviyo.events(TEA_HOUSE_LTD, "Placed Order")
    assert sorted(int(str(event.properties["order"])) for event in events) == list(range(ROWS))
    assert max(watch.in_bulk.values()) == 1
    assert watch.killed_in[BULK]
    assert watch.killed_in["create_event"]


@pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
def test_a_list_is_as_its_source_whatever_is_killed(house: House, watch: Watch, tmp_path: Path) -> None:
    path, chance = tmp_path / "rows.csv", random.Random(7)
    [list_id] = house.klaviyo.put_lists(TEA_HOUSE_LTD, [SeedList("Rows")])
    rows = {str(n): f"person{n}@example.com" for n in range(ROWS)}
    options = json.dumps({"at_once": AT_ONCE, "list_id": list_id})
    house.play("make-sync", str(path), "list", "mirror", options, json.dumps(PEOPLE))
    for kills in ({"reading": 0, IMPORT: 3}, {IMPORT: 1, REMOVE: 2}):
        house.klaviyo.fault(IMPORT, "import_cancelled")
        write(path, [(key, email, "Ann") for key, email in rows.items()])
        until_it_ends(house, watch, kills=kills)
        [found] = [one for one in house.klaviyo.lists(TEA_HOUSE_LTD) if one.id == list_id]
        assert set(found.members) == set(rows.values())
        for key in chance.sample(sorted(rows), 15):
            del rows[key]
        for key in chance.sample(sorted(rows), 6):
            rows[key] = f"new{key}@example.com"
    assert not watch.removed_too_soon
    assert watch.killed_in[REMOVE]
    assert watch.killed_in[IMPORT] == 2
