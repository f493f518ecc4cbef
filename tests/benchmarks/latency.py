"""Twenty facts a second: how soon Klaviyo has accepted each, beside a bare commit and a bare request meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections
from django.db import connection as database

from integrations.models import Delivery
from klaviyo.mapping import events
from referrals import lifecycle
from referrals.models import Advocate
from tests.benchmarks import baseline, facts, ledger, meter, stage
from tests.benchmarks.baseline import ms
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

PROCESSES = 2
A_SECOND = 20
PEOPLE = 400
P50_TIMES, P99_TIMES = 3, 8
PAIR_EVERY = 0.5


def main(house: House, is_quick: bool) -> list[Figure]:
    """For a minute; ten seconds when quick."""
    [program] = stage.opened(house)
    people = stage.advocates(program, PEOPLE)
    stage.introduce(house, program, people)
    stage.idle_workers(house, PROCESSES)
    with meter.of(house, "host") as cost:
        with bare_pairs(house) as pairs:
            told_at = _tell(people, seconds=10 if is_quick else 60)
        ledger.wait_until_settled(house, 120)
    return _delays(house, told_at, percentile(pairs, 0.5)) + cost.figures(len(told_at))


@contextmanager
def bare_pairs(house: House, every: float = PAIR_EVERY) -> Iterator[list[float]]:
    """What a bare insert with its commit and a bare request together take in ms, again and again during the block."""
    spent, ended = list[float](), threading.Event()

    def pair_up() -> None:
        with baseline.pairs(house) as (insert, request):
            request()
            while not ended.wait(every):
                spent.append(ms(insert) + ms(request))
        database.close()

    pairing = threading.Thread(target=pair_up, daemon=True)
    pairing.start()
    try:
        yield spent
    finally:
        ended.set()
        pairing.join()


def _tell(people: list[Advocate], seconds: int) -> dict[str, float]:
    """Facts in an even stream: when each was committed, by the key of its event."""
    say(f"Telling {A_SECOND} facts a second for {seconds} s.")
    told_at: dict[str, float] = {}
    began_at = time.time()
    for index in range(seconds * A_SECOND):
        time.sleep(max(began_at + index / A_SECOND - time.time(), 0))
        visit = lifecycle.visit(people[index % len(people)], landing_page=facts.PAGE)
        told_at[events.visit_recorded(visit)[0].key] = time.time()
        close_old_connections()
    return told_at


def _delays(house: House, told_at: dict[str, float], pair: float) -> list[Figure]:
    """From commit to Klaviyo's answer, and to the delivery's being settled."""
    accepted = facts.accepted_at(house, told_at)
    taken = Delivery.objects.filter(state__in=ledger.TAKEN).values_list("key", "settled_at")
    settled = {key: settled_at.timestamp() for key, settled_at in taken if settled_at}
    there = [1_000 * (accepted[key] - at) for key, at in told_at.items() if key in accepted]
    done = [1_000 * (settled[key] - at) for key, at in told_at.items() if key in settled]
    p50, p99 = percentile(there, 0.5), percentile(there, 0.99)
    return [
        Figure("facts that never arrived", len(told_at) - len(there), "exactly", 0),
        Figure("commit to accepted, times a bare commit and request, p50", p50 / pair, "at most", P50_TIMES),
        Figure("commit to accepted, times a bare commit and request, p99", p99 / pair, "at most", P99_TIMES),
        Figure("a bare commit and request meanwhile in ms, p50", pair),
        Figure("commit to accepted in ms, p50", p50),
        Figure("commit to accepted in ms, p99", p99),
        Figure("commit to settled in ms, p50", percentile(done, 0.5)),
        Figure("commit to settled in ms, p99", percentile(done, 0.99)),
    ]
