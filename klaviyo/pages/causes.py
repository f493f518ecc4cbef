"""Causes of trouble among sends: one entry for each, with what can be done about all its sends at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from integrations import outcomes, reasons
from integrations.models import Delivery, Place
from integrations.pages import incidents
from integrations.pages.incidents import RECENT, Incident
from integrations.reasons import Reason
from klaviyo.models import Send
from klaviyo.pages.filtering import Chosen

State = Delivery.State
COUNTED = 10_000
SHOWN = 12


@dataclass(frozen=True)
class Cause:
    """An incident among sends, why it is, and the filter that shows and acts on exactly its sends."""

    incident: Incident
    reason: Reason
    chosen: Chosen

    @property
    def may_repeat(self) -> bool:
        """Whether trying again could tell a friend the same thing twice."""
        return self.incident.code == outcomes.UNKNOWN.code

    @property
    def can_be_cancelled(self) -> bool:
        return self.incident.state == State.HELD


@dataclass(frozen=True)
class Blocked:
    """How many of the latest sends that were rightly not sent had one reason."""

    reason: Reason
    code: str
    count: int
    query: str


def of(chosen: Chosen) -> list[Cause]:
    """What is held, and what failed: within a filter that names such a state all of it, else that of the last week."""
    rows = chosen.deliveries()
    if chosen.state not in ("held", "failed"):
        lately = {"place__is_named__in": Place.ANY_NAMED, "place__settled_at__gte": timezone.now() - RECENT}
        failed = Q(place__state=State.FAILED, **lately)
        rows = rows.filter(Q(place__state=State.HELD) | failed)
    return [_cause(incident, chosen) for incident in incidents.of(rows)]


def blocked(chosen: Chosen) -> Sequence[Blocked]:
    """The reasons of the latest sends that consent or a setting has stopped, the most frequent first."""
    there = chosen if chosen.state == "skipped" else chosen.but(state="skipped")
    latest = there.among(Send.objects.order_by("-pk")).values("pk")[:COUNTED]
    rows: Any = Send.objects.filter(pk__in=latest).values_list("delivery__reason_code").order_by()
    counted = rows.annotate(count=Count("pk")).order_by("-count", "delivery__reason_code")[:SHOWN]
    return [Blocked(reasons.of(code), code, count, there.but(reason=code).query) for code, count in counted]


def _cause(incident: Incident, chosen: Chosen) -> Cause:
    exactly = chosen.but(state=incident.state, reason=incident.code, settled="")
    return Cause(incident, reasons.of(incident.code), exactly)
