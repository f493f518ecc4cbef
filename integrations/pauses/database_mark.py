"""Database mark: notices that the database was restored, has moved, or has forgotten what it had committed.

A number in the database grows with each message and each sweep, and is noted outside of it: in Redis, and in a file of
this machine. A database that knows a smaller one than is noted has gone back in time. Besides, a PostgreSQL server says
which cluster, timeline and database it is; a copy that was restored, or a standby that was promoted, is another.
"""

import os
import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import InternalError, NotSupportedError, ProgrammingError, transaction
from django.db import connection as database
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models import DatabaseMark

NAME = "database-mark"
WENT_BACK = "The database has gone back in time: it lacks what workers had noted in it."
PARTS = {  # what a server says of itself: how to ask, and what it means when the answer is another
    # https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA
    "cluster": (
        "SELECT system_identifier::text FROM pg_control_system()",
        "The database is in another PostgreSQL cluster than before, so it was restored or moved.",
    ),
    # Recovery and promotion begin a new timeline, which WAL files are named for:
    # https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
    "timeline": (
        "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
        "PostgreSQL is on a new timeline: it was restored, or a standby was promoted.",
    ),
    "database": (
        "SELECT oid::text FROM pg_database WHERE datname = current_database()",
        "The database was made anew, so it was restored or moved.",
    ),
    "table": (
        f"SELECT '{DatabaseMark._meta.db_table}'::regclass::oid::text",
        "The tables were made anew, so the database was restored.",
    ),
    "file": ("", "The database's file is another than before, so it was restored or moved."),
}
MAY_NOT_ASK = (ProgrammingError, NotSupportedError, InternalError)  # a right or a function that is missing

_refused: set[str] = set()


@dataclass(frozen=True)
class Restored:
    """How it was noticed; until when the copy knows everything, and when workers had last looked before it came."""

    sentence: str
    copy_ends_at: datetime | None
    lost_until: datetime | None


@dataclass(frozen=True)
class Noted:
    """The number as it is noted outside of the database, and when that was."""

    site: str
    number: int
    at: datetime

    def __str__(self) -> str:
        return f"{self.site} {self.number} {self.at.timestamp()}"


def trouble() -> str:
    """What has happened to the database since the last look, in a sentence; empty when it is as it was."""
    noted = _noted()  # before the database is asked, whose number can only have grown since
    mark, identity = _mark(), _identity()
    sentence = _trouble(mark, _of(mark, noted), identity)
    if not sentence and not identity.items() <= mark.identity.items():
        DatabaseMark.objects.filter(pk=mark.pk, identity=mark.identity).update(identity=mark.identity | identity)
    return sentence


def seen() -> Restored | None:
    """Note, in the caller's transaction, that it was noticed; None where somebody else has done so at the same time."""
    noted, identity = _noted(), _identity()
    mark = DatabaseMark.objects.select_for_update().get()
    latest = _of(mark, noted)
    sentence = _trouble(mark, latest, identity)
    if not sentence:
        return None
    restored = Restored(sentence, mark.counted_at, latest.at if latest else None)
    mark.number = max(mark.number, latest.number if latest else 0)
    mark.identity |= identity
    mark.save(update_fields=["identity", "number"])
    return restored


def count() -> None:
    """Count on, and note it outside."""
    mark = _mark()
    DatabaseMark.objects.filter(pk=mark.pk).update(number=F("number") + 1, counted_at=Now())
    mark = _mark()
    noted = Noted(str(mark.site), mark.number, mark.counted_at or timezone.now())
    if settings.REDIS_URL:
        cache.set(NAME, str(noted), timeout=None)
    _write(noted)


def counted_at() -> datetime | None:
    """When workers last counted, as far as this database knows."""
    return _mark().counted_at


def _mark() -> DatabaseMark:
    return DatabaseMark.objects.first() or DatabaseMark.objects.get_or_create(pk=1)[0]


def _trouble(mark: DatabaseMark, noted: Noted | None, identity: dict[str, str]) -> str:
    """Why it cannot be as it was, in a sentence; what was not known before says nothing."""
    if noted and noted.number > mark.number:
        return WENT_BACK
    changed = [name for name, value in identity.items() if mark.identity.get(name, value) != value]
    return PARTS[changed[0]][1] if changed else ""


def _identity() -> dict[str, str]:
    """What the server says of itself, as far as it tells."""
    if database.vendor == "postgresql":
        return _of_server()
    with suppress(OSError):
        return {"file": str(Path(database.settings_dict["NAME"]).stat().st_ino)}
    return {}


def _of_server() -> dict[str, str]:
    names = [name for name, (query, _) in PARTS.items() if query and name not in _refused]
    try:
        return _ask(names)
    except MAY_NOT_ASK:
        for name in names:
            with suppress(*MAY_NOT_ASK):
                _ask([name])
                continue
            _refused.add(name)
        return _ask([name for name in names if name not in _refused])


def _ask(names: list[str]) -> dict[str, str]:
    guarded = transaction.atomic() if database.in_atomic_block else nullcontext()
    with guarded, database.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"({PARTS[name][0]})" for name in names))
        row = cursor.fetchone()
    return dict(zip(names, row, strict=True))


def _noted() -> list[Noted]:
    """All that is noted outside of the database."""
    found = [_read(str(cache.get(NAME, ""))) if settings.REDIS_URL else None]
    with suppress(OSError, UnicodeDecodeError):
        found.append(_read(_file().read_text()))
    return [noted for noted in found if noted]


def _of(mark: DatabaseMark, noted: list[Noted]) -> Noted | None:
    """The largest of this installation's; a folder or a Redis may have been another's before."""
    ours = [one for one in noted if one.site == str(mark.site)]
    return max(ours, key=lambda one: one.number, default=None)


def _read(words: str) -> Noted | None:
    with suppress(ValueError, OverflowError):
        site, number, at = words.split()
        return Noted(site, int(number), datetime.fromtimestamp(float(at), UTC))
    return None


def _write(noted: Noted) -> None:
    """In one step, as others read it meanwhile."""
    draft = _file().with_name(f"{NAME}-{os.getpid()}-{threading.get_ident()}")
    with suppress(OSError):
        draft.write_text(str(noted))
        draft.replace(_file())


def _file() -> Path:
    return Path(settings.VAR_DIR) / NAME
