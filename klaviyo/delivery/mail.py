"""Sorae's own message to a friend: within its caps, at most once, and without a word of the friend to Klaviyo."""

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Delivery
from integrations.outcomes import Accepted, CalledOff, Failed, Outcome, Retry, Skipped
from klaviyo import mailing
from klaviyo.delivery import permission
from klaviyo.delivery.state import Batch
from klaviyo.mailing import OutcomeUnknown, RecipientRefused
from klaviyo.models import ProfileSync, Send
from referrals import messages, suppressions
from referrals.models import Store

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
TOO_MANY = Skipped("too_many", "The person has had as many messages from this store in a week as anybody gets.")


def send(batch: Batch, delivery: Delivery, _sync: ProfileSync) -> Outcome | None:
    """Write the message, unless the mail server has it already."""
    row = batch.sends.get(delivery.pk)
    if row is None:
        return Failed("unusable", "There is no invite that it would tell of.")
    if mailing.was_taken(delivery):
        return Accepted()
    if row.mailed_at and delivery.attempts_made > 1:  # a worker died on it, and nobody has asked for a retry
        raise OutcomeUnknown
    if objection := _reserve(row):
        return objection
    try:
        number = row.reminder.number if row.reminder else 0
        message = messages.invitation(row.invite, number=number, message_id=row.message_id)
        batch.mailer.send(message, delivery, partial(permission.last_look, batch, delivery))
    except OutcomeUnknown:
        raise
    except (IntegrationError, CalledOff) as reason:
        _give_back(row, reason)
        raise
    return None


@transaction.atomic
def _reserve(row: Send) -> Outcome | None:
    """Count the message before it goes, one store's after the other; or say why it is one too many."""
    store = Store.objects.select_for_update(no_key=True).get(pk=row.store_id)
    now = timezone.now()
    if objection := _one_too_many(row, Send.objects.filter(store=store, mailed_at__isnull=False), now):
        return objection
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    row.mailed_at, row.message_id = now, f"<{row.delivery.source}.{row.pk}@{host}>"
    row.save(update_fields=["mailed_at", "message_id"])
    return None


def _one_too_many(row: Send, mailed: "QuerySet[Send]", now: datetime) -> Outcome | None:
    mailed = mailed.exclude(pk=row.pk)
    to_person = mailed.filter(mailed_at__gt=now - WEEK, delivery__subject=row.delivery.subject)
    if to_person.count() >= settings.MAIL_PER_PERSON_AND_WEEK:
        return TOO_MANY
    by_advocate = mailed.filter(mailed_at__gt=now - DAY, invite__advocate=row.invite.advocate_id)
    if by_advocate.count() >= settings.MAIL_PER_ADVOCATE_AND_DAY:
        return Retry("advocate_cap", "The advocate's messages of one day have all gone out.", after=HOUR, refund=True)
    domain = suppressions.mailbox(row.delivery.subject).rpartition("@")[2]
    to_domain = mailed.filter(mailed_at__gt=now - HOUR, delivery__subject__endswith=f"@{domain}")
    if to_domain.count() >= settings.MAIL_PER_DOMAIN_AND_HOUR:
        after = timedelta(minutes=10)
        return Retry("domain_cap", "The messages of one hour to this mail domain have all gone out.", after, True)
    return None


def _give_back(row: Send, reason: Exception) -> None:
    """It has certainly not gone out: it counts towards no cap, and may be tried again."""
    row.mailed_at = None
    if isinstance(reason, RecipientRefused):
        row.bounced_at, row.bounce = timezone.now(), reason.sentence
    row.save(update_fields=["mailed_at", "bounced_at", "bounce"])
