"""What a signal costs the host's transaction that tells of a fact, and how fast many orders are queued.

A call with and without anybody listening, in turns so that both meet the same day; no worker is at work.
"""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from integrations import outbox
from integrations.outbox import Order
from klaviyo import receivers
from klaviyo.mapping import orders
from klaviyo.models import StoreSetting
from referrals import lifecycle, signals
from referrals.models import Advocate, Program
from tests.benchmarks import baseline, facts, stage
from tests.benchmarks.baseline import ms
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

CALLS = 500
COUNTED = 20
ORDERS = 10_000
TURNS = 5
AS_MUCH_AGAIN = 1.0
MOST_STATEMENTS = 3
OF_COPY = 8_000 / 23_000

TABLE = """
    CREATE TABLE IF NOT EXISTS bare_copy
        (id bigserial PRIMARY KEY, key text NOT NULL, subject text, body jsonb NOT NULL, options jsonb NOT NULL)
"""
COPY = "COPY bare_copy (key, subject, body, options) FROM STDIN"
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

Make = Callable[[], list[Order]]


def main(house: House, is_quick: bool) -> list[Figure]:
    """A fifth of it when quick."""
    share = 5 if is_quick else 1
    calls, number = CALLS // share, ORDERS // share
    [program] = stage.opened(house)
    setting = StoreSetting.objects.get(store=program.store_id)
    people = stage.advocates(program, number)
    stage.introduce(house, program, people[: 2 * (calls + COUNTED)])
    visits = partial(facts.stored_visits, people, number)
    return [
        *_calls(people[2 * COUNTED : 2 * (calls + COUNTED)], baseline.of(house)),
        *_statements(people[: 2 * COUNTED]),
        *_rates(program, lambda: facts.made_orders(program, visits()), "orders", least=OF_COPY),
        *_rates(program, lambda: _with_lanes(people, setting), "orders with a lane each"),
    ]


def _calls(people: Sequence[Advocate], bare: baseline.Baseline) -> list[Figure]:
    say(f"Telling {len(people)} facts, every other without the signal.")
    heard, unheard = list[float](), list[float]()
    for one, another in zip(people[::2], people[1::2], strict=True):
        heard.append(ms(partial(_visit, one)))
        with _nobody_listening():
            unheard.append(ms(partial(_visit, another)))
    added = percentile(heard, 0.5) - percentile(unheard, 0.5)
    return [
        Figure("what the signal adds to a visit, times it", added / percentile(unheard, 0.5), "at most", AS_MUCH_AGAIN),
        Figure("what the signal adds, times a bare insert and commit", added / bare.insert_ms),
        *(
            Figure(f"visit and commit {how} it in ms, p{100 * share:.0f}", percentile(spent, share))
            for how, spent in (("with", heard), ("without", unheard))
            for share in (0.5, 0.99)
        ),
    ]


def _statements(people: Sequence[Advocate]) -> list[Figure]:
    """Of a person's first fact, and of a second while the first still waits; savepoints are counted as well."""
    found = []
    for which in ("first", "second"):
        heard, unheard = 0, 0
        for one, another in zip(people[::2], people[1::2], strict=True):
            heard += _asked(one)
            with _nobody_listening():
                unheard += _asked(another)
        added = (heard - unheard) / (len(people) // 2)
        found.append(Figure(f"statements that the signal adds, a person's {which}", added, "at most", MOST_STATEMENTS))
    return found


def _rates(program: Program, make: Make, what: str, least: float | None = None) -> list[Figure]:
    """Rows a second of `outbox.add` and of a bare COPY of the same bodies, each with its commit, in turns; the best."""
    added, copied, number = list[float](), list[float](), 0
    connection_id = stage.connection_of(program).pk
    with database.cursor() as cursor:
        cursor.execute(TABLE)
    for _ in range(TURNS):
        made = make()
        number = len(made)
        added.append(ms(partial(_add, connection_id, made)))
        copied.append(ms(partial(_copy, made)))
    ours, bare = (1_000 * number / min(spent) for spent in (added, copied))
    say(f"{number:,} {what}: {ours:,.0f} a second, and {bare:,.0f} by a bare COPY.")
    mark: Any = {"must_be": "at least", "mark": least} if least else {}
    return [
        Figure(f"{what} a second, share of a bare COPY", ours / bare, **mark),
        Figure(f"{what} a second", ours),
        Figure(f"{what} a second, bare COPY", bare),
    ]


def _with_lanes(people: Sequence[Advocate], setting: StoreSetting) -> list[Order]:
    """Each time in lanes where nothing waits yet."""
    turn = uuid4()
    return [
        replace(order, lane=f"{turn}:{order.source}") for order in (orders.of_profile(one, setting) for one in people)
    ]


def _add(connection_id: int, made: Sequence[Order]) -> None:
    with transaction.atomic():
        outbox.add(connection_id, made)


def _copy(made: Sequence[Order]) -> None:
    """https://www.postgresql.org/docs/current/sql-copy.html"""
    lines = io.StringIO()
    for order in made:
        columns = (order.key, order.subject, json.dumps(order.body), json.dumps(order.options))
        lines.write("\t".join(column.translate(ESCAPES) for column in columns) + "\n")
    lines.seek(0)
    with transaction.atomic(), database.cursor() as cursor:
        cursor.copy_expert(COPY, lines)


def _visit(person: Advocate) -> None:
    lifecycle.visit(person, landing_page=facts.PAGE)


def _asked(person: Advocate) -> int:
    with CaptureQueriesContext(database) as asked:
        _visit(person)
    return len(asked)


@contextmanager
def _nobody_listening() -> Iterator[None]:
    signals.visit_recorded.disconnect(dispatch_uid="klaviyo")
    try:
        yield
    finally:
        signals.visit_recorded.connect(receivers.on_visit_recorded, dispatch_uid="klaviyo", weak=False)
