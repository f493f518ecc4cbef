"""What Klaviyo was told of a person and what came back: deliveries, requests, opt-ins on their way, profiles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from integrations import reasons
from integrations.models import Attempt, Connection, Delivery
from integrations.pages import story
from klaviyo.api import values
from klaviyo.mapping import contents
from klaviyo.models import Notice, Send
from klaviyo.pages import explaining
from referrals.models import OptIn

State = Delivery.State
SHOWN = 40


@dataclass(frozen=True)
class Told:
    """A delivery about the person, in words."""

    delivery: Delivery
    what: str
    level: str


@dataclass(frozen=True)
class Step:
    """How far an opt-in or opt-out got in one account."""

    delivery: Delivery
    words: str
    level: str


@dataclass(frozen=True)
class Profile:
    """Where an account shows the person."""

    connection: Connection
    id: str
    address: str


def deliveries(addresses: Iterable[str]) -> list[Told]:
    """The latest about any of these spellings."""
    rows = _about(addresses).select_related("connection").order_by("-pk")[:SHOWN]
    return [Told(row, story.what(row), story.level(row)) for row in rows]


def attempts(addresses: Iterable[str]) -> Sequence[Attempt]:
    """The latest requests that said anything of the person."""
    about = Attempt.deliveries.through.objects.filter(delivery__in=_about(addresses).values("pk"))
    found = Attempt.objects.filter(pk__in=about.values("attempt")).select_related("connection")
    return list(found.order_by("-pk")[:SHOWN])


def steps(opt_ins: Sequence[OptIn]) -> dict[int, list[Step]]:
    """What became of each opt-in in each account, by the opt-in's id."""
    of = {str(opt_in.uid): opt_in.pk for opt_in in opt_ins}
    found: dict[int, list[Step]] = {opt_in.pk: [] for opt_in in opt_ins}
    rows = Delivery.objects.filter(source__in=of, kind=contents.Subscribe.kind).select_related("connection")
    for row in rows.order_by("pk"):
        found[of[row.source]].append(_step(row))
    return found


def profiles(addresses: Iterable[str]) -> list[Profile]:
    """The person's profile in each account, as far as we have met it."""
    spellings = set(addresses)
    sends = Send.objects.filter(delivery__in=_about(spellings).values("pk")).exclude(profile_id="")
    notices = Notice.objects.filter(email__in=spellings).exclude(profile_id="")
    met = {*sends.values_list("delivery__connection", "profile_id"), *notices.values_list("connection", "profile_id")}
    accounts = Connection.objects.in_bulk([connection for connection, _ in met])
    return [Profile(accounts[pk], id, explaining.profile_address(id)) for pk, id in sorted(met)]


def _about(addresses: Iterable[str]) -> "QuerySet[Delivery]":
    subjects = {values.address(address) for address in addresses}
    return Delivery.objects.filter(subject__in=subjects | {subject.lower() for subject in subjects})


def _step(delivery: Delivery) -> Step:
    match delivery.state:
        case State.CONFIRMED:
            return Step(delivery, "Subscribed", "good")
        case _ if reasons.is_known(delivery.reason_code):
            level = "info" if delivery.state == State.ACCEPTED else story.level(delivery)
            return Step(delivery, reasons.of(delivery.reason_code).title, level)
        case State.ACCEPTED:
            return Step(delivery, "Taken by Klaviyo", "good")
        case _:
            return Step(delivery, delivery.get_state_display(), story.level(delivery))
