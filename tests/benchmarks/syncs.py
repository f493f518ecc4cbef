"""A file of a million customers, kept in step with profiles and a list: all of it, then what differs, then nothing.

Reading and comparing are held against a COPY of the same rows, and sending against the pace of Klaviyo's imports.
"""

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection as database

from integrations.models import Connection
from klaviyo.models import Sync, SyncRun, SyncSource
from tests.benchmarks import memory, meter, stage
from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import House
from tests.benchmarks.memory import Held
from tests.benchmarks.meter import Cost

ROWS = 1_000_000
CHANGED, GONE = 0.008, 0.001  # of the rows; as many come as go
LONGEST_SECONDS = 3_600
MOST_MB = 200
TIMES_COPY = 4
ROWS_OF_AN_IMPORT, MOST_IMPORTS_TO_SPARE = 5_000, 1.3
IMPORTS_A_SECOND = 150 / 60
HEADER = (
    "id",
    "email",
    "first_name",
    "last_name",
    "city",
    "country",
    "tier",
    "spent",
    "orders",
    "note",
    "since",
    "tags",
)
FIELDS = (
    *({"field": name, "column": name} for name in ("first_name", "last_name")),
    {"field": "location.city", "column": "city"},
    {"field": "location.country", "column": "country"},
    *({"field": f"properties.{name}", "column": name, "type": "text"} for name in ("tier", "note", "tags")),
    {"field": "properties.spent", "column": "spent", "type": "number", "decimal": "."},
    {"field": "properties.orders", "column": "orders", "type": "number"},
    {"field": "properties.since", "column": "since", "type": "date"},
)


@dataclass(frozen=True)
class Ran:
    """How one run went."""

    run: SyncRun
    seconds: float
    until_compared: float
    until_sent: float
    requests: dict[str, int]
    throttled: int
    of_command: Held
    cost: Cost

    def asked(self, *operations: str) -> int:
        return sum(number for name, number in self.requests.items() if name in operations)


def main(house: House, is_quick: bool) -> list[Figure]:
    """A twentieth of it when quick."""
    rows = ROWS // (20 if is_quick else 1)
    [program] = stage.opened(house)
    connection = stage.connection_of(program)
    file = house.folder / "customers.csv"
    _write(file, _rows(range(rows)))
    sync = _sync(file, connection)
    copied = _copied(file)
    first = _ran(house, sync)
    changed, gone = int(rows * CHANGED), int(rows * GONE)
    _write(file, _rows(range(gone, rows + gone), changed=range(gone, gone + changed)))
    second = _ran(house, sync)
    third = _ran(house, sync)
    told = house.klaviyo.holds(connection.account_id)
    reading = first.until_compared / copied
    pace = rows / ROWS_OF_AN_IMPORT / max(first.until_sent - first.until_compared, 0.001)
    return [
        Figure("rows that the first run told", first.run.told_now, "exactly", rows),
        Figure("profiles that are missing", rows + gone - told["profiles"], "exactly", 0),
        Figure("reading and comparing, times a COPY", reading, "at most", TIMES_COPY),
        Figure("seconds until compared", first.until_compared),
        Figure("seconds of a COPY", copied),
        Figure("imports a second, share of Klaviyo's limit", pace / IMPORTS_A_SECOND),
        Figure("seconds of the first run", first.seconds),
        Figure(
            "imports of the first run",
            first.asked("bulk_import_profiles"),
            "at most",
            MOST_IMPORTS_TO_SPARE * rows / ROWS_OF_AN_IMPORT + 1,
        ),
        Figure("peak of the command in MB", first.of_command.peak, "at most", MOST_MB),
        Figure("429s", first.throttled + second.throttled + third.throttled, "exactly", 0),
        Figure("seconds of the run with what differs", second.seconds),
        Figure("rows that it changed", second.run.changed, "exactly", changed),
        Figure("rows that it added", second.run.added, "exactly", gone),
        Figure("rows that it removed", second.run.removed, "exactly", gone),
        Figure("its imports", second.asked("bulk_import_profiles"), "at most", (changed + gone) // 3_000 + 1),
        Figure("its look-ups", second.asked("get_profiles"), "at most", gone / 100 + 2),
        Figure("its removals", second.asked("remove_profiles_from_list"), "at most", gone // 1_000 + 2),
        Figure("seconds of the run with nothing", third.seconds),
        Figure("requests of the run with nothing", sum(third.requests.values()), "exactly", 0),
        *first.cost.figures(rows),
    ]


def _rows(numbers: range, changed: range = range(0)) -> Iterator[tuple[object, ...]]:
    for n in numbers:
        tier = "gold" if n in changed else ("silver", "bronze")[n % 2]
        yield (
            n,
            f"customer-{n}@example.com",
            f"Ann{n % 977}",
            f"Lee{n % 1_979}",
            ("Köln", "Łódź", "Oslo", "Lyon")[n % 4],
            ("DE", "PL", "NO", "FR")[n % 4],
            tier,
            f"{n % 900}.{n % 100:02}",
            n % 40,
            f"likes tea number {n % 313}, and coffee",
            f"20{10 + n % 15}-0{1 + n % 9}-1{n % 9}",
            "vip, tea" if n % 7 == 0 else "",
        )


def _write(file: Path, rows: Iterator[tuple[object, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(HEADER)
        writer.writerows(rows)
    say(f"A file of {file.stat().st_size / 1_000_000:,.0f} MB.")


def _sync(file: Path, connection: Connection) -> Sync:
    reading = {"encoding": "utf-8", "delimiter": ",", "header_line": 1}
    source = SyncSource.objects.create(
        name="Customers", kind="file", path=str(file), key_columns=["id"], columns=list(HEADER), reading=reading
    )
    return Sync.objects.create(
        slug="customers",
        name="Customers",
        source=source,
        connection=connection,
        destination=Sync.Destination.LIST,
        mode=Sync.Mode.MIRROR,
        mapping={"identity": {"kind": "email", "column": "email"}, "fields": list(FIELDS)},
        options={"make_list": True, "list_name": "Customers"},
    )


def _copied(file: Path) -> float:
    """Seconds of a COPY of the same rows: https://www.postgresql.org/docs/current/sql-copy.html."""
    columns = ", ".join(f"{name} text" for name in HEADER)
    with database.cursor() as cursor, file.open(encoding="utf-8") as lines:
        cursor.execute(f"CREATE UNLOGGED TABLE bare_copy ({columns})")
        began_at = time.monotonic()
        cursor.copy_expert("COPY bare_copy FROM STDIN (FORMAT csv, HEADER)", lines)
        took = time.monotonic() - began_at
        cursor.execute("DROP TABLE bare_copy")
    return took


def _ran(house: House, sync: Sync) -> Ran:
    began_at = time.time()
    with meter.of(house) as cost:
        command = house.start("sync", "django", "sync", sync.slug)
        with memory.watched(command) as [of_command]:
            status = house.wait(command, LONGEST_SECONDS)
    log = max(house.folder.glob("sync-*.log"), key=lambda path: path.stat().st_mtime)
    say(log.read_text()[-300:].strip().splitlines()[-1])
    if status:
        raise RuntimeError(f"The command ended with {status}: {log.read_text()[-1_000:]}")
    run = SyncRun.objects.filter(sync=sync).latest("pk")
    arrivals = [one for one in house.klaviyo.arrivals(began_at) if one.account == sync.connection.account_id]
    requests: dict[str, int] = {}
    for one in arrivals:
        requests[one.operation] = requests.get(one.operation, 0) + 1
    first = min((one.at for one in arrivals if one.operation == "bulk_import_profiles"), default=time.time())
    return Ran(
        run,
        cost.took,
        first - began_at,
        _moment(run.sent_at) - began_at,
        requests,
        sum(one.status == 429 for one in arrivals),
        of_command,
        cost,
    )


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else time.time()
