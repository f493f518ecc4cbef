"""A slowed machine with a little to do, with ten times as much, and with that spread over ten accounts.

PostgreSQL has little memory and waits with each commit, and the workers stand still three quarters of the time. What
is compared are figures of the same run: how much the slow machine delivers a second with much to do and with little,
and how soon fresh facts of a quiet account go, beside a bare commit and request. Whatever the machine, none that was
told before a quarter of the others' had gone may go after the last of that.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import close_old_connections

from integrations.models import Delivery
from klaviyo.mapping import events
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests import consent_screen
from tests.benchmarks import facts, ledger, meter, stage
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House, Process
from tests.benchmarks.latency import bare_pairs
from tests.benchmarks.meter import Cost

MUCH, LITTLE = 150_000, 15_000
QUICK_MUCH, QUICK_LITTLE = 4_000, 1_000
FACTS_OF_A_PERSON = 2
SECONDS = 300.0
OTHER, QUIET = "Qk7LmA", "Rb3WdN"
ACCOUNTS, QUICK_ACCOUNTS = 10, 2  # each with so much that it goes in bulk
PROCESSES = 2
STILL, AT_WORK = 0.75, 0.25
QUIET_EVERY, WORD_EVERY = 2.0, 20.0
LEAST = 0.5
TIMES_A_PAIR = 40
PATIENCE_SECONDS = 1_800.0


@dataclass(frozen=True)
class Load:
    """How one of them went.

    `waited`: fresh facts of the first half of the time that had not gone when it ended. `behind`: those told before
    a quarter of the backlog had gone that went after all of it.
    """

    a_second: float
    delays: list[float]
    waited: int
    behind: int
    pair_ms: float
    cost: Cost
    settled: int


def main(house: House, is_quick: bool) -> list[Figure]:
    """A small part of it when quick, and then until all is done."""
    number_much, number_little = (QUICK_MUCH, QUICK_LITTLE) if is_quick else (MUCH, LITTLE)
    accounts = QUICK_ACCOUNTS if is_quick else ACCOUNTS
    names = [consent_screen.TEA_HOUSE_LTD, OTHER, QUIET, *stage.more_accounts(accounts)]
    first, second, quiet, *ten = stage.opened(house, names)
    people = stage.advocates(quiet, 20)
    stage.introduce(house, quiet, people)
    processes = stage.idle_workers(house, PROCESSES)
    workers = processes[-PROCESSES:]
    much, most = f"{number_much:,}", f"{number_much:,} of {accounts} accounts"

    def carried(programs: Sequence[Program], number: int) -> Load:
        """Then the machine is slow no more, and ends what is left."""
        _queue(house, processes, programs, number)
        return _carried(house, workers, programs, people, PATIENCE_SECONDS if is_quick else SECONDS)

    few = carried([first], number_little)
    many = {much: carried([second], number_much), most: carried(ten, number_much)}
    kept = [ledger.of(house, name) for name in names]
    told = [
        Figure(f"delivered a second, {name} to {number_little:,}", load.a_second / few.a_second, "at least", LEAST)
        for name, load in many.items()
    ]
    told.append(Figure("lost or doubled", sum(one.lost + one.doubled for one in kept), "exactly", 0))
    told += _figures(few, f", {number_little:,}")
    for name, load in many.items():
        told += _marked(load, f", {name}", is_quick) + _figures(load, f", {name}")
    return told


def _marked(load: Load, label: str, is_quick: bool) -> list[Figure]:
    """How fresh facts of a quiet account fare; when quick only that they do not go after all else."""
    none: Any = {} if is_quick else {"must_be": "exactly", "mark": 0}
    mark: Any = {} if is_quick else {"must_be": "at most", "mark": TIMES_A_PAIR}
    times = percentile(load.delays, 0.95) / load.pair_ms
    return [
        Figure(f"fresh facts of a quiet account that waited{label}", load.waited, **none),
        Figure(f"fresh facts of a quiet account behind all others{label}", load.behind, "exactly", 0),
        Figure(f"fresh facts, times a bare commit and request, p95{label}", times, **mark),
    ]


def _figures(load: Load, label: str) -> list[Figure]:
    return [
        Figure(f"fresh facts in ms, p95{label}", percentile(load.delays, 0.95)),
        Figure(f"delivered a second{label}", load.a_second),
        *load.cost.figures(load.settled, label),
    ]


def _queue(house: House, processes: Sequence[Process], programs: Sequence[Program], number: int) -> None:
    """Events, and a profile for every other of them, of so many deliveries in all; nobody is at work meanwhile."""
    events_each = number * FACTS_OF_A_PERSON // (FACTS_OF_A_PERSON + 1) // len(programs)
    with house.stopped(processes):
        say(f"Queueing {number:,} deliveries of {len(programs)} accounts.")
        for program in programs:
            crowd = stage.advocates(program, events_each // FACTS_OF_A_PERSON)
            facts.queue_visits(program, crowd, events_each, with_profiles=True)


def _carried(
    house: House, workers: Sequence[Process], programs: Sequence[Program], people: Sequence[Advocate], longest: float
) -> Load:
    """What the slowed machine does of it in so many seconds; it returns when all is done."""
    accounts = [stage.connection_of(program).pk for program in programs]
    waiting, began_at = _left(accounts), time.time()
    with meter.of(house, with_rows=False) as cost, bare_pairs(house, 2.0) as pairs:
        with _slowed(house, workers):
            left_at, told_at = _watched(accounts, people, longest)
        seconds = time.time() - began_at
    accepted = facts.accepted_at(house, told_at)
    early = {key: at for key, at in told_at.items() if at < began_at + seconds / 2}
    ledger.wait_until_settled(house, PATIENCE_SECONDS)
    settled = waiting - left_at[-1][1]
    say(f"{settled:,} of {waiting:,} settled in {seconds:.0f} s.")
    return Load(
        _a_second(left_at),
        [1_000 * (accepted.get(key, began_at + seconds) - at) for key, at in early.items()],
        len(set(early) - set(accepted)),
        _behind(house, told_at, began_at),
        percentile(pairs, 0.5),
        cost,
        settled,
    )


def _behind(house: House, told_at: Mapping[str, float], began_at: float) -> int:
    """Of the fresh facts told before a quarter of all others was taken, those that Klaviyo took after the last of all.

    Both are moments of the same run: several batches lie between them, however long each takes.
    """
    fresh, numbers = facts.accepted_at(house, told_at), {facts.number_of(key) for key in told_at}
    taken = house.klaviyo.accepted_at().items()
    others = sorted(at for number, at in taken if number not in numbers and at >= began_at)
    soon = [key for key, at in told_at.items() if at < others[len(others) // 4]]
    return sum(key not in fresh or fresh[key] - house.latency > others[-1] for key in soon)


def _watched(
    accounts: Sequence[int], people: Sequence[Advocate], longest: float
) -> tuple[list[tuple[float, int]], dict[str, float]]:
    """How many were left at which second, and the fresh facts that were told then."""
    began_at, next_at, next_word_at = time.monotonic(), 0.0, 0.0
    left_at, told_at = [(0.0, _left(accounts))], dict[str, float]()
    while left_at[-1][1] and left_at[-1][0] < longest:
        person = people[len(told_at) % len(people)]
        visit = lifecycle.visit(person, landing_page=facts.PAGE)
        told_at[events.visit_recorded(visit)[0].key] = time.time()
        next_at += QUIET_EVERY
        time.sleep(max(began_at + next_at - time.monotonic(), 0.1))
        close_old_connections()
        left_at.append((time.monotonic() - began_at, _left(accounts)))
        if left_at[-1][0] > next_word_at:
            say(f"{left_at[-1][1]:,} deliveries are left.")
            next_word_at = left_at[-1][0] + WORD_EVERY
    return left_at, told_at


def _a_second(left_at: Sequence[tuple[float, int]]) -> float:
    """Until the end, where it was reached; else that of the second half, if it is less than that of the whole."""
    (_, waiting), (seconds, left) = left_at[0], left_at[-1]
    mean = (waiting - left) / seconds
    if not left:
        return mean
    half_at, half_left = next(one for one in left_at if one[0] >= seconds / 2)
    return min(mean, (half_left - left) / max(seconds - half_at, QUIET_EVERY))


def _left(accounts: Sequence[int]) -> int:
    return Delivery.objects.filter(connection__in=accounts, state__in=ledger.UNDER_WAY).count()


@contextmanager
def _slowed(house: House, workers: Sequence[Process]) -> Iterator[None]:
    """They stand still three quarters of the time while the block lasts."""
    ended = threading.Event()

    def slow_down() -> None:
        while not ended.wait(AT_WORK):
            with house.stopped(workers):
                ended.wait(STILL)

    slowing = threading.Thread(target=slow_down, daemon=True)
    slowing.start()
    try:
        yield
    finally:
        ended.set()
        slowing.join()
