"""Claims from a table that is full of settled deliveries, also while somebody's snapshot keeps dead rows alive.

Measured are claims of a hundred fresh rows, which go one by one, and those of a thousand for one bulk request, from a
backlog by two processes at once.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database
from django.db import models, transaction
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from integrations.outcomes import Accepted
from integrations.workers import batches
from tests.benchmarks import crew, meter, stage
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

MILLION = 1_000_000
SIZES = (MILLION, 20 * MILLION)
BYTES_EACH = 1_500  # with its share of the indexes and of the log, generously
FRESH_ROUNDS = 300
FRESH = 100
BACKLOG = 50_000
AT_ONCE = 1_000
PROCESSES = 2
MOST_TIMES, MOST_TIMES_PINNED = 3.0, 6.0

FILL = "INSERT INTO integrations_delivery ({columns}) SELECT {values} FROM generate_series(%s, %s) AS n"
VARIED = {
    "key": "'settled:' || n",
    "source": "md5(n::text)",
    "subject": "'person-' || n %% 100000 || '@example.com'",
    "settled_at": "now() - n * interval '0.4 seconds'",
}


def main(house: House, is_quick: bool) -> list[Figure]:
    """At each size, with and without a pinned snapshot."""
    [program] = stage.opened(house)
    connection = stage.connection_of(program)
    told, filled, share = list[Figure](), 0, 10 if is_quick else 1
    bare, _ = _measured(house, connection, "nothing settled", share)
    for size in (SIZES[0] // 10,) if is_quick else SIZES:
        if (size - filled) * BYTES_EACH > shutil.disk_usage("/tmp").free:
            say(f"There is no room on the disk for {size:,} rows; left out.")
            break
        _fill(connection, filled + 1, size)
        filled = size
        label = f"{size // MILLION} million" if size >= MILLION else f"{size:,}"
        told += _compared(house, connection, f"{label} settled", share, bare, MOST_TIMES)
        with _pinned_snapshot():
            told += _compared(house, connection, f"{label} settled, snapshot pinned", share, bare, MOST_TIMES_PINNED)
    return told


def take_all(connection_id: int) -> dict[str, Any]:
    """Claim and settle until nothing is due: what each claim took in ms, and how many rows were settled."""
    connection = Connection.objects.get(pk=connection_id)
    spent, settled, before, began_at = list[float](), 0, -1, time.perf_counter()
    while settled > before:
        before = settled
        for batch, _ in batches.batches(connection):
            if batch:
                spent.append(1_000 * (time.perf_counter() - began_at))
                settled += outbox.settle_all(batch, Accepted())
            began_at = time.perf_counter()
    return {"spent": spent, "rows": settled}


def _compared(house: House, connection: Connection, label: str, share: int, bare: float, most: float) -> list[Figure]:
    """With the same in a table where nothing is settled."""
    fresh, told = _measured(house, connection, label, share)
    return [
        Figure(f"p99 of a claim of 100, times that with nothing settled, {label}", fresh / bare, "at most", most),
        *told,
    ]


def _measured(house: House, connection: Connection, label: str, share: int) -> tuple[float, list[Figure]]:
    """The p99 of a claim of a hundred, and the figures."""
    fresh = [ms for number in range(FRESH_ROUNDS // share) for ms in _fresh_claims(connection, f"{label}:{number}")]
    _queue(connection, f"{label}:backlog", BACKLOG // share)
    with meter.of(house) as cost:
        answers = crew.answers(crew.send(house, PROCESSES, "claims", "take_all", connection.pk))
    seconds = cost.took
    rows, many = sum(answer["rows"] for answer in answers), [ms for answer in answers for ms in answer["spent"]]
    say(f"{label}: {percentile(fresh, 0.99):.1f} ms fresh, {percentile(many, 0.99):.1f} ms backlog; {rows:,} rows.")
    return percentile(fresh, 0.99), [
        Figure(f"p99 of a claim of 100 in ms, {label}", percentile(fresh, 0.99)),
        Figure(f"p99 of a claim of 1,000 in ms, {label}", percentile(many, 0.99)),
        Figure(f"claimed and settled rows/s, {label}", rows / seconds),
        *cost.figures(rows, f", {label}"),
    ]


def _fresh_claims(connection: Connection, label: str) -> list[float]:
    _queue(connection, label, FRESH)
    spent: list[float] = take_all(connection.pk)["spent"]
    return spent


def _queue(connection: Connection, label: str, number: int) -> None:
    now = timezone.now()
    for start in range(0, number, AT_ONCE):
        orders = [
            Order(kind="event", key=f"{label}:{n}", subject="ann@example.com", occurred_at=now)
            for n in range(start, min(start + AT_ONCE, number))
        ]
        with transaction.atomic():
            outbox.add(connection.pk, orders)


def _fill(connection: Connection, first: int, last: int) -> None:
    """Settled rows like a first one, without indexes meanwhile."""
    say(f"Filling the table up to {last:,} rows.")
    pattern = Delivery(
        connection=connection,
        kind="event",
        state=Delivery.State.ACCEPTED,
        occurred_at=timezone.now(),
        created_at=timezone.now(),
        attempts_made=1,
    )
    fields = {str(field.column): field for field in Delivery._meta.concrete_fields if not field.primary_key}
    values = ", ".join(VARIED.get(column, "%s") for column in fields)
    fixed = [_stored(pattern, field) for column, field in fields.items() if column not in VARIED]
    with database.cursor() as cursor, _without_indexes():
        cursor.execute(FILL.format(columns=", ".join(fields), values=values), [*fixed, first, last])
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE integrations_delivery")


def _stored(pattern: Delivery, field: "models.Field[Any, Any]") -> Any:
    return field.get_db_prep_save(getattr(pattern, field.attname), database)


@contextmanager
def _without_indexes() -> Iterator[None]:
    """The table's indexes, but for its primary key, are made anew afterwards."""
    constraints, indexes = Delivery._meta.constraints, Delivery._meta.indexes
    with database.schema_editor() as editor:
        for index in indexes:
            editor.remove_index(Delivery, index)
        for constraint in constraints:
            editor.remove_constraint(Delivery, constraint)
    yield
    say("Making its indexes.")
    with database.schema_editor() as editor:
        for index in indexes:
            editor.add_index(Delivery, index)
        for constraint in constraints:
            editor.add_constraint(Delivery, constraint)


@contextmanager
def _pinned_snapshot() -> Iterator[None]:
    """Another connection looks at the table, and does not end its transaction."""
    other = database.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT max(id) FROM integrations_delivery")
            yield
    finally:
        other.close()
