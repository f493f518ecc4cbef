"""How syncs and their runs stand: a state in a word, how far a run is, and its last runs as bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from klaviyo.models import Sync, SyncRun
from klaviyo.pages.syncs import drafts

State = SyncRun.State
LATE_AFTER = timedelta(minutes=15)
SOONEST = timedelta(seconds=1)
BARS = 30
SLOT, HEIGHT = 6, 28

WORDS = {
    State.READING: ("Reading", "info"),
    State.HELD: ("Held", "warn"),
    State.SENDING: ("Sending", "info"),
    State.REMOVING: ("Removing", "info"),
    State.DONE: ("Done", "good"),
    State.FAILED: ("Failed", "bad"),
    State.STOPPED: ("Stopped", ""),
}


@dataclass(frozen=True)
class Pill:
    words: str
    level: str


@dataclass(frozen=True)
class Bar:
    kind: str
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Bars:
    """Runs side by side, the newest at the right; `said` is each in words."""

    bars: tuple[Bar, ...]
    said: str
    width: int = BARS * SLOT
    height: int = HEIGHT


@dataclass(frozen=True)
class Run:
    """One run as it stands."""

    row: SyncRun
    now: datetime

    @property
    def pill(self) -> Pill:
        words, level = WORDS[State(self.row.state)]
        if self.row.state == State.DONE and self.row.rejected:
            return Pill("Done, some rejected", "warn")
        return Pill(f"{words} {self.percent} %" if self.row.state in (State.SENDING, State.REMOVING) else words, level)

    @property
    def percent(self) -> int:
        if self.row.state == State.DONE:
            return 100
        return min(99, self.row.sent * 100 // self.row.to_send) if self.row.to_send else 0

    @property
    def settled(self) -> int:
        return min(self.row.sent, self.row.to_send)

    @property
    def a_minute(self) -> int:
        """Rows that were told since it began to send; 0 while that cannot be told."""
        since = self.row.read_at
        if self.row.state != State.SENDING or since is None or not self.row.sent:
            return 0
        took = self.now - since
        return round(self.row.sent / took.total_seconds() * 60) if took >= SOONEST else 0

    @property
    def left(self) -> str:
        if not (pace := self.a_minute):
            return ""
        return lasted(timedelta(minutes=(self.row.to_send - self.settled) / pace))

    @property
    def took(self) -> str:
        return lasted(self.row.ended_at - self.row.began_at) if self.row.ended_at else ""

    @property
    def told(self) -> int:
        return self.row.added + self.row.changed


@dataclass(frozen=True)
class Listed:
    """A sync in the list, with its last runs."""

    sync: Sync
    last: Run | None
    pill: Pill
    bars: Bars | None
    missing: str


def lasted(span: timedelta) -> str:
    minutes, seconds = divmod(max(0, round(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds if not hours else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than a second"


def listed(syncs: Sequence[Sync], now: datetime) -> list[Listed]:
    """Each with its last runs, which are asked for in one query."""
    runs: dict[int, list[SyncRun]] = {sync.pk: [] for sync in syncs}
    place = Window(RowNumber(), partition_by=F("sync_id"), order_by=F("pk").desc())
    rows = SyncRun.objects.filter(sync__in=syncs).annotate(place=place).filter(place__lte=BARS).defer("samples")
    for row in rows.order_by("-pk"):
        runs[row.sync_id].append(row)
    return [_listed(sync, runs[sync.pk], now) for sync in syncs]


def _listed(sync: Sync, runs: Sequence[SyncRun], now: datetime) -> Listed:
    last = next((Run(row, now) for row in runs if not row.is_dry), None)
    missing = drafts.first_unsound(sync)
    return Listed(sync, last, pill(sync, runs[0] if runs else None, last, now), bars(runs), missing)


def pill(sync: Sync, latest: SyncRun | None, last: Run | None, now: datetime) -> Pill:
    """The state of a sync: what goes on first, then what is wrong."""
    if latest is not None and latest.is_open:
        if latest.state == State.HELD:
            return Pill("Held", "warn")
        return Pill(f"Running {Run(latest, now).percent} %", "info")
    if not sync.is_on:
        return Pill("Off", "")
    if last is not None and last.row.state == State.FAILED:
        return Pill("Failed", "bad")
    if is_late(sync, now):
        return Pill("Late", "warn")
    if last is None:
        return Pill("Not run yet", "")
    if last.row.state == State.STOPPED:
        return Pill("Stopped", "")
    return Pill("Healthy", "good")


def is_late(sync: Sync, now: datetime) -> bool:
    return bool(sync.next_run_at and sync.next_run_at < now - LATE_AFTER)


def bars(runs: Sequence[SyncRun]) -> Bars | None:
    """Told, left out and rejected rows of each run; None where there is no run."""
    shown = [row for row in reversed(runs) if not row.is_dry]
    if not shown:
        return None
    most = max((_sum(row) for row in shown), default=0) or 1
    found = list[Bar]()
    first = BARS - len(shown)
    for place, row in enumerate(shown, first):
        y = float(HEIGHT)
        if row.state in (State.FAILED, State.STOPPED) or not _sum(row):
            kind = "fail" if row.state == State.FAILED else "skip"
            found.append(Bar(kind, place * SLOT, HEIGHT - 3, 3))
            continue
        for kind, number in _parts(row):
            if number:
                height = max(1.5, number * (HEIGHT - 2) / most)
                y -= height
                found.append(Bar(kind, place * SLOT, round(max(y, 0), 1), round(height, 1)))
    said = f"The last {len(shown)} runs, the newest at the right" if len(shown) > 1 else "The only run so far"
    return Bars(tuple(found), said)


def _parts(row: SyncRun) -> tuple[tuple[str, int], ...]:
    return ("ok", row.added + row.changed), ("skip", row.not_sent + row.unknown), ("fail", row.rejected)


def _sum(row: SyncRun) -> int:
    return sum(number for _, number in _parts(row))
