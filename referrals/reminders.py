"""Reminders: friends who have neither come nor bought are reminded, a while after they were last written to."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Cast, Coalesce, Lower
from django.utils import timezone

from referrals import lifecycle
from referrals.lifecycle import closing, locks
from referrals.lifecycle.invites import MOST_REMINDERS
from referrals.models import Conversion, Invite, Reminder, Visit

logger = logging.getLogger(__name__)

LEAST_WAIT = timedelta(days=1)
TRIES = 10  # for each reminder that may be made, so that failing ones, which stay the longest waiting, take no turn

_DAYS = Cast("advocate__program__remind_after_days", IntegerField())
_WAIT = ExpressionWrapper(_DAYS * timedelta(days=1), output_field=DurationField())
_DUE_AT = ExpressionWrapper(F("contacted_at") + _WAIT, output_field=DateTimeField())


def remind_due(limit: int = 1_000) -> int:
    """Makes the next reminder of invites that are due, the longest waiting first, and says how many it made.

    Any number may remind at once: each looks again once it holds the advocate. Invites that have expired are closed.
    """
    now = timezone.now()
    _close_expired(now, limit)
    made = 0
    longest_waiting = _due(now).order_by("contacted_at", "pk").only("pk", "advocate_id")
    for invite in list(longest_waiting[: TRIES * limit]):
        made += _remind(invite, now)
        if made >= limit:
            break
    return made


def _due(now: datetime) -> QuerySet[Invite]:
    made = Reminder.objects.filter(invite=OuterRef("pk"))
    last = made.filter(number__gte=MOST_REMINDERS)
    number = made.order_by().values("invite").annotate(number=Count("pk")).values("number")
    lately = made.filter(occurred_at__gt=now - OuterRef("wait"))
    came = Visit.objects.filter(invite=OuterRef("pk"))
    bought = Conversion.objects.alias(friend=Lower("friend_email")).filter(
        program=OuterRef("advocate__program"), friend=OuterRef("friend")
    )
    open_ones = Invite.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        went_out_at__isnull=False,
        closed_at=None,
        contacted_at__lte=now - LEAST_WAIT,  # what the index can use; the program's own wait is longer
        reminders_made__lt=F("advocate__program__most_reminders"),
    )
    waiting = open_ones.alias(wait=_WAIT, friend=Lower("recipient_email"), due_at=_DUE_AT).filter(due_at__lte=now)
    waiting = waiting.alias(made=Coalesce(Subquery(number), 0)).filter(made__lt=F("advocate__program__most_reminders"))
    return waiting.filter(~Exists(last), ~Exists(lately), ~Exists(came), ~Exists(bought))


def _remind(invite: Invite, now: datetime) -> bool:
    try:
        with transaction.atomic():
            if not locks.is_free(invite.advocate_id):
                return False  # somebody writes about the advocate: the next time, then
            held = _due(now).filter(pk=invite.pk).select_for_update(of=("self",), no_key=True).first()
            if held is None:
                return False
            last = held.reminders.aggregate(number=Max("number"))["number"] or 0
            lifecycle.remind(held, last + 1)
            return True
    except Exception as error:  # one invite that fails keeps no other from being reminded of
        logger.error("A reminder could not be made and will be tried again: %s", type(error).__name__)
        return False


def _close_expired(now: datetime, limit: int) -> None:
    with transaction.atomic():
        expired = Invite.objects.filter(closed_at=None, expires_at__lte=now).order_by("pk").values("pk")[:limit]
        closing.close_open(Invite.objects.filter(pk__in=[row["pk"] for row in expired]), Invite.Closing.EXPIRED)
