"""Person's history at Klaviyo: deliveries, requests, opt-ins on their way, profiles."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from integrations import reasons
from integrations.models import Attempt, Connection, Delivery
from integrations.pages import story
from klaviyo.api import values
from klaviyo.consent import owed_noes
from klaviyo.mapping import contents
from klaviyo.models import Notice, Send
from klaviyo.pages import send_summary
from referrals.models import OptIn, OptOut

State = Delivery.State
SHOWN = 40
KINDS_OF_WORDS = (contents.Subscribe.kind, contents.Unsubscribe.kind)


@dataclass(frozen=True)
class Told:
    """A delivery about the person, in words."""

    delivery: Delivery
    what: str
    state: str
    level: str


@dataclass(frozen=True)
class Step:
    """How far an opt-in or opt-out got in one account."""

    delivery: Delivery
    words: str
    level: str


@dataclass(frozen=True)
class Owed:
    """A no that an account has not taken yet, and why."""

    delivery: Delivery
    why: str


@dataclass(frozen=True)
class Profile:
    """Where an account shows the person."""

    connection: Connection
    id: str
    address: str


def deliveries(addresses: Iterable[str]) -> list[Told]:
    """The latest about any of these spellings."""
    rows = _about(addresses).select_related("connection").order_by("-pk")[:SHOWN]
    return [Told(row, story.what(row), story.state(row), story.level(row)) for row in rows]


def attempts(addresses: Iterable[str]) -> Sequence[Attempt]:
    """The latest requests that said anything of the person."""
    about = Attempt.deliveries.through.objects.filter(delivery__in=_about(addresses).values("pk"))
    found = Attempt.objects.filter(pk__in=about.values("attempt")).select_related("connection")
    return list(found.order_by("-pk")[:SHOWN])


def steps(words: Sequence[OptIn | OptOut]) -> dict[uuid.UUID, list[Step]]:
    """What became of each opt-in and opt-out in each account, by its own id."""
    found: dict[uuid.UUID, list[Step]] = {word.uid: [] for word in words}
    rows = Delivery.objects.filter(source__in=[str(uid) for uid in found], kind__in=KINDS_OF_WORDS)
    for row in rows.select_related("connection").order_by("pk"):
        found[uuid.UUID(row.source)].append(_step(row))
    return found


def owed(email: str) -> list[Owed]:
    """The accounts that have yet to take a no of the person, each once, with the reason."""
    found = {row.connection_id: Owed(row, _why_owed(row)) for row in owed_noes.open_at(email)}
    return list(found.values())


def profiles(addresses: Iterable[str]) -> list[Profile]:
    """The person's profile in each account, as far as we have met it."""
    spellings = set(addresses)
    sends = Send.objects.filter(delivery__in=_about(spellings).values("pk")).exclude(profile_id="")
    notices = Notice.objects.filter(email__in=spellings).exclude(profile_id="")
    met = {*sends.values_list("delivery__connection", "profile_id"), *notices.values_list("connection", "profile_id")}
    accounts = Connection.objects.in_bulk([connection for connection, _ in met])
    return [Profile(accounts[pk], id, send_summary.profile_address(id)) for pk, id in sorted(met)]


def _about(addresses: Iterable[str]) -> "QuerySet[Delivery]":
    subjects = {values.address(address) for address in addresses}
    return Delivery.objects.filter(subject__in=subjects | {subject.lower() for subject in subjects})


def _why_owed(delivery: Delivery) -> str:
    return delivery.reason or "It is told next."


def _step(delivery: Delivery) -> Step:
    match delivery.state:
        case State.CONFIRMED if delivery.kind == contents.Subscribe.kind:
            return Step(delivery, "Subscribed", "good")
        case _ if reasons.is_known(delivery.reason_code):
            level = "info" if delivery.state == State.ACCEPTED else story.level(delivery)
            return Step(delivery, reasons.of(delivery.reason_code).title, level)
        case State.ACCEPTED:
            return Step(delivery, story.state(delivery), "good")
        case _:
            return Step(delivery, story.state(delivery), story.level(delivery))
