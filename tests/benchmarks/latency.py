"""Twenty facts a second: how soon each is at Klaviyo, and what its signal costs the transaction that tells it."""

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from integrations.models import Delivery
from klaviyo import receivers
from klaviyo.mapping import events
from referrals import lifecycle, signals
from referrals.models import Advocate, Visit
from tests.benchmarks import facts, ledger, stage
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

PROCESSES = 2
A_SECOND = 20
SIGNALS = 500
PEOPLE = 400

Spent = list[float]


def main(house: House, is_quick: bool) -> list[Figure]:
    """For a minute; ten seconds when quick."""
    [program] = stage.opened(house)
    signals_told = SIGNALS // 5 if is_quick else SIGNALS
    everybody = stage.advocates(program, 3 * signals_told + PEOPLE)
    people, others = everybody[:PEOPLE], everybody[PEOPLE:]
    stage.introduce(house, program, everybody)
    costs = _costs(others)
    house.start_workers(PROCESSES)
    ledger.wait_until_settled(house, 300)
    committed = _tell(people, seconds=10 if is_quick else 60)
    ledger.wait_until_settled(house, 120)
    return _delays(house, committed) + costs


def _tell(people: list[Advocate], seconds: int) -> dict[str, float]:
    """Facts in an even stream: when each was committed, by the id of its event."""
    say(f"Telling {A_SECOND} facts a second for {seconds} s.")
    committed: dict[str, float] = {}
    began_at = time.time()
    for index in range(seconds * A_SECOND):
        time.sleep(max(began_at + index / A_SECOND - time.time(), 0))
        visit = lifecycle.visit(people[index % len(people)], landing_page=facts.PAGE)
        committed[events.visit_recorded(visit)[0].unique_id] = time.time()
    return committed


def _delays(house: House, committed: dict[str, float]) -> list[Figure]:
    """From commit to arrival, and to the delivery's being settled."""
    arrived = house.klaviyo.accepted_at()
    ours = Delivery.objects.filter(kind="event", state__in=ledger.TAKEN)
    settled = {
        one.body["data"]["attributes"]["unique_id"]: one.settled_at.timestamp() for one in ours if one.settled_at
    }
    there = [arrived[unique_id] - at for unique_id, at in committed.items() if unique_id in arrived]
    done = [settled[unique_id] - at for unique_id, at in committed.items() if unique_id in settled]
    return [
        Figure("facts that never arrived", len(committed) - len(there), "exactly", 0),
        Figure("commit to arrival in ms, p50", 1_000 * percentile(there, 0.5), "at most", 150),
        Figure("commit to arrival in ms, p99", 1_000 * percentile(there, 0.99), "at most", 1_000),
        Figure("commit to settled in ms, p50", 1_000 * percentile(done, 0.5)),
        Figure("commit to settled in ms, p99", 1_000 * percentile(done, 0.99)),
    ]


def _costs(people: list[Advocate]) -> list[Figure]:
    """A signal alone, and a whole call with and without anybody listening, in turns so that all meet the same day.

    Workers, which have machines of their own, are not at work yet.
    """
    say(f"Measuring {len(people) // 3} signals.")
    alone, heard, unheard = Spent(), Spent(), Spent()
    for one, another, third in zip(people[::3], people[1::3], people[2::3], strict=True):
        alone.append(_of_signal(one))
        heard.append(_of_visit(another))
        signals.visit_recorded.disconnect(dispatch_uid="klaviyo")
        try:
            unheard.append(_of_visit(third))
        finally:
            signals.visit_recorded.connect(receivers.on_visit_recorded, dispatch_uid="klaviyo", weak=False)
    return [
        Figure("signal in the caller's transaction in ms, p50", percentile(alone, 0.5), "at most", 2),
        Figure("signal in the caller's transaction in ms, p99", percentile(alone, 0.99)),
        Figure("visit and commit with the signal in ms, p50", percentile(heard, 0.5)),
        Figure("visit and commit without it in ms, p50", percentile(unheard, 0.5)),
        Figure("visit and commit with the signal in ms, p99", percentile(heard, 0.99)),
        Figure("visit and commit without it in ms, p99", percentile(unheard, 0.99)),
    ]


def _of_signal(person: Advocate) -> float:
    with transaction.atomic():
        visit = Visit.objects.create(advocate=person, landing_page=facts.PAGE)
        return _ms(lambda: signals.visit_recorded.send(sender=Visit, visit=visit))


def _of_visit(person: Advocate) -> float:
    return _ms(lambda: lifecycle.visit(person, landing_page=facts.PAGE))


def _ms(act: Callable[[], Any]) -> float:
    began_at = time.perf_counter()
    act()
    return 1_000 * (time.perf_counter() - began_at)
