"""Person's history at Klaviyo: deliveries, requests, opt-ins on their way, profiles."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Value

from integrations import reasons
from integrations.models import Attempt, Delivery
from integrations.pages import story
from klaviyo.api import values
from klaviyo.consent import owed_noes
from klaviyo.mapping import contents
from klaviyo.models import Notice, Send
from klaviyo.pages import receipts, send_summary
from klaviyo.pages.permissions import Part
from klaviyo.pages.person import Person
from klaviyo.pages.receipts import Asked

State = Delivery.State
SHOWN = 40
KINDS_OF_WORDS = (contents.Subscribe.kind, contents.Unsubscribe.kind, contents.Erase.kind)


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

    account: str
    id: str
    address: str


@dataclass(frozen=True)
class History:
    """The latest deliveries about a person, and how far each account is with what they have said."""

    deliveries: list[Told]
    steps: dict[uuid.UUID | None, list[Step]]
    owed_noes: list[Owed]
    owed_erasures: list[Asked]


def of(person: Person, addresses: Iterable[str]) -> History:
    """One query: those about any of these spellings, if they are open, and those of the person's words."""
    words, shown = person.words, [*person.opt_ins, *person.opt_outs]
    uids = {str(word.uid) for word in (*words.opt_ins, *words.opt_outs, *words.erasures)}
    about: Any = _about(addresses).order_by("-pk").values("pk")[:SHOWN] if Part.DELIVERIES in person.open else []
    told = Delivery.objects.filter(pk__in=about).annotate(is_about=Value(True)).select_related("connection")
    said = Delivery.objects.filter(source__in=uids, kind__in=KINDS_OF_WORDS).annotate(is_about=Value(False))
    rows: list[Any] = sorted(told.union(said.select_related("connection"), all=True), key=lambda row: row.pk)
    of_words = [row for row in rows if not row.is_about]
    steps: dict[uuid.UUID | None, list[Step]] = {word.uid: [] for word in shown}
    for row in of_words:
        if (uid := uuid.UUID(row.source)) in steps:
            steps[uid].append(_step(row))
    latest = [row for row in reversed(rows) if row.is_about]
    return History(
        deliveries=[Told(row, story.what(row), story.state(row), story.level(row)) for row in latest],
        steps=steps,
        owed_noes=_owed_noes(row for row in of_words if owed_noes.is_owed(row)),
        owed_erasures=receipts.owed_among(of_words),
    )


def attempts(addresses: Iterable[str]) -> list[tuple[Attempt, str]]:
    """The latest requests that said anything of the person, and what was asked."""
    about = Attempt.deliveries.through.objects.filter(delivery__in=_about(addresses).values("pk"))
    found = Attempt.objects.filter(pk__in=about.values("attempt"))
    return [(attempt, story.words(attempt.operation)) for attempt in found.order_by("-pk")[:SHOWN]]


def profiles(addresses: Iterable[str]) -> list[Profile]:
    """The person's profile in each account, as far as we have met it."""
    spellings = set(addresses)
    sends = Send.objects.filter(delivery__in=_about(spellings).values("pk")).exclude(profile_id="").order_by()
    notices = Notice.objects.filter(email__in=spellings).exclude(profile_id="").order_by()
    of_sends = sends.values_list("delivery__connection", "profile_id", *_account("delivery__connection"))
    of_notices = notices.values_list("connection", "profile_id", *_account("connection"))
    met = sorted(of_sends.union(of_notices))
    return [Profile(name or account, id, send_summary.profile_address(id)) for _, id, name, account in met]


def _account(connection: str) -> tuple[str, str]:
    return f"{connection}__account_name", f"{connection}__account_id"


def _about(addresses: Iterable[str]) -> "QuerySet[Delivery]":
    subjects = {values.address(address) for address in addresses}
    return Delivery.objects.filter(subject__in=subjects | {subject.lower() for subject in subjects})


def _owed_noes(deliveries: Iterable[Delivery]) -> list[Owed]:
    """The accounts that have yet to take a no of the person, each once, with the reason."""
    rows = sorted(deliveries, key=lambda row: (row.connection.account_name, row.pk))
    found = {row.connection_id: Owed(row, row.reason or "It is told next.") for row in rows}
    return list(found.values())


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
