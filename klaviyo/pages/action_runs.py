"""Runs of actions as pages show them: a list with filters, and the parts of one in words."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import Q, QuerySet, Subquery
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from integrations.encryption import Undecryptable
from klaviyo.actions import catalogue
from klaviyo.actions.exchanges import without_secrets
from klaviyo.models import ActionPerson, ActionRun
from referrals import person_key

VIEW = "klaviyo.view_actionrun"
PAGE = 50
OF_A_PERSON = 20
SEALED = ("given_sealed", "answered_sealed", "exchanged_sealed")
OUTCOMES = (
    ("success", "Success"),
    ("failure", "Failure"),
    ("error", "Error"),
    ("under_way", "Under way"),
    ("unknown", "Perhaps done"),
    ("dry", "Dry run"),
)
LEVELS = {"success": "good", "failure": "bad", "error": "warn"}
COLUMNS = 5
FIRST = ("id", "name", "email", "created")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
FORGOTTEN = "What was given and answered is forgotten."
LOCKED = "What was given and answered cannot be opened: its key is not here."


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; `who` is a user (u12), a way (http) or a token's name (t:Till)."""

    connection: str = ""
    action: str = ""
    outcome: str = ""
    who: str = ""
    since: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        given = {one.name: query.get(one.name, "").replace("\x00", "").strip()[:120] for one in fields(cls)}
        given["connection"] = given["connection"] if _is_number(given["connection"]) else ""
        given["action"] = given["action"] if given["action"] in catalogue.names() else ""
        given["outcome"] = given["outcome"] if given["outcome"] in dict(OUTCOMES) else ""
        given["since"] = given["since"] if _day(given["since"]) else ""
        return cls(**given)

    @property
    def query(self) -> str:
        return urlencode({one.name: value for one in fields(self) if (value := getattr(self, one.name))})

    @property
    def is_narrow(self) -> bool:
        return bool(self.query)

    def among(self, runs: "QuerySet[ActionRun]") -> "QuerySet[ActionRun]":
        found = runs
        if self.connection:
            found = found.filter(connection=int(self.connection))
        if self.action:
            found = found.filter(action=self.action)
        if self.since and (day := _day(self.since)):
            found = found.filter(began_at__gte=timezone.make_aware(datetime.combine(day, time())))
        return found.filter(self._of_outcome(), self._of_who())

    def _of_outcome(self) -> Q:
        match self.outcome:
            case "":
                return Q()
            case "dry":
                return Q(is_dry=True)
            case "under_way":
                return Q(state=ActionRun.State.UNDER_WAY)
            case "unknown":
                return Q(is_known=False)
        return Q(outcome=self.outcome, is_dry=False)

    def _of_who(self) -> Q:
        if self.who.startswith("t:"):
            return Q(token=self.who[2:])
        if _is_number(self.who[1:]) and self.who.startswith("u"):
            return Q(user=int(self.who[1:]))
        return Q(origin=self.who) if self.who in ActionRun.Origin.values else Q()


@dataclass(frozen=True)
class Row:
    """A run as a table shows it."""

    run: ActionRun
    title: str
    words: str
    level: str
    who: str


@dataclass(frozen=True)
class RunPage:
    """A page of runs, newest first; `newer` and `older` are ids to go on from."""

    rows: list[Row]
    newer: UUID | None
    older: UUID | None


def page(found: "QuerySet[ActionRun]", query: QueryDict) -> RunPage:
    """The runs older than the one that `before` names, or newer than `after`: by time, then by id."""
    rows = found.select_related("connection", "user").defer(*SEALED)
    if newest := _place(query.get("after", "")):
        later = rows.filter(Q(began_at__gt=newest[0]) | Q(began_at=newest[0], pk__gt=newest[1]))
        shown = list(later.order_by("began_at", "pk")[: PAGE + 1])
        has_newer = len(shown) > PAGE
        shown = shown[:PAGE][::-1]
        return RunPage([row(one) for one in shown], shown[0].pk if has_newer else None, shown[-1].pk if shown else None)
    oldest = _place(query.get("before", ""))
    if oldest:
        rows = rows.filter(Q(began_at__lt=oldest[0]) | Q(began_at=oldest[0], pk__lt=oldest[1]))
    shown = list(rows.order_by("-began_at", "-pk")[: PAGE + 1])
    has_older, shown = len(shown) > PAGE, shown[:PAGE]
    newer = shown[0].pk if shown and oldest else None
    return RunPage([row(one) for one in shown], newer, shown[-1].pk if has_older else None)


def is_open(run: ActionRun, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether a user may see a run: whoever may see all, and whoever made it."""
    return (isinstance(user, PermissionsMixin) and user.has_perm(VIEW)) or (
        user.pk is not None and run.user_id == user.pk
    )


def about(email: str) -> list[Row]:
    """The latest runs about a person, who is found by the keys that were kept of them."""
    theirs = ActionPerson.objects.filter(person_key.stored("person", person_key.every(email)))
    found = ActionRun.objects.filter(pk__in=theirs.values("run")).select_related("connection", "user").defer(*SEALED)
    return [row(one) for one in found.order_by("-began_at", "-pk")[:OF_A_PERSON]]


def row(run: ActionRun) -> Row:
    words, level = state(run)
    return Row(run, run.action.replace("_", " ").capitalize(), words, level, who(run))


def state(run: ActionRun) -> tuple[str, str]:
    """How it stands, in words, and the level of that."""
    if run.state == ActionRun.State.UNDER_WAY:
        return "Under way", "info"
    if run.state == ActionRun.State.ABANDONED:
        return "Abandoned", "warn"
    if run.is_dry:
        return ("Dry run", "info") if run.outcome == "success" else ("Would not go", "warn")
    if not run.is_known:
        return "Perhaps done", "warn"
    return run.outcome.capitalize(), LEVELS.get(run.outcome, "off")


def who(run: ActionRun) -> str:
    if run.user:
        name = run.user.get_username()
        return name if run.origin == ActionRun.Origin.PAGE else f"{name}, {run.get_origin_display()}"
    return f"Token {run.token}" if run.token else run.get_origin_display()


@dataclass(frozen=True)
class Contents:
    """What a run holds besides its record; `missing` says why it does not."""

    given: dict[str, Any]
    data: Any = None
    errors: tuple[dict[str, Any], ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()
    exchanged: tuple[dict[str, Any], ...] = ()
    missing: str = ""
    is_given_whole: bool = False
    touched: Mapping[str, Any] = field(default_factory=dict)  # see `action_touches`

    @property
    def json(self) -> str:
        return json.dumps(self.data, indent=2, ensure_ascii=False)

    @property
    def next(self) -> str:
        """Where a list goes on; empty at its end."""
        return str(self.data.get("next") or "") if isinstance(self.data, dict) else ""

    @property
    def is_accepted(self) -> bool:
        """Whether Klaviyo said no more than that it took it."""
        return isinstance(self.data, dict) and self.data.get("accepted") is True

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(_words(name), value) for name, value in facts(without_secrets(self.given))]

    @property
    def table(self) -> "tuple[list[str], list[list[str]]] | None":
        """The answer as a table, where it is of several things."""
        items = self.data.get("items") if isinstance(self.data, dict) else None
        return _table(items) if isinstance(items, list) and items else None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The answer in words; of a resource what it is known by first, and no links."""
        is_resource = isinstance(self.data, dict) and isinstance(self.data.get("attributes"), dict)
        found = facts(_flat(self.data) if is_resource else self.data)
        if is_resource:
            found.sort(key=lambda pair: FIRST.index(pair[0]) if pair[0] in FIRST else len(FIRST))
        return [(_words(name), value) for name, value in found]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Those that would go, of a dry run."""
        planned = self.data.get("requests") if isinstance(self.data, dict) else None
        planned = planned if isinstance(planned, list) else []  # of a run that made some it is how many
        return [{**one, "text": _pretty(one.get("body"))} for one in planned if isinstance(one, dict)]

    @property
    def exchanges(self) -> list[dict[str, Any]]:
        """Each with its bodies as text."""
        return [{**one, "sent": _pretty(one.get("body")), "came": _pretty(one.get("answer"))} for one in self.exchanged]


def contents(run: ActionRun) -> Contents:
    """What is sealed in it."""
    try:
        given, answered, exchanged = (_opened(text) for text in (run.given, run.answered, run.exchanged))
    except Undecryptable:
        return Contents({}, missing=LOCKED)
    if given is None:
        return Contents({}, missing=FORGOTTEN)
    told = answered if isinstance(answered, dict) else {}
    is_whole = isinstance(given, dict) and "left_out" not in given
    return Contents(
        given if is_whole else {},
        without_secrets(told.get("data")),
        tuple(_rows(told.get("errors"))),
        tuple(_rows(told.get("warnings"))),
        tuple(one for one in exchanged if isinstance(one, dict)) if isinstance(exchanged, list) else (),
        is_given_whole=is_whole,
        touched=told.get("touched") or {},
    )


def facts(value: Any, name: str = "", most: int = 120) -> list[tuple[str, str]]:
    """An object as pairs of a dotted name and a text; what is empty is left out."""
    found: list[tuple[str, str]] = []
    match value:
        case dict() if value:
            for key, inner in value.items():
                found += facts(inner, f"{name}.{key}" if name else str(key), most)
        case list() if value and any(isinstance(one, dict | list) for one in value):
            for number, inner in enumerate(value[:20], start=1):
                found += facts(inner, f"{name} {number}" if name else str(number), most)
        case list() if value:
            found.append((name, ", ".join(map(_text, value))))
        case None | "" | [] | {}:
            pass
        case _:
            found.append((name or "answer", _text(value)))
    return found[:most]


def _table(items: list[Any]) -> tuple[list[str], list[list[str]]]:
    """Columns that tell the things apart: the id, and what most of them have."""
    rows = [dict(facts(_flat(one))) for one in items]
    counts: dict[str, int] = {}
    for one in rows:
        for name in one:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(
        counts, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), "." in name, -counts[name])
    )
    names = ranked[:COLUMNS]
    return names, [[one.get(name, "") for name in names] for one in rows]


def _flat(one: Any) -> Any:
    """A resource without what only programs need, its attributes beside its id."""
    if not isinstance(one, dict):
        return {"value": one}
    attributes = one.get("attributes")
    rest = {name: value for name, value in one.items() if name not in ("attributes", "links", "relationships", "type")}
    return rest | (attributes if isinstance(attributes, dict) else {})


def _rows(columns: Any) -> Iterable[dict[str, Any]]:
    """Problems, of which the columns are kept."""
    if not isinstance(columns, Mapping):
        return []
    names = list(columns)
    return [dict(zip(names, one, strict=True)) for one in zip(*columns.values(), strict=True)]


def _opened(text: str) -> Any:
    return json.loads(text) if text else None


def _pretty(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and (time := _TIME.fullmatch(value)):
        zone = "UTC" if time[3] in ("Z", "+00:00", "-00:00") else time[3]
        return f"{time[1]} {time[2]} {zone}"
    return "nothing" if value is None else str(value)


def _place(id: str) -> tuple[Subquery, UUID] | None:
    """The time as the database has it: SQLite compares texts, and those of its own clock are shorter than ours.

    https://www.sqlite.org/lang_datefunc.html
    """
    try:
        pk = UUID(id)
    except ValueError:
        return None
    run = ActionRun.objects.filter(pk=pk)
    return (Subquery(run.values("began_at")), pk) if run.exists() else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and 2000 <= day.year <= 2100 else None
