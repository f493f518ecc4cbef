"""The ledger law, an invariant after any fault: no fact is lost, told twice, or told without being accepted."""

from collections import Counter
from collections.abc import Collection

from integrations.models import Delivery
from klaviyo.sandbox import Sandbox

State = Delivery.State
TAKEN = (State.ACCEPTED, State.CONFIRMED)
TOLD_NOBODY = (State.SKIPPED, State.FAILED, State.CANCELLED)


def holds(sandbox: Sandbox, account: str, facts: Collection[str]) -> None:
    """Each fact (by its delivery's key) is in exactly one state, none is under way for ever, and

    the account holds exactly the events that we count as taken, each of them once.
    """
    rows = {row.key: row for row in Delivery.objects.filter(key__in=facts)}
    states = Counter(row.state for row in rows.values())
    assert rows.keys() == set(facts), "a fact is lost"
    assert sum(states.values()) == len(facts), "a fact is there twice"
    assert states[State.SENDING] == 0, "somebody still holds a fact"
    mine = {unique_id(row): row for row in rows.values() if row.kind == "event"}
    there = Counter(event.unique_id for event in sandbox.events(account) if event.unique_id in mine)
    taken = Counter(id for id, row in mine.items() if row.state in TAKEN)
    waiting = {id for id, row in mine.items() if row.state not in (*TAKEN, *TOLD_NOBODY)}
    assert all(count == 1 for count in there.values()), "an event is told twice"
    assert not taken - there, "an event that was accepted is not there"
    assert there.keys() <= taken.keys() | waiting, "an event is there that counts as not told"


def all_is_told(facts: Collection[str]) -> None:
    """Where nothing spoke against it, everything has arrived in the end."""
    states = Counter(Delivery.objects.filter(key__in=facts).values_list("state", flat=True))
    assert states == {State.ACCEPTED: len(facts)}, dict(states)


def unique_id(row: Delivery) -> str:
    return str(row.body["data"]["attributes"]["unique_id"])
