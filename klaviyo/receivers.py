"""From a referral signal to deliveries, in the fact's own transaction: one for each account the store is joined to."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from integrations import outbox, outcomes
from integrations.models import Connection
from integrations.outbox import Order
from integrations.outcomes import Outcome
from integrations.signals import account_replaced
from klaviyo import cleaning, payloads
from klaviyo.models import ProfileSync
from klaviyo.payloads import Event
from referrals import signals
from referrals.models import Advocate, Conversion, Invite, Reminder, Reward, Visit


@receiver(signals.advocate_joined, dispatch_uid="klaviyo")
def on_advocate_joined(advocate: Advocate, **_: Any) -> None:
    tell(advocate, payloads.advocate_joined(advocate))
    for same_person in Advocate.objects.filter(email__iexact=advocate.email).exclude(pk=advocate.pk):
        tell(same_person, [])  # the latest program takes over the plain property names from the others


@receiver(signals.advocate_updated, dispatch_uid="klaviyo")
def on_advocate_updated(advocate: Advocate, **_: Any) -> None:
    tell(advocate, [])


@receiver(signals.invite_sent, dispatch_uid="klaviyo")
def on_invite_sent(invite: Invite, **_: Any) -> None:
    tell(invite.advocate, payloads.invite_sent(invite))


@receiver(signals.invite_reminded, dispatch_uid="klaviyo")
def on_invite_reminded(reminder: Reminder, **_: Any) -> None:
    tell(reminder.invite.advocate, payloads.invite_reminded(reminder))


@receiver(signals.visit_recorded, dispatch_uid="klaviyo")
def on_visit_recorded(visit: Visit, **_: Any) -> None:
    tell(visit.advocate, payloads.visit_recorded(visit))


@receiver(signals.conversion_recorded, dispatch_uid="klaviyo")
def on_conversion_recorded(conversion: Conversion, **_: Any) -> None:
    tell(conversion.advocate, payloads.conversion_recorded(conversion))


@receiver(signals.conversion_refunded, dispatch_uid="klaviyo")
def on_conversion_refunded(refund: Conversion, **_: Any) -> None:
    tell(refund.advocate, payloads.conversion_refunded(refund))


@receiver(signals.reward_issued, dispatch_uid="klaviyo")
def on_reward_issued(reward: Reward, **_: Any) -> None:
    tell(reward.advocate, payloads.reward_issued(reward))


@receiver(signals.reward_reversed, dispatch_uid="klaviyo")
def on_reward_reversed(reward: Reward, **_: Any) -> None:
    tell(reward.advocate, payloads.reward_reversed(reward))


@receiver(account_replaced, dispatch_uid="klaviyo")
def on_account_replaced(old: Connection, new: Connection, **_: Any) -> None:
    """The operator chose another account for the same stores: their settings go along, their deliveries do not."""
    there = ProfileSync.objects.filter(connection=new).values("store")
    ProfileSync.objects.filter(connection=old).exclude(store__in=there).update(connection=new, list_id="", list_name="")


@transaction.atomic
def tell(advocate: Advocate, told: Sequence[Event]) -> None:
    """Queue the events and a fresh profile of the advocate, for every account that the store is joined to."""
    syncs = ProfileSync.objects.filter(store=advocate.program.store_id, is_enabled=True)
    for sync in syncs.select_related("connection"):
        orders = [_profile(advocate, sync), *(_event(event, advocate, sync) for event in told)]
        outbox.add(sync.connection, orders)


def _profile(advocate: Advocate, sync: ProfileSync) -> Order:
    """The profile is read when it is sent, so that many changes become one call."""
    lane = f"profile:{advocate.uid}"
    return Order(
        kind="profile",
        key=f"{lane}:{uuid.uuid4()}",
        lane=lane,
        source=str(advocate.uid),
        subject=cleaning.address(advocate.email),
        options={"sync": sync.pk, "advocate": advocate.pk},
        occurred_at=timezone.now(),
        outcome=_unusable(advocate.email),
    )


def _event(event: Event, advocate: Advocate, sync: ProfileSync) -> Order:
    country = advocate.program.store.country
    person, left_out = payloads.person_attributes(event.person, country)
    unusable = _unusable(event.email, event.occurred_at)
    body, trimmed = payloads.event_body(event) if not unusable else ({}, [])
    return Order(
        kind="event",
        key=event.key,
        source=str(event.uid),
        subject=event.address,
        body=body,
        options={"sync": sync.pk, "metric": event.metric.key, "person": person},
        warnings=trimmed + left_out,
        occurred_at=timezone.now() if unusable else event.occurred_at,
        not_after=_not_after(event),
        outcome=unusable,
    )


def _not_after(event: Event) -> datetime | None:
    """Until when it is of use: as long as its kind is, and no longer than the invite itself holds."""
    useful_for = event.metric.useful_for
    ends = [event.expires_at] if event.expires_at else []
    ends += [timezone.now() + useful_for] if useful_for else []
    return min(ends, default=None)


def _unusable(email: str, moment: datetime | None = None) -> Outcome | None:
    """A fact that can never be told is recorded as failed at once; the rest of its transaction goes on."""
    now = timezone.now()
    if problem := cleaning.email_problem(email):
        return outcomes.Failed("malformed_email", f"{problem} Correct it in your data and send the fact again.")
    if moment is not None and (problem := cleaning.time_problem(moment, now)):
        return outcomes.Failed("time_out_of_range", problem)
    return None
