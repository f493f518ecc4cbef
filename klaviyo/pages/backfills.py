"""Backfills as pages show them: what is asked for in the form, how far a run is, and whom an import did not take."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from integrations import reasons
from integrations.models import Connection, Delivery
from integrations.pages import filtering, story
from integrations.reasons import Reason
from klaviyo.imports import backfill_estimate
from klaviyo.imports.backfill_facts import Span
from klaviyo.mapping import contents
from klaviyo.models import Backfill, BackfillProblem, StoreSetting
from klaviyo.pages.masking import masked, within

VIEW, RUN = "klaviyo.view_backfill", "klaviyo.run_backfill"

LEVELS = {
    Backfill.State.RUNNING: "info",
    Backfill.State.PAUSED: "warn",
    Backfill.State.DONE: "good",
    Backfill.State.STOPPED: "",
}
SOONEST = timedelta(seconds=1)  # before that no pace can be told
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What a form asks for: facts of days, or of none; `problem` says what is wrong with it."""

    facts: bool = False
    since: str = ""
    until: str = ""
    problem: str = ""

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        if "facts" not in data:
            return cls()
        since, until = (data.get(name, "").strip()[:20] for name in ("since", "until"))
        problem = ""
        if not filtering.day_in(since) or (until and not filtering.day_in(until)):
            problem = "Say from which day on: a day between 2001 and today."
        elif since < "2001" or since > str(timezone.localdate()):
            problem = "Klaviyo takes events from 2001 until today. Choose a day between."
        elif until and until < since:
            problem = "The last day is before the first one."
        return cls(True, since, until, problem)

    @property
    def span(self) -> Span | None:
        """From the beginning of the first day until the end of the last one, or until now."""
        if not self.facts or self.problem:
            return None
        since, end = filtering.starts(self.since), filtering.starts(self.until, DAY)
        if since is None:
            return None
        return Span(since, min(end or timezone.now(), timezone.now()))


@dataclass(frozen=True)
class Run:
    """One run as it stands: its state in a word, its pace, and what is left."""

    row: Backfill
    now: datetime

    @property
    def level(self) -> str:
        return LEVELS[Backfill.State(self.row.state)]

    @property
    def state(self) -> str:
        return str(Backfill.State(self.row.state).label)

    @property
    def people_done(self) -> int:
        return self.row.told + self.row.left_out

    @property
    def people(self) -> int:
        return max(self.row.people, self.people_done)

    @property
    def percent(self) -> int:
        """Whole ones; all of them only when it is done."""
        if self.row.state == Backfill.State.DONE:
            return 100
        return min(99, self.row.done * 100 // self.row.total) if self.row.total else 0

    @property
    def took(self) -> str:
        """From its beginning to its end, pauses and all; empty while it goes on."""
        if self.row.ended_at is None:
            return ""
        minutes, seconds = divmod(max(0, round((self.row.ended_at - self.row.began_at).total_seconds())), 60)
        hours, minutes = divmod(minutes, 60)
        parts = [(hours, "h"), (minutes, "min"), (seconds if not hours else 0, "s")]
        return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than a second"

    @property
    def a_minute(self) -> int:
        """Its pace since it last went on; 0 while it cannot be told."""
        if self.row.state != Backfill.State.RUNNING or self.row.went_on_at is None:
            return 0
        took, done = self.now - self.row.went_on_at, self.row.done - self.row.done_before
        return round(done / took.total_seconds() * 60) if took >= SOONEST and done > 0 else 0

    @property
    def left(self) -> str:
        """How long it will go on at this pace; of people, as long as these are told of."""
        if not (pace := self.a_minute):
            return ""
        rest = self.people - self.people_done or self.row.total - self.row.done
        return backfill_estimate.words(rest / pace * 60)


@dataclass(frozen=True)
class Reasoned:
    """How many people were left out for one reason."""

    title: str
    words: str
    number: int


@dataclass(frozen=True)
class Refusal:
    """A person whom an import did not take, Klaviyo's words, and how it ended when they went alone."""

    pk: int
    advocate: int
    who: str
    code: str
    words: str
    became: str
    level: str


def settings_of(connection: Connection) -> list[StoreSetting]:
    joined = StoreSetting.objects.filter(connection=connection).select_related("store", "connection")
    return list(joined.order_by("-is_enabled", "store__name", "pk"))


def runs(connection: Connection) -> "QuerySet[Backfill]":
    found = Backfill.objects.filter(setting__connection=connection)
    return found.select_related("setting__store", "begun_by", "changed_by")


def left_out(row: Backfill) -> list[Reasoned]:
    """Most first; those of a time when reasons were not kept have none."""
    counted = {code: number for code, number in row.left_out_for.items() if isinstance(number, int)}
    rest = row.left_out - sum(counted.values())
    found = [Reasoned(reasons.title(code), _because(reasons.of(code)), number) for code, number in counted.items()]
    found += [Reasoned("Other reasons", "Why was not counted when they were left out.", rest)] if rest > 0 else []
    return sorted(found, key=lambda one: -one.number)


def refusals(problems: Sequence[BackfillProblem], setting: StoreSetting) -> list[Refusal]:
    became = _became({str(one.advocate.uid) for one in problems}, setting)
    return [_refusal(one, became.get(str(one.advocate.uid))) for one in problems]


def _because(reason: Reason) -> str:
    return f"{reason.because[:1].upper()}{reason.because[1:]}."


def _refusal(problem: BackfillProblem, delivery: Delivery | None) -> Refusal:
    state = Delivery.State(delivery.state) if delivery else None
    return Refusal(
        problem.pk,
        problem.advocate_id,
        masked(problem.advocate.email),
        problem.code,
        within(problem.detail),
        story.STATES[state] if state else "",
        story.LEVELS[state] if state else "",
    )


def _became(uids: Collection[str], setting: StoreSetting) -> dict[str, Delivery]:
    """The last profile delivery of each of these advocates, by their id."""
    rows = Delivery.objects.filter(source__in=uids, kind=contents.Profile.kind, connection=setting.connection_id)
    return {row.source: row for row in rows.only("pk", "source", "state").order_by("pk")}
