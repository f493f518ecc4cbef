"""Visits: friends land at the shop through share links."""

from datetime import datetime, timedelta
from uuid import uuid5

from django.db import transaction

from referrals import signals, suppressions, text, times
from referrals.lifecycle import closing, locks
from referrals.models import Advocate, Channel, Invite, Visit

ONE_VISIT = timedelta(minutes=30)


@transaction.atomic
def visit(
    advocate: Advocate,
    *,
    landing_page: str = "",
    referrer: str = "",
    visitor: str = "",
    channel: str = Channel.LINK,
    invite: Invite | None = None,
    occurred_at: datetime | None = None,
) -> Visit:
    """A friend lands through the share link; the same visitor within half an hour is one visit.

    Without a visitor each call is a visit. Addresses of pages are cut to a bounded length, not refused.
    An `invite` of the advocate's, through which the friend came, is closed. Of somebody erased no pages are kept,
    which may name them. Sends `visit_recorded`.
    """
    person = locks.take(advocate.pk)
    new = Visit(
        advocate=person,
        landing_page=text.cut(Visit, "landing_page", landing_page),
        referrer=text.cut(Visit, "referrer", referrer),
        visitor=text.fit(Visit, "visitor", visitor),
        channel=text.choice(channel, "channel", Channel),
        invite=_invite_of(person, invite),
        occurred_at=times.happened(occurred_at),
    )
    if suppressions.is_erased(new.invite.recipient_email if new.invite else "") or suppressions.is_erased(person.email):
        new.landing_page = new.referrer = ""
    if new.invite:
        closing.close_open(person.invites.filter(pk=new.invite.pk), Invite.Closing.VISITED)
    if new.visitor and (known := _same(new)):
        return known
    if new.visitor:  # the same when a restored database has to make it of the same landing again
        new.uid = uuid5(person.uid, f"visit:{new.visitor}:{new.occurred_at.isoformat()}")
    new.save(force_insert=True)
    signals.visit_recorded.send(sender=Visit, visit=new)
    return new


def _invite_of(person: Advocate, invite: Invite | None) -> Invite | None:
    if invite is None:
        return None
    stored = person.invites.filter(pk=invite.pk).first()
    if stored is None:
        raise text.refused("invite", "is not an invite of this advocate. Give theirs, or none.")
    return stored


def _same(new: Visit) -> Visit | None:
    return new.advocate.visits.filter(
        visitor=new.visitor,
        occurred_at__gt=new.occurred_at - ONE_VISIT,
        occurred_at__lt=new.occurred_at + ONE_VISIT,
    ).first()
