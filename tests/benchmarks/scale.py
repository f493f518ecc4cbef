"""A few accounts and many, each with as many facts at the same pace in all: is it the same for each of them?

Facts come by the hundreds of one account, the accounts in turn, so that the pace says how much is to be done and the
number of accounts only among how many.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import close_old_connections
from django.db import connection as database

from referrals.models import Advocate, Program
from tests import consent_screen
from tests.benchmarks import facts, ledger, memory, meter, stage
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House, Process
from tests.benchmarks.meter import Cost

FEW, MANY, QUICK_FEW, QUICK_MANY = 25, 100, 5, 20
PROCESSES = 4
AT_ONCE, ROUNDS = 250, 4
A_SECOND = 300
FLAT = 1.5
FLAT_SESSIONS = 2.0  # the most that were ever seen, of a few
FLAT_MEMORY = 1.2
PATIENCE_SECONDS = 900.0

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@dataclass
class Round:
    """How it went with so many accounts: `delays` are each one's p95 in s."""

    delays: list[float]
    sessions: list[int]
    megabytes: float
    cost: Cost
    facts: int


def main(house: House, is_quick: bool) -> list[Figure]:
    """A fifth of the accounts, and a round of facts, when quick."""
    few, many, rounds = (QUICK_FEW, QUICK_MANY, 1) if is_quick else (FEW, MANY, ROUNDS)
    names = [consent_screen.TEA_HOUSE_LTD, "Qk7LmA", "Rb3WdN", *stage.more_accounts(many - 3)]
    programs = stage.opened(house, names)
    people = {program.pk: stage.advocates(program, 10) for program in programs}
    for program in programs:
        stage.introduce(house, program, people[program.pk])
    processes = stage.idle_workers(house, PROCESSES)
    of_few = _round(house, programs[:few], people, processes, rounds)
    of_many = _round(house, programs, people, processes, rounds)
    lost = [ledger.of(house, name) for name in names]
    return [
        Figure(f"p95 of the median account, {many} to {few}", _ratio(of_many, of_few, 0.5), "at most", FLAT),
        Figure(f"p95 of the slowest account, {many} to {few}", _ratio(of_many, of_few, 1.0)),
        Figure(
            "sessions of PostgreSQL, many to few",
            max(of_many.sessions) / max(of_few.sessions),
            "at most",
            FLAT_SESSIONS,
        ),
        Figure("memory of a worker, many to few", of_many.megabytes / of_few.megabytes, "at most", FLAT_MEMORY),
        Figure("CPU of a fact, many to few", of_many.cost.ours / of_many.facts * of_few.facts / of_few.cost.ours),
        Figure("lost or doubled", sum(one.lost + one.doubled for one in lost), "exactly", 0),
        *_figures(of_few, few),
        *_figures(of_many, many),
    ]


def _ratio(of_many: Round, of_few: Round, share: float) -> float:
    return percentile(of_many.delays, share) / percentile(of_few.delays, share)


def _figures(of: Round, accounts: int) -> list[Figure]:
    label = f", {accounts} accounts"
    return [
        Figure(f"p95 in s of the median account{label}", percentile(of.delays, 0.5)),
        Figure(f"p95 in s of the slowest account{label}", max(of.delays)),
        Figure(f"most sessions of PostgreSQL{label}", max(of.sessions)),
        Figure(f"fattest worker in MB{label}", of.megabytes),
        *of.cost.figures(of.facts, label),
    ]


def _round(
    house: House, programs: list[Program], people: dict[int, list[Advocate]], processes: list[Process], rounds: int
) -> Round:
    """Until all has arrived."""
    number = len(programs) * rounds * AT_ONCE
    say(f"{number:,} facts of {len(programs)} accounts, {A_SECOND} a second.")
    told_at: dict[int, dict[str, float]] = {program.pk: {} for program in programs}
    with _sessions() as sessions, memory.watched(*processes) as held, meter.of(house, "queueing") as cost:
        began_at = time.time()
        for index in range(rounds * len(programs)):
            time.sleep(max(began_at + index * AT_ONCE / A_SECOND - time.time(), 0))
            program = programs[index % len(programs)]
            visits = facts.stored_visits(people[program.pk], AT_ONCE)
            made = facts.queue(program, visits)
            told_at[program.pk] |= dict.fromkeys(made, time.time())
            close_old_connections()
        ledger.wait_until_settled(house, PATIENCE_SECONDS)
    accepted = facts.accepted_at(house, [key for keys in told_at.values() for key in keys])
    delays = [
        percentile([accepted.get(key, time.time()) - at for key, at in keys.items()], 0.95) for keys in told_at.values()
    ]
    return Round(delays, sessions, max(one.peak for one in held), cost, number)


@contextmanager
def _sessions() -> Iterator[list[int]]:
    """How many sessions PostgreSQL has, but for the one that asks, each second while the block lasts."""
    seen, ended = list[int](), threading.Event()

    def look() -> None:
        with database.cursor() as cursor:
            while True:
                cursor.execute(SESSIONS)
                seen.append(int(cursor.fetchall()[0][0]))
                if ended.wait(1):
                    break
        database.close()

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        ended.set()
        looking.join()
