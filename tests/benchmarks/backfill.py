"""A store whose million advocates Klaviyo has never heard of: how fast it is told, and how much memory that takes."""

import time

from tests.benchmarks import memory, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House

ADVOCATES = 1_000_000
LONGEST_SECONDS = 1_200
MOST_MB = 250


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    number = ADVOCATES // 10 if is_quick else ADVOCATES
    [program] = stage.opened(house)
    say(f"Making {number:,} advocates.")
    stage.put_advocates(program, number)
    account = stage.connection_of(program).account_id
    _, worker = house.start("beat", "celery", "-A", "sorae", "-q", "beat"), house.start_worker()
    time.sleep(5)  # until the worker has started
    began_at = time.time()
    command = house.start("backfill", "django", "backfill", "--store", program.store.slug)
    with memory.watched(command, worker) as (of_command, of_worker):
        status = command.wait(LONGEST_SECONDS)
        seconds = time.time() - began_at
    if status:
        raise RuntimeError(f"The command ended with {status}: {_said(house)}")
    there = house.klaviyo.holds(account)["profiles"]
    statuses = house.klaviyo.statuses(began_at)
    say(f"{there:,} people in {seconds:.0f} s; {dict(statuses)}; {_said(house)}")
    return [
        Figure("profiles a second", number / seconds, "at least", 5_000),
        Figure("people who are missing", number - there, "exactly", 0),
        Figure("peak of the command in MB", of_command.peak, "at most", MOST_MB),
        Figure("peak of the worker in MB", of_worker.peak, "at most", MOST_MB),
        Figure("the command at a fifth of the way in MB", of_command.around(0.2)),
        Figure("the command at the end in MB", of_command.around(0.9)),
        Figure("requests", statuses.total()),
        Figure("429s", sum(many for (_, status), many in statuses.items() if status == 429), "exactly", 0),
    ]


def _said(house: House) -> str:
    return "".join(path.read_text()[-300:] for path in sorted(house.folder.glob("backfill-*.log")))
