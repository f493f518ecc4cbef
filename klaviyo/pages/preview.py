"""Preview of one person: for each account, what would go there about them and what would not, and why; nothing goes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations import outbox
from integrations.errors import IntegrationError
from integrations.models import Delivery
from integrations.outbox import Order
from integrations.outcomes import Outcome
from integrations.pauses import by_hand, message_hold
from integrations.wire.deadline import Deadline
from integrations.workers import in_bulk
from klaviyo.api import profile_search
from klaviyo.api.client import Client
from klaviyo.consent import check, owed_noes
from klaviyo.delivery import events as event_delivery
from klaviyo.delivery import profiles as profile_delivery
from klaviyo.mapping import contents, events, orders
from klaviyo.mapping.catalogue import METRICS
from klaviyo.mapping.contents import message_of
from klaviyo.mapping.events import Event
from klaviyo.models import StoreSetting
from klaviyo.pages import consent_decisions
from klaviyo.pages.consent_decisions import Verdict
from klaviyo.pages.person import at
from klaviyo.profiles.advocates import Advocates
from klaviyo.profiles.lookup import Lookup
from klaviyo.profiles.people import SOMEBODY, People
from referrals import suppressions
from referrals.models import Advocate, Conversion, Invite, Program, Reminder, Reward, Visit

MOST = 10  # accounts that are asked about one person
EACH = 3  # facts of a kind; more of the same say nothing new
PATHS = {contents.Profile.kind: "POST /api/profile-import", contents.Event.kind: "POST /api/events"}
SECONDS = 20.0  # for all of them together, while somebody looks at the page
MESSAGES = ("invite", "reminder")


@dataclass(frozen=True)
class Request:
    """One request about the person: what it is, whether it would go, why not, and what it says, as JSON."""

    what: str
    goes: bool
    why: str
    path: str
    body: str
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Account:
    """One store's setting at one account, and what it means for the person.

    `problem`: nothing can be told now; `paused`: who has stopped what would go.
    """

    setting: StoreSetting
    problem: str = ""
    paused: str = ""
    is_known: bool = False
    verdicts: Sequence[tuple[str, Verdict]] = ()
    requests: Sequence[Request] = field(default_factory=list)


def of(email: str) -> list[Account]:
    """Asks each account that has to do with the person, or with anybody where none has."""
    deadline = Deadline(SECONDS)
    return [_account(setting, email, deadline) for setting in _settings(email)[:MOST]]


def _settings(email: str) -> "QuerySet[StoreSetting]":
    joined = StoreSetting.objects.select_related("connection", "store").order_by("store__name", "pk")
    stores = {
        *at(Advocate, "email", email).values_list("program__store", flat=True),
        *at(Invite, "recipient_email", email).values_list("advocate__program__store", flat=True),
        *at(Conversion, "friend_email", email).values_list("program__store", flat=True),
        *at(Reward, "recipient_email", email).values_list("advocate__program__store", flat=True),
    }
    return joined.filter(store__in=stores) if stores else joined.filter(is_enabled=True)


def _account(setting: StoreSetting, email: str, deadline: Deadline) -> Account:
    if not setting.is_enabled:
        return Account(setting, "The store is switched off for this account: nothing is queued, nothing is sent.")
    if not setting.connection.is_connected:
        return Account(setting, outbox.waiting_for(setting.connection))
    try:
        return _asked(setting, email, deadline)
    except IntegrationError as error:
        return Account(setting, error.sentence)


def _asked(setting: StoreSetting, email: str, deadline: Deadline) -> Account:
    connection, client = setting.connection, Client(setting.connection, deadline=deadline)
    waiting = [_delivery(order, setting) for order in _orders(setting, email)]
    lookup = Lookup(client, suppressions.spellings)
    lookup.ask([email])
    if problem := lookup.problem(email):
        raise problem
    people = People(client, Advocates(connection, waiting), lookup, owed_noes.of(connection, [email]))
    with _nothing_on_record():
        phones = {phone for one in waiting if (phone := people.news(one)[0].get("phone_number"))}
    people.phones = dict.fromkeys(profile_search.find_phones(client, phones), SOMEBODY)
    verdicts = {message: check.decide(setting, message, email, lookup) for message in MESSAGES}
    with _nothing_on_record():
        requests = [_request(people, setting, delivery, email) for delivery in waiting]
    pause = by_hand.of(connection)
    return Account(
        setting,
        paused=pause.sentence if pause else "",
        is_known=lookup.profile(email) is not None,
        verdicts=[(message, consent_decisions.live(verdict)) for message, verdict in verdicts.items()],
        requests=requests,
    )


@contextmanager
def _nothing_on_record() -> Iterator[None]:
    """Deciding names properties and queues what is owed: here it does not."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _request(people: People, setting: StoreSetting, delivery: Delivery, email: str) -> Request:
    is_profile = delivery.kind == contents.Profile.kind
    message, why = message_of(delivery), ""
    if delivery.state != Delivery.State.QUEUED:
        why = delivery.reason
    elif delivery.not_after and delivery.not_after <= timezone.now():
        why = "It has expired: the message would come too late."
    else:
        place = (profile_delivery if is_profile else event_delivery).place(people, setting, delivery)
        why = place.sentence if isinstance(place, Outcome) and place != in_bulk.ALONE else ""
    if message and not why:
        decision = check.decide(setting, message, email, people.lookup)
        why = "" if decision.allowed else decision.sentence
    if message and not why and message_hold.is_on():
        why = message_hold.HELD_BACK.sentence
    if is_profile and delivery.state == Delivery.State.QUEUED:
        people.request(delivery)
    body = json.dumps(delivery.body, indent=2, ensure_ascii=False) if delivery.body else ""
    return Request(_what(delivery), not why, why, PATHS[delivery.kind], body, delivery.warnings)


def _what(delivery: Delivery) -> str:
    if delivery.kind == contents.Profile.kind:
        return "Profile"
    return METRICS[contents.Event.of(delivery).metric].name


def _delivery(order: Order, setting: StoreSetting) -> Delivery:
    """As it would be queued, and stored nowhere."""
    told: dict[str, Any] = {
        name: getattr(order, name)
        for name in ("kind", "key", "lane", "source", "subject", "body", "options", "not_after")
    }
    delivery = Delivery(
        connection=setting.connection, occurred_at=order.occurred_at, warnings=list(order.warnings), **told
    )
    if order.outcome:
        delivery.state, delivery.reason = order.outcome.state, order.outcome.sentence
    return delivery


def _orders(setting: StoreSetting, email: str) -> Iterator[Order]:
    store = setting.store_id
    theirs = at(Advocate, "email", email).filter(program__store=store).select_related("program__store")
    advocates = list(theirs.order_by("-pk")[:EACH])
    for advocate in advocates:
        yield orders.of_profile(advocate, setting)
    for event in latest_events(store, email, advocates):
        yield orders.of_event(event, setting.store.country, setting)


def latest_events(store: int, email: str, advocates: Sequence[Advocate]) -> Iterator[Event]:
    """The latest of each kind that stands, or would stand, on the person's own profile."""
    told: list[Event] = []
    for advocate in advocates:
        told += events.advocate_joined(advocate)
        for invite in advocate.invites.filter(is_own=False).exclude(went_out_at=None).order_by("-pk")[:EACH]:
            told += events.invite_went_out(invite)
        for visit in Visit.objects.filter(advocate=advocate).order_by("-pk")[:EACH]:
            told += events.visit_recorded(visit)
        sold = advocate.conversions.filter(kind=Conversion.Kind.ORDER, is_own=False)
        for conversion in sold.order_by("-pk")[:EACH]:
            told += events.conversion_recorded(conversion)[:1]
        for reward in advocate.rewards.filter(recipient=Reward.Recipient.ADVOCATE).order_by("-pk")[:EACH]:
            told += events.reward_issued(reward)
            told += events.reward_reversed(reward) if reward.reversed_at else []
    here = {"advocate__program__store": store}
    near = ("advocate__program__store",)
    by_klaviyo = Q(advocate__program__invites_by=Program.Inviter.KLAVIYO)  # our own e-mails are no event
    for invite in (
        at(Invite, "recipient_email", email)
        .filter(by_klaviyo, is_own=False, **here)
        .select_related(*near)
        .order_by("-pk")[:EACH]
    ):
        told += events.invite_sent(invite)
        for reminder in Reminder.objects.filter(invite=invite).order_by("-pk")[:1]:
            told += events.invite_reminded(reminder)
    bought = at(Conversion, "friend_email", email).filter(kind=Conversion.Kind.ORDER, is_own=False, **here)
    for conversion in bought.select_related(*near).order_by("-pk")[:EACH]:
        told += events.conversion_recorded(conversion)[1:]
    given = at(Reward, "recipient_email", email).filter(recipient=Reward.Recipient.FRIEND, **here)
    for reward in given.select_related(*near).order_by("-pk")[:EACH]:
        told += events.reward_issued(reward)
        told += events.reward_reversed(reward) if reward.reversed_at else []
    yield from _latest_of_each(told)


def _latest_of_each(told: Sequence[Event]) -> Iterator[Event]:
    latest = {event.metric.key: event for event in sorted(told, key=lambda event: event.occurred_at)}
    yield from sorted(latest.values(), key=lambda event: event.occurred_at)
