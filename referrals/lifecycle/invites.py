"""Invites: advocates invite friends, invites go out, friends are reminded, and invites are closed."""

from datetime import datetime
from uuid import uuid5

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone

from referrals import erased, signals, suppressions, text, times
from referrals.lifecycle import locks, self_referrals
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
    """An advocate invites a friend, once per address whatever its case; sends `invite_sent`.

    An invite from before the friend's erasure is stored without them, and closed. So is an advocate's invite to
    themselves, of which nobody hears; or it is refused, as the program has it.
    """
    person = locks.take_somebody(advocate.pk)
    new = Invite(
        advocate=person,
        recipient_email=text.email(recipient_email, "recipient_email"),
        recipient_name=text.told_in(Invite, "recipient_name", recipient_name),
        channel=text.choice(channel, "channel", Channel),
        expires_at=times.expires(expires_at),
        occurred_at=times.happened(occurred_at),
    )
    invites = person.invites.alias(address=Lower("recipient_email"))
    same = Q(address__in=suppressions.spellings(new.recipient_email))
    if erased.is_older(new.recipient_email, occurred_at):
        same |= erased.stood_in("recipient_email", new.recipient_email)
        new.recipient_email, new.recipient_name = erased.stand_in(new.recipient_email, new.uid), ""
        new.closed_at, new.closed_by = timezone.now(), Invite.Closing.ERASED
    if known := invites.filter(same).first():
        return known
    if self_referrals.is_one(person, recipient_email):
        self_referrals.check(person, "recipient_email")
        new.is_own, new.closed_at = True, timezone.now()
    new.save(force_insert=True)
    if not new.is_own:
        signals.invite_sent.send(sender=Invite, invite=new)
    return new


@transaction.atomic
def remind(invite: Invite, number: int, *, occurred_at: datetime | None = None) -> Reminder:
    """The friend is reminded of an invite, closed or not, each `number` (from 1) once; sends `invite_reminded`."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_REMINDERS:
        raise text.refused("number", f"is not the number of a reminder. Count from 1 to {MOST_REMINDERS}.")
    stored = _held(invite)
    if known := stored.reminders.filter(number=number).first():
        return known
    reminder = Reminder(invite=stored, number=number, occurred_at=times.happened(occurred_at))
    reminder.uid = uuid5(stored.uid, f"reminder:{number}")  # the same when a restored database has to make it again
    reminder.save(force_insert=True)
    stored.reminders_made += 1
    _contacted(stored, reminder.occurred_at)
    if not stored.is_own:
        signals.invite_reminded.send(sender=Reminder, reminder=reminder)
    return reminder


@transaction.atomic
def went_out(invite: Invite, *, occurred_at: datetime | None = None) -> Invite:
    """The invite has really gone out to the friend; the first time stays. Sends `invite_went_out`."""
    moment = times.happened(occurred_at)
    stored = _held(invite)
    if stored.went_out_at is None:
        stored.went_out_at = stored.mailed_at = moment
        _contacted(stored, moment)
        if not stored.is_own:
            signals.invite_went_out.send(sender=Invite, invite=stored)
    return stored


def reminder_went_out(invite: Invite) -> None:
    """A reminder has really gone out just now, which nobody needs to hear of."""
    Invite.objects.filter(pk=invite.pk).update(mailed_at=Now())


@transaction.atomic
def close(invite: Invite, by: str) -> Invite:
    """Nobody is reminded of the invite any more, for an `Invite.Closing`; the first one stays."""
    by = text.choice(by, "by", Invite.Closing)
    stored = _held(invite)
    if stored.closed_at is None:
        stored.closed_at, stored.closed_by = timezone.now(), by
        stored.save(update_fields=["closed_at", "closed_by"])
    return stored


def _held(invite: Invite) -> Invite:
    """The invite as it is now, held with its advocate: those who close many invites hold no advocate."""
    person = locks.take(invite.advocate_id)
    stored = person.invites.select_for_update(no_key=True).filter(pk=invite.pk).first()
    if stored is None:
        raise text.refused("invite", "is not stored. Invite the friend first.")
    return stored


def _contacted(invite: Invite, moment: datetime) -> None:
    invite.contacted_at = max(invite.contacted_at or moment, moment)
    invite.save(update_fields=["went_out_at", "mailed_at", "contacted_at", "reminders_made"])
