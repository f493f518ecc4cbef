"""Facts are told while workers are killed at random, Redis is emptied and PostgreSQL crashes; then all is counted.

The quick storm is a small one that a test can afford: it does not wait for the leases of the dead to end.
"""

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.db.models.functions import Now

from integrations.models import Attempt, Lease
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.benchmarks import crew, facts, ledger, meter, stage
from tests.benchmarks.figures import SEED, Figure, say
from tests.benchmarks.house import House, Process
from tests.benchmarks.ledger import Ledger

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
CONVERSIONS = 20  # every so many facts one is a friend's order, of which two events tell


@dataclass(frozen=True)
class Weather:
    """How bad it is."""

    facts: int
    kills: int
    kill_every: float
    flush_every: float
    crashes: int
    workers: int
    waits_for_leases: bool

    @property
    def seconds(self) -> float:
        return self.kills * self.kill_every


STORM = Weather(10_000, 100, 2.0, 10.0, 5, 4, waits_for_leases=True)
SQUALL = Weather(400, 8, 1.0, 4.0, 1, 2, waits_for_leases=False)


def main(house: House, is_quick: bool) -> list[Figure]:
    """Until everything has settled."""
    weather = SQUALL if is_quick else STORM
    [program] = stage.opened(house)
    people = stage.advocates(program, weather.facts // 10)
    stage.introduce(house, program, people)
    account = stage.connection_of(program).account_id
    began_at = time.monotonic()
    workers = house.start_workers(weather.workers)
    teller = crew.send(house, 1, "storm", "tell", program.pk, weather.facts, weather.seconds * 0.8)
    with meter.of(house, with_rows=False) as cost:
        database.close()  # PostgreSQL is about to crash
        done = _rage(house, weather, workers)
        crew.answers(teller)
        say("The storm is over.")
        if not weather.waits_for_leases:
            _end_leases(house, workers, weather.workers)
        ledger.wait_until_settled(house, 600)
    seconds = time.monotonic() - began_at
    kept = ledger.of(house, account)
    say(f"The ledger: {asdict(kept)}")
    say(f"Requests: {Attempt.objects.count():,}, whose answer nobody lived to see: {_unanswered():,}.")
    return _figures(weather, kept, seconds, done) + cost.figures(kept.told)


def tell(program_id: int, number: int, seconds: float) -> int:
    """Tell so many facts in an even stream; what the database could not take is told again."""
    program = _until_it_works(lambda: Program.objects.get(pk=program_id))
    people = _until_it_works(lambda: list(program.advocates.select_related("program__store")))
    began_at = time.monotonic()
    for index in range(number):
        time.sleep(max(began_at + index * seconds / number - time.monotonic(), 0))
        _until_it_works(partial(_tell_one, people[index % len(people)], index))
    return number


def _tell_one(person: Advocate, index: int) -> object:
    if index % CONVERSIONS:
        return lifecycle.visit(person, landing_page=facts.PAGE)
    friend = f"friend-{index}@example.com"
    return lifecycle.convert(person, order_id=str(index), friend_email=friend, total="49.90", currency="EUR")


def _until_it_works(act: Callable[[], T]) -> T:
    """Again while PostgreSQL is away, which has more than one name."""
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except (DatabaseError, InterfaceError):
            if time.monotonic() > gives_up_at:
                raise
            database.close()
            time.sleep(0.1)


def _rage(house: House, weather: Weather, workers: list[Process]) -> dict[str, int]:
    """Everything that goes wrong, each at its time; what was done how often."""
    chance = random.Random(SEED)
    done = {"kills": 0, "flushes": 0, "crashes": 0}
    began_at = time.monotonic()
    for number in range(1, weather.kills + 1):
        time.sleep(max(began_at + number * weather.kill_every - time.monotonic(), 0))
        victim = chance.randrange(len(workers))
        house.kill(workers[victim])
        workers[victim] = house.start_worker()
        done["kills"] += 1
        if number * weather.kill_every >= (done["flushes"] + 1) * weather.flush_every:
            house.flush_redis()
            done["flushes"] += 1
        if (
            number * (weather.crashes + 1) >= (done["crashes"] + 1) * weather.kills
            and done["crashes"] < weather.crashes
        ):
            house.crash_postgres()
            done["crashes"] += 1
            say(f"So far: {done}.")
    return done


def _end_leases(house: House, workers: list[Process], number: int) -> None:
    """As if a minute had gone by since all workers died."""
    for worker in workers:
        house.kill(worker)
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    for _ in range(number):
        house.start_worker()


def _figures(weather: Weather, kept: Ledger, seconds: float, done: dict[str, int]) -> list[Figure]:
    return [
        Figure("facts told", weather.facts),
        Figure("events that they make", kept.told),
        Figure("workers killed", done["kills"], "at least", weather.kills),
        Figure("Redis emptied", done["flushes"], "at least", 1),
        Figure("PostgreSQL crashed", done["crashes"], "at least", weather.crashes),
        Figure("events lost", kept.lost, "exactly", 0),
        Figure("events twice", kept.doubled, "exactly", 0),
        Figure("events of no fact", kept.unknown, "exactly", 0),
        Figure("events sent again, which Klaviyo dropped", kept.sent_again),
        Figure("ledger out of balance", not kept.is_balanced, "exactly", 0),
        Figure("seconds until all had settled", seconds),
    ]


def _unanswered() -> int:
    return Attempt.objects.filter(finished_at=None).count()
