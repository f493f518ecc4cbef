"""What an event costs from the fact to its being confirmed, in bulk: processor time, write-ahead log, statements, rows.

PostgreSQL writes no page images here (full_page_writes is off), so that the log is what the records take. The facts
themselves are stored before, as that is the host's own.
"""

import time

from tests.benchmarks import autopsy, facts, ledger, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House

EVENTS, QUICK_EVENTS = 100_000, 10_000
EVENTS_OF_A_PERSON = 10
PROCESSES = 2
MOST_BYTES = 2_048
IDLE_SECONDS = 20.0
LONGEST_SECONDS = 1_800.0


def main(house: House, is_quick: bool) -> list[Figure]:
    """A tenth of it when quick."""
    return measured(house, QUICK_EVENTS if is_quick else EVENTS)


def measured(house: House, number: int) -> list[Figure]:
    """So many events that wait while workers, which have started already, stand still; then those are let go."""
    [program] = stage.opened(house)
    people = stage.advocates(program, number // EVENTS_OF_A_PERSON)
    stage.introduce(house, program, people)
    say(f"Storing {number:,} facts.")
    with meter.of(house, "host", with_rows=False) as of_facts:
        visits = facts.stored_visits(people, number)
    workers = stage.idle_workers(house, PROCESSES)
    with meter.of(house, with_rows=False) as idle:
        time.sleep(IDLE_SECONDS)
    with house.stopped(workers):
        say(f"Queueing {number:,} events.")
        with meter.of(house, "queueing") as queueing:
            facts.queue(program, visits)
    with meter.of(house) as at_work:
        with meter.of(house, with_rows=False) as delivering:
            ledger.wait_until_settled(house, LONGEST_SECONDS)
        with meter.of(house, with_rows=False) as confirming:
            ledger.wait_until_confirmed(house, LONGEST_SECONDS)
    kept = ledger.of(house, stage.connection_of(program).account_id)
    say(f"{kept}; {dict(house.klaviyo.statuses())}")
    say(autopsy.statements())
    whole = queueing + at_work
    parts = {"queueing": queueing, "delivering": delivering, "confirming": confirming}
    return [
        *whole.figures(number, most_bytes=MOST_BYTES),
        *(Figure(f"CPU s per 1,000, {name}", 1_000 * part.ours / number) for name, part in parts.items()),
        *(Figure(f"write-ahead log in bytes, {name}", part.wal / number) for name, part in parts.items()),
        Figure("CPU s per 1,000 bare facts, host and PostgreSQL", 1_000 * of_facts.of("host", "PostgreSQL") / number),
        Figure("CPU s a minute while idle, ours and PostgreSQL", 60 * idle.ours / idle.took),
        Figure("seconds from let go to settled", delivering.took),
        Figure("lost or doubled", kept.lost + kept.doubled, "exactly", 0),
    ]
