"""The account of a run: every fact against every event that Klaviyo holds, and the law of the deliveries' states."""

import time
from collections import Counter
from dataclasses import dataclass

from django.db import close_old_connections
from django.db.models import Count, QuerySet

from integrations.models import Connection, Delivery
from referrals.models import Conversion, Visit
from tests.benchmarks.figures import say
from tests.benchmarks.house import House

State = Delivery.State
TAKEN = (State.ACCEPTED, State.CONFIRMED)
UNDER_WAY = (State.QUEUED, State.SENDING)

METRICS: dict[type[Visit | Conversion], tuple[str, ...]] = {
    Visit: ("Sorae Referred Visit",),
    Conversion: ("Sorae Conversion", "Sorae Referred Purchase"),
}


@dataclass(frozen=True)
class Ledger:
    """`sent_again`: how often an event came that Klaviyo had already. `is_balanced`: each fact has its one delivery."""

    told: int
    held: int
    lost: int
    doubled: int
    unknown: int
    sent_again: int
    states: dict[str, int]
    is_balanced: bool


def of(house: House, account: str) -> Ledger:
    """Facts by their own ids against the events that carry these ids."""
    expected = Counter(
        (metric, str(uid)) for model, metrics in METRICS.items() for uid in _uids(model, account) for metric in metrics
    )
    events = house.klaviyo.events(account)
    held = Counter((event["metric"], event["properties"].get("fact_id", "")) for event in events)
    deliveries = Delivery.objects.filter(connection__account_id=account, kind="event")
    states = {row["state"]: row["many"] for row in deliveries.values("state").annotate(many=Count("pk"))}
    return Ledger(
        told=expected.total(),
        held=len(events),
        lost=len(set(expected) - set(held)),
        doubled=sum(many - 1 for many in held.values()),
        unknown=len(set(held) - set(expected)),
        sent_again=sum(event["received"] - 1 for event in events),
        states=states,
        is_balanced=sum(states.values()) == expected.total(),
    )


def _uids(model: type[Visit | Conversion], account: str) -> list[object]:
    here = Connection.objects.filter(account_id=account).values("store_settings__store")
    return list(model.objects.filter(advocate__program__store__in=here).values_list("uid", flat=True))


def wait_until_settled(house: House, seconds: float) -> float:
    """Until nothing waits and nothing is under way; how long that took. RuntimeError when it takes too long."""
    return _wait_until_none(house, Delivery.objects.filter(state__in=UNDER_WAY), "settled", seconds)


def wait_until_confirmed(house: House, seconds: float) -> float:
    """Until all that was accepted has been read back; likewise."""
    return _wait_until_none(house, Delivery.objects.filter(state=State.ACCEPTED, kind="event"), "confirmed", seconds)


def _wait_until_none(house: House, rows: "QuerySet[Delivery]", word: str, seconds: float) -> float:
    """Asking takes a fiftieth of the time at most, so that it does not cost what is measured."""
    began_at, next_word_at = time.monotonic(), 0.0
    while True:
        asked_at = time.monotonic()
        left = rows.count()
        spent = time.monotonic() - began_at
        if not left:
            return spent
        if spent > seconds:
            raise NotDone(f"{left:,} deliveries were not {word} in {seconds:.0f} s.\n{house.last_words()}")
        if spent > next_word_at:
            say(f"{left:,} deliveries to be {word}.")
            next_word_at = spent + 10
        time.sleep(min(max(0.1, 50 * (time.monotonic() - asked_at)), 5.0))
        close_old_connections()


class NotDone(RuntimeError):
    """What was waited for did not come."""
