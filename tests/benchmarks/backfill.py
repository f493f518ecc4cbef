"""A store whose million advocates Klaviyo has never heard of: how fast it is told, and how much memory that takes.

Of the million nothing but the address is known. Whoever has a name is looked up first, as a name only fills in what
Klaviyo lacks; that goes at the pace of Klaviyo's look-ups, and is measured with fewer people in a store of its own.
"""

import time
from dataclasses import dataclass

from referrals.models import Program
from tests import consent_screen
from tests.benchmarks import baseline, ledger, memory, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House, Process
from tests.benchmarks.memory import Held
from tests.benchmarks.meter import Cost

ADVOCATES = 1_000_000
NAMED = 50_000
LONGEST_SECONDS = 1_200
MOST_MB = 250
LIMIT_A_SECOND = 25_000  # 150 imports a minute, of 10,000 people each
SHARE = 0.2


@dataclass(frozen=True)
class Told:
    """How one backfill went; `missing` are people whom Klaviyo does not know afterwards."""

    seconds: float
    cost: Cost
    missing: int
    requests: int
    throttled: int
    of_command: Held
    of_worker: Held


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    share = 10 if is_quick else 1
    number, named = ADVOCATES // share, NAMED // share
    nameless, known_by_name = stage.opened(house, [consent_screen.TEA_HOUSE_LTD, "Rb3WdN"])
    say(f"Making {number:,} advocates, and {named:,} with a name.")
    stage.put_advocates(nameless, number, name="")
    stage.put_advocates(known_by_name, named)
    [worker] = house.start_workers(1)
    time.sleep(5)  # until the worker has started
    all_of_them = _backfilled(house, nameless, number, worker)
    with_names = _backfilled(house, known_by_name, named, worker)
    return [
        Figure(
            "CPU of a profile, share of the official client's", _share(house, all_of_them, number), "at most", SHARE
        ),
        Figure("profiles a second", number / all_of_them.seconds),
        Figure("profiles a second, share of Klaviyo's limit", number / all_of_them.seconds / LIMIT_A_SECOND),
        Figure("profiles a second, with names", named / with_names.seconds),
        Figure("people who are missing", all_of_them.missing + with_names.missing, "exactly", 0),
        Figure("peak of the command in MB", all_of_them.of_command.peak, "at most", MOST_MB),
        Figure("peak of the worker in MB", all_of_them.of_worker.peak, "at most", MOST_MB),
        Figure("the command at a fifth of the way in MB", all_of_them.of_command.around(0.2)),
        Figure("the command at the end in MB", all_of_them.of_command.around(0.9)),
        Figure("requests", all_of_them.requests),
        Figure("429s", all_of_them.throttled + with_names.throttled, "exactly", 0),
        *all_of_them.cost.figures(number),
        *with_names.cost.figures(named, ", with names"),
    ]


def _share(house: House, told: Told, number: int) -> float:
    """Of what the official client's task takes for one person, in its own process alone."""
    return 1_000 * told.cost.ours / number / baseline.of(house).of_tasks


def _backfilled(house: House, program: Program, number: int, worker: Process) -> Told:
    """Until Klaviyo has been told of all, and of those as well whom the command left to the worker."""
    account = stage.connection_of(program).account_id
    began_at = time.time()
    with meter.of(house) as cost:
        command = house.start("backfill", "django", "backfill", "--store", program.store.slug)
        with memory.watched(command, worker) as (of_command, of_worker):
            status = house.wait(command, LONGEST_SECONDS)
            ledger.wait_until_settled(house, LONGEST_SECONDS)
    seconds = cost.took
    last_words = max(house.folder.glob("backfill-*.log"), key=lambda path: path.stat().st_mtime).read_text()[-300:]
    if status:
        raise RuntimeError(f"The command ended with {status}: {last_words}")
    arrivals = [one for one in house.klaviyo.arrivals(began_at) if one.account == account]
    throttled = sum(one.status == 429 for one in arrivals)
    missing = number - house.klaviyo.holds(account)["profiles"]
    say(f"{number:,} people in {seconds:.0f} s, {missing} are missing; {dict(house.klaviyo.statuses(began_at))}")
    say(last_words.strip().splitlines()[-1])
    return Told(seconds, cost, missing, len(arrivals), throttled, of_command, of_worker)
