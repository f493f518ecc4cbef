"""Advocates invite friends, and friends are reminded."""

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Lower

from referrals import signals, text, times
from referrals.lifecycle import locks
from referrals.models import Advocate, Channel, Invite, Reminder

MOST_REMINDERS = 100


@transaction.atomic
def invite(
    advocate: Advocate,
    recipient_email: str,
    *,
    recipient_name: str = "",
    channel: str = Channel.EMAIL,
    expires_at: datetime | None = None,
    occurred_at: datetime | None = None,
) -> Invite:
    """An advocate invites a friend, once per address whatever its case; sends `invite_sent`."""
    person = locks.take(advocate.pk)
    new = Invite(
        advocate=person,
        recipient_email=text.email(recipient_email, "recipient_email"),
        recipient_name=text.fit(Invite, "recipient_name", recipient_name),
        channel=text.choice(channel, "channel", Channel),
        expires_at=times.expires(expires_at),
        occurred_at=times.happened(occurred_at),
    )
    invites = person.invites.alias(address=Lower("recipient_email"))
    if known := invites.filter(address=new.recipient_email.lower()).first():
        return known
    new.save(force_insert=True)
    signals.invite_sent.send(sender=Invite, invite=new)
    return new


@transaction.atomic
def remind(invite: Invite, number: int, *, occurred_at: datetime | None = None) -> Reminder:
    """The friend is reminded of an invite, each `number` (from 1) once; sends `invite_reminded`."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_REMINDERS:
        raise text.refused("number", f"is not the number of a reminder. Count from 1 to {MOST_REMINDERS}.")
    person = locks.take(invite.advocate_id)
    invites = person.invites.filter(pk=invite.pk)
    if (stored := invites.first()) is None:
        raise text.refused("invite", "is not stored. Invite the friend first.")
    if known := stored.reminders.filter(number=number).first():
        return known
    reminder = Reminder(invite=stored, number=number, occurred_at=times.happened(occurred_at))
    reminder.save(force_insert=True)
    signals.invite_reminded.send(sender=Reminder, reminder=reminder)
    return reminder
