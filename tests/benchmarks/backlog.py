"""100,000 events that wait: how long until Klaviyo has taken them all, and in how many requests."""

import time
from typing import Any

from tests.benchmarks import facts, ledger, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House

EVENTS = 100_000
PEOPLE = 10_000
PROCESSES = 2
LIMIT_A_MINUTE = 150_000
AT_ONCE = 1_000  # events in one of Klaviyo's bulk requests
LEAST = 0.6
MOST_REQUESTS = 1.1
LONGEST_SECONDS = 900


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    events, people = (EVENTS // 10, PEOPLE // 10) if is_quick else (EVENTS, PEOPLE)
    [program] = stage.opened(house)
    advocates = stage.advocates(program, people)
    stage.introduce(house, program, advocates)
    say(f"Queueing {events:,} events of {people:,} people.")
    with meter.of(house, "queueing") as queueing:
        facts.queue_visits(program, advocates, events)
    began_at = time.time()
    with meter.of(house) as delivering:
        house.start_workers(PROCESSES)
        ledger.wait_until_settled(house, LONGEST_SECONDS)
    account = stage.connection_of(program).account_id
    arrivals = [one for one in house.klaviyo.arrivals(began_at) if one.account == account]
    accepted = [one.at for one in arrivals if one.ids and one.is_accepted]
    seconds = max(accepted) - began_at
    kept = ledger.of(house, account)
    say(f"{dict(house.klaviyo.statuses())}; {kept}")
    share = 60 * events / seconds / LIMIT_A_MINUTE
    mark: Any = {} if is_quick else {"must_be": "at least", "mark": LEAST}  # a tenth is over before workers have begun
    return [
        Figure("share of 150,000 a minute, with the workers' start", share, **mark),
        Figure("requests, times the fewest possible", len(arrivals) / (events / AT_ONCE), "at most", MOST_REQUESTS),
        Figure("events a minute", 60 * events / seconds),
        Figure("seconds, with the workers' start", seconds),
        Figure("429s", sum(one.status == 429 for one in arrivals), "exactly", 0),
        Figure("lost or doubled", kept.lost + kept.doubled, "exactly", 0),
        *(queueing + delivering).figures(events),
    ]
