"""Orders of deliveries, made from an event or an advocate's profile."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from integrations import outcomes
from integrations.outbox import Order
from integrations.reasons import Who, declare
from klaviyo.api import values
from klaviyo.mapping import contents, events, profiles, switches
from klaviyo.mapping.events import Event
from klaviyo.models import StoreSetting
from referrals import suppressions
from referrals.models import Advocate

CORRECT_IT = "Correct it in your data and send the fact again."
MALFORMED_EMAIL = declare(
    "malformed_email",
    "Not an address",
    f"{{problem}} {CORRECT_IT}",
    because="their e-mail address is malformed",
    means="What is stored as the address is none that mail can be sent to.",
    who=Who.DATA,
    do=CORRECT_IT,
)
OUT_OF_RANGE = declare(
    "time_out_of_range",
    "Time out of range",
    "{problem}",
    because="the time of the fact is too far off",
    means="Klaviyo takes times from 2001 until a year from now.",
    who=Who.DATA,
    do=CORRECT_IT,
)
UNUSABLE = declare(
    "unusable",
    "Cannot be told",
    f"The fact cannot be told as it is. {CORRECT_IT}",
    because="the fact cannot be told as it is",
    means="Something in the fact that it tells of has no form that can be sent.",
    who=Who.DATA,
    do=CORRECT_IT,
)


def of_event(event: Event, country: str, setting: StoreSetting) -> Order:
    """The delivery of one event, with its body made now: what happened does not change any more."""
    person, left_out = profiles.person_attributes(event.person, country)
    unusable = malformed(event.email) or _far_off(event.occurred_at)
    off = switches.objection(setting, event.metric.key)
    body, trimmed = events.event_body(event) if not unusable else ({}, [])
    content = contents.Event(
        store=setting.store_id,
        message=event.metric.consent or "",
        metric=event.metric.key,
        person={} if unusable else person,
    )
    return Order(
        kind=contents.Event.kind,
        key=event.key,
        source=str(event.uid),
        subject=event.address,
        body=body,
        options=content.as_options(),
        shared_tries=0 if content.message else content.shared_tries,
        warnings=trimmed + left_out,
        occurred_at=timezone.now() if unusable else event.occurred_at,
        not_after=useful_until(event),
        outcome=unusable or off,
    )


def of_profile(advocate: Advocate, setting: StoreSetting) -> Order:
    """The profile is read when it is sent, so that many changes become one call."""
    uid = events.fact_id(advocate)
    lane = f"profile:{setting.store_id}:{uid}"
    return Order(
        kind=contents.Profile.kind,
        key=f"{lane}:{uuid.uuid4()}",
        lane=lane,
        source=str(uid),
        subject=values.address(advocate.email),
        options=contents.Profile(store=setting.store_id, advocate=advocate.pk).as_options(),
        shared_tries=contents.Profile.shared_tries,
        occurred_at=timezone.now(),
        outcome=malformed(advocate.email),
    )


def of_facts(advocate: Advocate, told: Iterable[Event], setting: StoreSetting) -> list[Order]:
    """A fresh profile of the advocate and these events; of somebody who was erased there is nothing."""
    known = [] if suppressions.is_erased(advocate.email) else [of_profile(advocate, setting)]
    return [*known, *of_events(advocate, told, setting)]


def of_events(advocate: Advocate, told: Iterable[Event], setting: StoreSetting) -> list[Order]:
    """Events on people's profiles; of somebody who was erased there is none."""
    country = advocate.program.store.country
    return [of_event(event, country, setting) for event in told if not suppressions.is_erased(str(event.email))]


def useful_until(event: Event) -> datetime | None:
    """Until when it is of use: as long as its kind is, and no longer than the invite itself holds."""
    useful_for = event.metric.useful_for
    ends = [event.expires_at] if event.expires_at and values.is_moment(event.expires_at) else []
    ends += [timezone.now() + useful_for] if useful_for else []
    return min(ends, default=None)


def malformed(email: Any) -> outcomes.Outcome | None:
    """A fact that can never be told is recorded as failed at once; the rest of its transaction goes on."""
    problem = values.email_problem(email)
    return outcomes.Failed(MALFORMED_EMAIL.about(problem=problem)) if problem else None


def _far_off(moment: Any) -> outcomes.Outcome | None:
    problem = values.time_problem(moment, timezone.now())
    return outcomes.Failed(OUT_OF_RANGE.about(problem=problem)) if problem else None
