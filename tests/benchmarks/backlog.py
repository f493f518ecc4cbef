"""100,000 events that wait: how long until Klaviyo has taken them all, and in how many requests."""

import time

from tests.benchmarks import facts, ledger, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House

EVENTS = 100_000
PEOPLE = 10_000
PROCESSES = 2
LIMIT_A_MINUTE = 150_000


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    events, people = (EVENTS // 10, PEOPLE // 10) if is_quick else (EVENTS, PEOPLE)
    [program] = stage.opened(house)
    advocates = stage.advocates(program, people)
    stage.introduce(house, program, advocates)
    say(f"Queueing {events:,} events of {people:,} people.")
    facts.queue_visits(program, advocates, events)
    began_at = time.time()
    house.start_workers(PROCESSES)
    ledger.wait_until_settled(house, 600)
    account = stage.connection_of(program).account_id
    arrivals = [one for one in house.klaviyo.arrivals(began_at) if one.account == account]
    accepted = [one.at for one in arrivals if one.ids and one.is_accepted]
    seconds = max(accepted) - began_at
    kept = ledger.of(house, account)
    say(f"{dict(house.klaviyo.statuses(began_at))}; {kept}")
    scale = events / EVENTS
    return [
        Figure("seconds, with the workers' start", seconds, "at most", 60 * scale + 15 * is_quick),
        Figure("requests", len(arrivals), "at most", 105 * scale + 2 * is_quick),
        Figure("events a minute", 60 * events / seconds),
        Figure("share of 150,000 a minute", 60 * events / seconds / LIMIT_A_MINUTE),
        Figure("429s", sum(one.status == 429 for one in arrivals), "exactly", 0),
        Figure("lost or doubled", kept.lost + kept.doubled, "exactly", 0),
    ]
