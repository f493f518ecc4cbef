"""A row is one event for ever, whatever becomes of the row, of the run, or of a request in between."""

from typing import Any

import pytest

from klaviyo.models import Sync, SyncChunk
from klaviyo.sandbox import Sandbox
from klaviyo.syncs.destinations import events
from klaviyo.syncs.run import engine, runs
from tests.klaviyo.story import TEA
from tests.klaviyo.syncs.conftest import Write
from tests.klaviyo.syncs.syncing import run, sums_hold, to_its_end

BULK, ONE = "bulk_create_events", "create_event"
HEADER = ("id", "Email", "Total", "At")


def orders(number: int) -> list[tuple[str, ...]]:
    return [(str(n), f"person{n % 3}@example.com", str(n + 1), f"2026-11-{n + 1:02d}T10:00:00Z") for n in range(number)]


@pytest.fixture
def orders_sync(customers: Sync, monkeypatch: pytest.MonkeyPatch) -> Sync:
    monkeypatch.setattr(events, "MOST", 4)
    customers.destination, customers.mode = "events", "send"
    customers.mapping = {
        "identity": {"kind": "email", "column": "Email"},
        "metric": {"name": "Placed Order"},
        "time": {"column": "At", "form": "iso"},
        "fields": [
            {"field": "value", "column": "Total", "type": "number"},
            {"field": "properties.order", "column": "id"},
        ],
    }
    customers.save()
    return customers


def told(sandbox: Sandbox) -> list[tuple[str, int]]:
    """The order of each event, and how often it came."""
    found = sandbox.events(TEA, "Placed Order")
    return sorted((str(event.properties["order"]), event.received) for event in found)


def test_a_table_synced_twice_is_told_once(sandbox: Sandbox, orders_sync: Sync, write: Write) -> None:
    write(orders(6), HEADER)
    first = run(orders_sync)
    again, full = run(orders_sync), run(orders_sync, full=True)
    assert told(sandbox) == [(str(n), 1) for n in range(6)]
    assert (first.added, again.unchanged, full.unchanged) == (6, 6, 6)
    assert all(map(sums_hold, (first, again, full)))
    assert len(sandbox.requests(BULK)) == 2
    [event] = [one for one in sandbox.events(TEA) if one.properties["order"] == "4"]
    assert (event.email, event.value, event.backfill) == ("person1@example.com", 5.0, True)


def test_a_changed_row_stays_the_event_it_was(sandbox: Sandbox, orders_sync: Sync, write: Write) -> None:
    write(orders(3), HEADER)
    run(orders_sync)
    write([("0", "other@example.com", "99", "2026-11-01T10:00:00Z"), *orders(4)[1:]], HEADER)
    row = run(orders_sync)
    assert told(sandbox) == [(str(n), 1) for n in range(4)]
    assert (row.not_sent, row.notes["event_fixed"], row.added, row.unchanged) == (1, 1, 1, 2)
    assert sums_hold(row)
    [last] = [one for one in sandbox.events(TEA) if one.properties["order"] == "3"]
    assert not last.backfill  # of a later run it is news


@pytest.mark.parametrize("fault", ["accept_then_drop", "503"])
def test_of_a_request_that_may_have_arrived_each_goes_by_itself(
    sandbox: Sandbox, orders_sync: Sync, write: Write, fault: str
) -> None:
    write(orders(6), HEADER)
    sandbox.fault(BULK, fault)
    row = run(orders_sync)
    assert [order for order, _ in told(sandbox)] == [str(n) for n in range(6)]
    assert row.added == 6
    assert len(sandbox.requests(ONE)) == 4


def test_a_worker_that_died_in_the_request_leaves_an_unsure_chunk(
    sandbox: Sandbox, orders_sync: Sync, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(orders(4), HEADER)
    send = events.send

    def dies(work: Any) -> None:
        monkeypatch.setattr(events, "send", send)
        monkeypatch.setattr(work, "told", lambda *_: (_ for _ in ()).throw(SystemExit))
        send(work)

    monkeypatch.setattr(events, "send", dies)
    with pytest.raises(SystemExit):
        run(orders_sync)
    SyncChunk.objects.update(lease_until="2026-01-01T00:00:00Z")
    from klaviyo.models import SyncRun

    row = to_its_end(SyncRun.objects.get())
    assert told(sandbox) == [(str(n), 2) for n in range(4)]  # it came twice, and is one
    assert len(sandbox.requests(ONE)) == 4
    assert row.added == 4


@pytest.mark.parametrize("is_new", [True, False], ids=["the next run", "told otherwise"])
def test_what_a_stopped_run_may_have_told_goes_one_by_one(
    sandbox: Sandbox, orders_sync: Sync, write: Write, is_new: bool
) -> None:
    write(orders(6), HEADER)
    sandbox.fault(BULK, "accept_then_drop")
    stopped = runs.begin(orders_sync)
    assert engine.step(stopped.pk)
    assert not engine.step(stopped.pk)
    runs.stop(stopped)
    if not is_new:
        orders_sync.options = {"backfill": True}
        orders_sync.save()
        runs.go_on(stopped)
    row = run(orders_sync) if is_new else to_its_end(stopped)
    assert [order for order, _ in told(sandbox)] == [str(n) for n in range(6)]
    assert (len(sandbox.requests(ONE)), row.added) == (4, 6)
    assert sums_hold(row)
