"""Events one by one, by six processes, while fresh facts come faster than the limit lets them go.

Klaviyo's windows begin when they like: counted is what it accepts in so many minutes, after half a minute's start.
"""

import time
from collections import Counter

from django.db import close_old_connections

from referrals.models import Advocate, Program
from tests.benchmarks import facts, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House
from tests.benchmarks.known import Klaviyo

PROCESSES = 6
LIMIT = 3_500
WINDOW = 60
START = 30
FACTS_EACH_SECOND = 64
OPERATION = "create_event"


def main(house: House, is_quick: bool) -> list[Figure]:
    """Four minutes; one when quick."""
    [program] = stage.opened(house)
    people = stage.advocates(program, 500)
    stage.introduce(house, program, people)
    house.start_workers(PROCESSES)
    windows = 1 if is_quick else 4
    began_at = time.time()
    first = began_at + START
    say(f"Telling {FACTS_EACH_SECOND} facts a second for {windows} minutes.")
    with meter.of(house, "queueing") as cost:
        _tell(program, people, began_at, first + windows * WINDOW)
    used = _used(house.klaviyo, first, windows)
    counts = house.klaviyo.statuses(began_at)
    say(f"In each minute: {used}. By status: {dict(counts)}.")
    return [
        Figure("share of 3,500 a minute", sum(used) / LIMIT / windows, "at least", 0.97),
        Figure("share in the poorest minute", min(used) / LIMIT),
        Figure("429s", sum(n for (_, status), n in counts.items() if status == 429), "exactly", 0),
        *cost.figures(counts[OPERATION, 202]),
    ]


def _tell(program: Program, people: list[Advocate], began_at: float, ends_at: float) -> None:
    """Fresh facts all the time, four seconds ahead."""
    told = 0
    while (now := time.time()) < ends_at:
        owed = int((now - began_at + 4) * FACTS_EACH_SECOND) - told
        facts.queue_visits(program, people, owed)
        told += owed
        close_old_connections()
        time.sleep(0.25)


def _used(klaviyo: Klaviyo, first: float, windows: int) -> list[int]:
    """Events accepted in each minute."""
    accepted = (one for one in klaviyo.arrivals(first) if one.operation == OPERATION and one.is_accepted)
    used = Counter(int((one.at - first) // WINDOW) for one in accepted)
    return [used[index] for index in range(windows)]
