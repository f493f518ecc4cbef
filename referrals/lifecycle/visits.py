"""Friends land at the shop through share links."""

from datetime import datetime, timedelta

from django.db import transaction

from referrals import signals, text, times
from referrals.lifecycle import locks
from referrals.models import Advocate, Channel, Visit

ONE_VISIT = timedelta(minutes=30)


@transaction.atomic
def visit(
    advocate: Advocate,
    *,
    landing_page: str = "",
    referrer: str = "",
    visitor: str = "",
    channel: str = Channel.LINK,
    occurred_at: datetime | None = None,
) -> Visit:
    """A friend lands through the share link; the same visitor within half an hour is one visit.

    Without a visitor each call is a visit. Addresses of pages are cut to a bounded length, not refused.
    Sends `visit_recorded`.
    """
    person = locks.take(advocate.pk)
    new = Visit(
        advocate=person,
        landing_page=text.cut(Visit, "landing_page", landing_page),
        referrer=text.cut(Visit, "referrer", referrer),
        visitor=text.fit(Visit, "visitor", visitor),
        channel=text.choice(channel, "channel", Channel),
        occurred_at=times.happened(occurred_at),
    )
    if new.visitor and (known := _same(new)):
        return known
    new.save(force_insert=True)
    signals.visit_recorded.send(sender=Visit, visit=new)
    return new


def _same(new: Visit) -> Visit | None:
    return new.advocate.visits.filter(
        visitor=new.visitor,
        occurred_at__gt=new.occurred_at - ONE_VISIT,
        occurred_at__lt=new.occurred_at + ONE_VISIT,
    ).first()
