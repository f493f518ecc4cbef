"""Twenty facts a second for an hour, while two of a hundred requests meet each sort of bad day: does anything grow?

`MINUTES` says how long. A line a minute, a chart at the end.
"""

import os
import random
import time
from dataclasses import dataclass

from django.db import close_old_connections
from django.db.models import Count, Min
from django.db.models.functions import Now

from integrations.models import Delivery
from referrals import lifecycle
from referrals.models import Advocate
from tests.benchmarks import facts, ledger, memory, meter, stage
from tests.benchmarks.figures import SEED, Figure, say
from tests.benchmarks.house import House, Process

PROCESSES = 2
A_SECOND = 20
SHARE = 0.02
BAD_DAYS = {"429": 1.0, "500": 1.0, "slow": 20.0, "drip": 20.0, "reset": 1.0}  # with the seconds that it takes
SETTLED_IN = 900
LEASE_SECONDS = 60  # as long as a dead worker keeps what it held
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Minute:
    """How it stood at the end of a minute; seconds and MB."""

    megabytes: float
    open_files: int
    oldest: float
    waiting: int


def main(house: House, is_quick: bool) -> list[Figure]:
    """For MINUTES; two when quick."""
    minutes = 2 if is_quick else int(os.environ.get("MINUTES") or 60)
    [program] = stage.opened(house)
    people = stage.advocates(program, 2_000)
    stage.introduce(house, program, people)
    workers = house.start_workers(PROCESSES)
    say(f"Telling {A_SECOND} facts a second for {minutes} minutes.")
    with meter.of(house, "host") as cost:
        past = _live(house, people, workers, minutes)
        house.klaviyo.recover()
        ledger.wait_until_settled(house, SETTLED_IN)
    kept = ledger.of(house, stage.connection_of(program).account_id)
    say(f"The ledger: {kept}. {dict(house.klaviyo.statuses())}")
    for name, values in (("MB", [m.megabytes for m in past]), ("oldest, s", [m.oldest for m in past])):
        say(f"{name:>10} {_chart(values)} {values[0]:.0f} … {values[-1]:.0f}")
    settled = past[len(past) // 5 :]
    return [
        Figure("growth of memory, share", settled[-1].megabytes / settled[0].megabytes - 1, "at most", 0.05),
        Figure("growth of open files", settled[-1].open_files - settled[0].open_files, "at most", 10),
        Figure("oldest due delivery, in leases", max(minute.oldest for minute in past) / LEASE_SECONDS, "at most", 1),
        Figure("facts told", minutes * 60 * A_SECOND),
        Figure("lost", kept.lost, "exactly", 0),
        Figure("twice", kept.doubled, "exactly", 0),
        Figure("sent again, which Klaviyo dropped", kept.sent_again),
        Figure("ledger out of balance", not kept.is_balanced, "exactly", 0),
        *cost.figures(kept.told),
    ]


def _live(house: House, people: list[Advocate], workers: list[Process], minutes: int) -> list[Minute]:
    """Minute by minute."""
    chance, past, seen_at = random.Random(SEED), list[Minute](), time.time()
    began_at = time.monotonic()
    for second in range(minutes * 60):
        for index in range(A_SECOND):
            lifecycle.visit(people[(second * A_SECOND + index) % len(people)], landing_page=facts.PAGE)
        if second % 5 == 4:
            seen_at = _spoil(house, chance, seen_at)
        if second % 60 == 59:
            past.append(_look(workers))
            say(f"Minute {len(past)}: {past[-1]}")
            close_old_connections()
        time.sleep(max(began_at + second + 1 - time.monotonic(), 0))
    return past


def _spoil(house: House, chance: random.Random, since: float) -> float:
    """As many bad days of each sort as are due for the requests since then; until when that is."""
    now = time.time()
    requests = sum(1 for _ in house.klaviyo.arrivals(since))
    house.klaviyo.recover()
    for kind, seconds in BAD_DAYS.items():
        if many := sum(chance.random() < SHARE for _ in range(requests)):
            house.klaviyo.answer_badly("*", kind, many, delay=seconds, skip=chance.randrange(max(requests // 6, 1)))
    return now


def _look(workers: list[Process]) -> Minute:
    queued = Delivery.objects.filter(state=Delivery.State.QUEUED)
    due = queued.filter(next_try_at__lte=Now()).aggregate(oldest=Now() - Min("next_try_at"), waiting=Count("pk"))
    oldest = due["oldest"].total_seconds() if due["oldest"] else 0.0
    return Minute(memory.megabytes(workers), memory.open_files(workers), oldest, due["waiting"])


def _chart(values: list[float]) -> str:
    """One character a minute."""
    most = max(values) or 1
    return "".join(BARS[min(int(value / most * len(BARS)), len(BARS) - 1)] for value in values)
