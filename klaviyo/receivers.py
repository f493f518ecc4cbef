"""Signal receivers: from a referral signal to deliveries for each account of the store, in the fact's transaction."""

import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any

from django.db import DataError, transaction
from django.db import Error as DatabaseError
from django.db.models import Model, QuerySet
from django.dispatch import Signal, receiver
from django.utils import timezone

from integrations import errors, outbox, outcomes, savepoints
from integrations.models import Connection
from integrations.outbox import Order
from integrations.reasons import Who, declare
from integrations.signals import account_replaced
from klaviyo.api import values
from klaviyo.consent import suppression as suppressing
from klaviyo.delivery.erasure import erase
from klaviyo.delivery.newsletter import enqueue as newsletter
from klaviyo.delivery.sends import enqueue as sends
from klaviyo.mapping import contents, events, orders
from klaviyo.mapping.events import Event
from klaviyo.models import ServedStore, StoreSetting, backfills
from referrals import signals
from referrals.lifecycle.consent import note_no
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Reminder, Reward, Suppression, Visit

log = logging.getLogger(__name__)

Receiver = Callable[..., None]


def on(signal: Signal) -> Callable[[Receiver], Receiver]:
    """Connect a receiver. A fact that we cannot read is put on record; the host's own transaction goes on.

    Only errors of the database come out (but for those about odd values): then neither the fact nor its
    deliveries may be stored.
    """

    def connect(function: Receiver) -> Receiver:
        @wraps(function)
        def guarded(**said: Any) -> None:
            try:
                with savepoints.with_the_first_statement():
                    function(**said)
            except Exception as error:
                if isinstance(error, DatabaseError) and not isinstance(error, DataError):
                    raise
                log.error("A fact could not be read: %s", errors.without_message(error))
                _record_unreadable(function.__name__.removeprefix("on_"), said)

        signal.connect(guarded, dispatch_uid="klaviyo", weak=False)
        return guarded

    return connect


@on(signals.advocate_joined)
def on_advocate_joined(advocate: Advocate, **_: Any) -> None:
    tell(advocate, events.advocate_joined(advocate))


@on(signals.advocate_updated)
def on_advocate_updated(advocate: Advocate, **_: Any) -> None:
    tell(advocate, [])


@on(signals.invite_sent)
def on_invite_sent(invite: Invite, **_: Any) -> None:
    tell(invite.advocate, [])
    sends.order(invite)


@on(signals.invite_went_out)
def on_invite_went_out(invite: Invite, **_: Any) -> None:
    tell_events(invite.advocate, events.invite_went_out(invite))


@on(signals.invite_reminded)
def on_invite_reminded(reminder: Reminder, **_: Any) -> None:
    sends.order(reminder.invite, reminder)


@on(signals.opted_in)
def on_opted_in(opt_in: OptIn, **_: Any) -> None:
    newsletter.subscribe(opt_in)


@on(signals.opted_out)
def on_opted_out(opt_out: OptOut, **_: Any) -> None:
    note_no(opt_out)  # a host's own row, too
    newsletter.unsubscribe(opt_out)


@on(signals.suppressed)
def on_suppressed(suppression: Suppression, email: str, **_: Any) -> None:
    suppressing.cancel_sends(email, suppression)


@receiver(signals.person_erased, dispatch_uid="klaviyo")
def on_person_erased(email: str, facts: list[uuid.UUID], until: datetime | None = None, **_: Any) -> None:
    erase.forget(email, facts, until)


@on(signals.visit_recorded)
def on_visit_recorded(visit: Visit, **_: Any) -> None:
    tell(visit.advocate, events.visit_recorded(visit))


@on(signals.conversion_recorded)
def on_conversion_recorded(conversion: Conversion, **_: Any) -> None:
    tell(conversion.advocate, events.conversion_recorded(conversion))


@on(signals.conversion_refunded)
def on_conversion_refunded(refund: Conversion, **_: Any) -> None:
    tell(refund.advocate, events.conversion_refunded(refund))


@on(signals.reward_issued)
def on_reward_issued(reward: Reward, **_: Any) -> None:
    tell(reward.advocate, events.reward_issued(reward))


@on(signals.reward_reversed)
def on_reward_reversed(reward: Reward, **_: Any) -> None:
    tell(reward.advocate, events.reward_reversed(reward))


@receiver(account_replaced, dispatch_uid="klaviyo")
def on_account_replaced(old: Connection, new: Connection, **_: Any) -> None:
    """The operator chose another account for the same stores: their settings go along, their deliveries do not.

    Sorae's own e-mails do: they are no account's, and the new one is asked for consent like the old.
    """
    there = StoreSetting.objects.filter(connection=new).values("store")
    moving = StoreSetting.objects.filter(connection=old).exclude(store__in=there)
    stores = dict(moving.values_list("pk", "store"))
    sends.move_own_mail(old, new, list(stores.values()))
    moving.update(
        noes_reached=0,
        noes_told_at=None,
        connection=new,
        list_id="",
        list_name="",
        newsletter_list_id="",
        newsletter_list_name="",
        is_double_opt_in=False,
    )
    joined = [ServedStore(connection=new, store_id=store) for store in stores.values()]
    ServedStore.objects.bulk_create(joined, ignore_conflicts=True)
    backfills.begin_anew(stores)


def tell(advocate: Advocate, told: Sequence[Event]) -> None:
    """Queue the events and a fresh profile of the advocate, for every account that the store is joined to."""
    for setting in _settings(advocate):
        outbox.add(setting.connection_id, orders.of_facts(advocate, told, setting))


def tell_events(advocate: Advocate, told: Sequence[Event]) -> None:
    """Queue events that change nothing of what the advocate's profile says."""
    for setting in _settings(advocate):
        outbox.add(setting.connection_id, orders.of_events(advocate, told, setting))


def _settings(advocate: Advocate) -> QuerySet[StoreSetting]:
    enabled = StoreSetting.objects.filter(store=advocate.program.store_id, is_enabled=True)
    return enabled.only("connection_id", "store_id", "left_out")  # a host's transaction waits for this


def _record_unreadable(what: str, said: dict[str, Any]) -> None:
    """As far as it can be told whose fact it is: a failed delivery for each account that should have heard of it."""
    facts = [value for value in said.values() if isinstance(value, Model) and hasattr(value, "uid")]
    with suppress(Exception), transaction.atomic():
        fact: Any = facts[0]
        invite = getattr(fact, "invite", None) or fact
        advocate = getattr(invite, "advocate", invite)
        source = values.text(fact.uid)[:64]
        order = Order(
            kind=contents.Event.kind,
            key=f"unreadable:{what}:{source or uuid.uuid4()}",
            source=source,
            occurred_at=timezone.now(),
            outcome=UNREADABLE,
        )
        for setting in _settings(advocate):
            outbox.add(setting.connection_id, [order])


UNREADABLE = outcomes.Failed(
    declare(
        "unreadable_fact",
        "Not readable",
        "The fact could not be read. Correct it in your data and send it again.",
        because="the fact could not be read",
        means="The program that reported it gave something that cannot be read.",
        who=Who.DATA,
        do=orders.CORRECT_IT,
    )
)
