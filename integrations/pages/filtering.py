"""Filters of a table of deliveries: read from the page's address, kept in its links, applied to the query.

The address of a page never holds a person's e-mail, but the id of one of their deliveries.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from integrations import reasons
from integrations.models import Connection, Delivery, Place

State = Delivery.State
SETS = {
    "delivered": (State.ACCEPTED, State.CONFIRMED),
    "waiting": (State.QUEUED, State.SENDING),
    "open": (State.QUEUED, State.SENDING, State.HELD),
    **{state.value: (state,) for state in State},
}
MANY = {"", "delivered", "accepted", "confirmed", "skipped"}  # states that grow for ever
DAY = timedelta(days=1)
NOBODY = "0"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Filter:
    """`what` is a kind, kind:metric, or :metric of any kind; `settled` is "day" for the last 24 hours.

    Dates are days of creation. `of` is a delivery about the person who is meant, NOBODY for one whom nothing is about.
    """

    state: str = ""
    reason: str = ""
    connection: str = ""
    what: str = ""
    of: str = ""
    since: str = ""
    until: str = ""
    settled: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """The filter that an address holds; words that mean nothing are left out."""
        given = {field.name: query.get(field.name, "").replace("\x00", "").strip()[:254] for field in fields(cls)}
        given["state"] = given["state"] if given["state"] in SETS else ""
        given["connection"], given["of"] = (id_in(given[name]) for name in ("connection", "of"))
        given["since"], given["until"] = (day_in(given[name]) for name in ("since", "until"))
        return cls(**given)

    def apply(self, deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
        return deliveries.filter(**self._conditions())

    def but(self, **changes: Any) -> Self:
        """This filter with changes; what was looked up for this one is not looked up once more."""
        other = replace(self, **{name: str(value) for name, value in changes.items()})
        vars(other)["_known"] = self._known
        return other

    @property
    def subject(self) -> str:
        """The address that `of` stands for; empty for nobody, and for somebody who was erased."""
        wanted = Delivery.objects.filter(pk=int(self.of or NOBODY)).values_list("subject", flat=True)
        return self.once(f"subject of {self.of}", wanted.first) or "" if self.of else ""

    @property
    def given(self) -> dict[str, str]:
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}

    @property
    def query(self) -> str:
        return urlencode(self.given)

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the tab is chosen."""
        return bool(self.given.keys() - {"state"})

    @property
    def is_wide(self) -> bool:
        """Whether it would walk through all there ever was: no index knows reasons, kinds or days of creation."""
        unknown = self.reason or self.what or self.since or self.until
        return bool(unknown) and not self.of and not self.settled and self.state in MANY

    @property
    def accounts(self) -> list[Connection]:
        """All, to be named one by one: the index by state begins with the connection."""
        return self.once("accounts", lambda: list(Connection.objects.order_by("account_name", "pk")))

    @property
    def starts_at(self) -> datetime | None:
        return starts(self.since)

    @property
    def ends_at(self) -> datetime | None:
        return starts(self.until, DAY)

    def once(self, name: str, look: Callable[[], Found]) -> Found:
        """What a query finds, kept for this filter and all that are made from it."""
        if name not in self._known:
            self._known[name] = look()
        found: Found = self._known[name]
        return found

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def _conditions(self) -> dict[str, Any]:
        kind, _, metric = self.what.partition(":")
        found: dict[str, Any] = {
            "place__state__in": SETS.get(self.state),
            "reason_code__in": reasons.codes(self.reason) if self.reason else None,
            "kind": kind,
            "options__metric": metric,
            "subject__in": {self.subject, self.subject.lower()} if self.subject else None,
            "created_at__gte": self.starts_at,
            "created_at__lt": self.ends_at,
            "place__is_named__in": Place.ANY_NAMED if self.settled == "day" else None,
            "place__settled_at__gte": timezone.now() - DAY if self.settled == "day" else None,
        }
        conditions = {name: value for name, value in found.items() if value}
        if self.connection or self.state or self.settled:
            conditions["place__connection__in"] = (
                [self.connection] if self.connection else [row.pk for row in self.accounts]
            )
        if self.of and not self.subject:
            conditions["pk__in"] = []
        return conditions


def about(email: str) -> str:
    """The latest delivery about a person whose address was typed, as `of` wants it."""
    theirs = Delivery.objects.filter(subject__in={email, email.lower()}).order_by("-pk")
    return str(theirs.values_list("pk", flat=True).first() or NOBODY)


def id_in(text: str) -> str:
    """An id, or nothing."""
    return text if text.isascii() and text.isdecimal() and len(text) < 19 else ""


def day_in(text: str) -> str:
    """A day that something can have happened on here, or nothing."""
    try:
        day = parse_date(text)
    except ValueError:
        return ""
    return text if day and 2000 <= day.year <= 2100 else ""


def starts(day: str, later: timedelta = timedelta()) -> datetime | None:
    return timezone.make_aware(datetime.combine(date.fromisoformat(day) + later, time())) if day else None
