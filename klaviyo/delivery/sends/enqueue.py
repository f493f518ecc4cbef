"""Sends queued: an invite or a reminder, for each account of the store or once as Sorae's own e-mail."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from integrations.outcomes import Outcome
from klaviyo.mapping import contents, events, orders
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.batch import SETTING_OFF
from referrals import suppressions
from referrals.models import Invite, Program, Reminder

State = Delivery.State


def order(
    invite: Invite,
    reminder: Reminder | None = None,
    *,
    until: datetime | None = None,
    because: Outcome | None = None,
) -> None:
    """Queue one invite or reminder: for each account of the store, or (as Sorae's own message) once.

    Where all of the store's settings are off it is put on record as skipped for that, and can be retried; so it is
    where there is another reason, `because`. It is of use `until` then, if not for even less.
    """
    if suppressions.is_erased(str(invite.recipient_email)):
        return
    program = invite.advocate.program
    told = Send.objects.filter(invite=invite, reminder=reminder)
    if told.filter(channel=Send.Channel.SORAE).exists():
        return
    if program.invites_by == Program.Inviter.SORAE and told.exists():
        return
    joined = list(StoreSetting.objects.filter(store=program.store_id).select_related("connection").order_by("pk"))
    store_settings = [setting for setting in joined if setting.is_enabled] or joined
    if program.invites_by == Program.Inviter.SORAE:
        store_settings = sorted(store_settings, key=lambda setting: (not setting.connection.is_connected, setting.pk))[
            :1
        ]
    for setting in store_settings:
        made = _order_of(invite, reminder, setting)
        if until:
            made = replace(made, not_after=min(until, made.not_after or until))
        if not setting.is_enabled and made.outcome is None:
            made = replace(made, outcome=SETTING_OFF)
        elif made.outcome is None:
            made = replace(made, outcome=because)
        outbox.add(setting.connection_id, [made])
        _record(invite, reminder, setting, Delivery.objects.get(connection=setting.connection_id, key=made.key))


def move_own_mail(old: Connection, new: Connection, stores: Sequence[int]) -> None:
    """What waits to be mailed for these stores goes by another connection from here on."""
    mine = Send.objects.filter(channel=Send.Channel.SORAE, store__in=stores, delivery__connection=old)
    waiting = Delivery.objects.filter(pk__in=mine.values("delivery"), state__in=(State.QUEUED, State.HELD))
    waiting.update(connection=new, state=State.QUEUED, next_try_at=Now(), reason_code="", reason="")


def _order_of(invite: Invite, reminder: Reminder | None, setting: StoreSetting) -> Order:
    """An event that starts a Klaviyo flow, or the order to write an e-mail ourselves."""
    [told] = events.invite_reminded(reminder) if reminder else events.invite_sent(invite)
    if invite.advocate.program.invites_by == Program.Inviter.KLAVIYO:
        return orders.of_event(told, invite.advocate.program.store.country, setting)
    unusable = orders.malformed(invite.recipient_email)
    return Order(
        kind=contents.Email.kind,
        key=f"email:{told.uid}",
        source=str(told.uid),
        subject=told.address.lower(),
        options=contents.Email(
            store=setting.store_id, message=told.metric.consent or "", metric=told.metric.key
        ).as_options(),
        occurred_at=timezone.now() if unusable else told.occurred_at,
        not_after=orders.useful_until(told),
        outcome=unusable,
    )


def _record(invite: Invite, reminder: Reminder | None, setting: StoreSetting, delivery: Delivery) -> None:
    is_ours = delivery.kind == contents.Email.kind
    row = Send(
        kind=Send.Kind.REMINDER if reminder else Send.Kind.INVITE,
        channel=Send.Channel.SORAE if is_ours else Send.Channel.KLAVIYO,
        store=invite.advocate.program.store,
        program=invite.advocate.program,
        setting=setting,
        invite=invite,
        reminder=reminder,
        delivery=delivery,
    )
    Send.objects.bulk_create([row], ignore_conflicts=True)
