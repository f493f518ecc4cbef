"""Sorae's own e-mail to a friend: within its caps, at most once, and without a word of the friend to Klaviyo."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import partial

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from integrations import outbox, outcomes
from integrations.errors import IntegrationError, TemporaryError
from integrations.mail import mailer
from integrations.mail.mailer import OutcomeUnknown, RecipientRefused
from integrations.models import Delivery
from integrations.outbox import leasing, lock_timeout
from integrations.outcomes import CalledOff, Failed, Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.api import values
from klaviyo.consent import gate
from klaviyo.mapping import orders
from klaviyo.mapping.contents import Email
from klaviyo.models import Send
from klaviyo.profiles.batch import Batch
from referrals import messages, person_key
from referrals.models import Store

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
TOO_MANY = Skipped(
    declare(
        "too_many",
        "Too many messages",
        "The person has had as many messages from this store in a week as anybody gets.",
        because="they have had as many messages as the limits allow",
        means="A person, a store or an advocate may only cause so many invites in a while; this one was beyond that.",
        who=Who.RUNNER,
        do="Usually nothing. Whoever runs this site sets the limits.",
    )
)
ADVOCATE_CAP = Retry(
    declare(
        "advocate_cap",
        "Advocate's day is full",
        "The advocate's messages of one day have all gone out.",
        because="the advocate's messages of one day have all gone out",
        means="One advocate's invites are spread over days, so that nobody uses the store to send spam.",
        who=Who.RUNNER,
        do="Nothing: it goes out within a day. Whoever runs this site sets the limit.",
    ),
    after=HOUR,
    refund=True,
)
DOMAIN_CAP = Retry(
    declare(
        "domain_cap",
        "Mail domain is full",
        "The messages of one hour to this mail domain have all gone out.",
        because="this hour's messages to their mail provider have all gone out",
        means="Mail providers distrust a sudden flood, so messages to one of them are spread over hours.",
        who=Who.RUNNER,
        do="Nothing: it goes out within hours. Whoever runs this site sets the limit.",
    ),
    after=timedelta(minutes=10),
    refund=True,
)
SPARED = TemporaryError(mailer.UNREACHABLE.saying("The mail server did not answer about the message before."))


def broke_off(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Messages that the mail server may have: nobody says that they were not sent; outcomes by delivery id."""
    mails = [delivery for delivery in deliveries if delivery.kind == Email.kind]
    return {mail.pk: outcomes.of(OutcomeUnknown()) for mail in mails if mailer.broke_off(mail)}


def send(batch: Batch, delivery: Delivery) -> Outcome | None:
    """Write the message, unless the mail server has it already or may have it."""
    row = batch.sends.get(delivery.pk)
    if row is None:
        return Failed(orders.UNUSABLE.saying("There is no invite that it would tell of."))
    if person_key.mailbox(row.invite.recipient_email) != person_key.mailbox(delivery.subject):
        return Failed(
            orders.UNUSABLE.saying("The invite names another address by now, which nobody has decided about.")
        )
    again = bool(row.mailed_at) and delivery.attempts_made > 1  # and nobody asked for a retry
    if again and mailer.was_begun(delivery):
        raise OutcomeUnknown
    row.message_id = _message_id(row)
    number = row.reminder.number if row.reminder else 0
    message = messages.invitation(row.invite, number=number, message_id=row.message_id)
    if objection := _reserve(row, delivery):
        return objection
    try:
        batch.mailer.send(message, delivery, partial(_last_look, batch, delivery))
    except OutcomeUnknown:
        batch.stopped[delivery.kind] = SPARED
        raise
    except mailer.OF_ONE_ADDRESS as reason:
        _give_back(row, reason)
        return outcomes.of(reason)
    except (IntegrationError, CalledOff) as reason:
        _give_back(row, reason)
        raise
    return None


def _last_look(batch: Batch, delivery: Delivery) -> None:
    """With a whole lease ahead, which is longer than a mail server may take."""
    outbox.extend([delivery])
    gate.last_look(batch, delivery)


def _message_id(row: Send) -> str:
    """The same however often it is tried."""
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return f"<{row.delivery.source}.{row.pk}@{values.address(sender).rpartition('@')[2]}>"


def _reserve(row: Send, delivery: Delivery) -> Outcome | None:
    """Count the message before it goes, one store's after the other; or say why it is one too many."""
    try:
        with lock_timeout.short(), leasing.held(delivery):
            return _counted(row)
    except lock_timeout.Busy:
        return lock_timeout.BUSY_HERE


def _counted(row: Send) -> Outcome | None:
    # Its sends may still be added: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    store = Store.objects.select_for_update(no_key=True).get(pk=row.store_id)
    now = timezone.now()
    if objection := _one_too_many(row, Send.objects.filter(store=store, mailed_at__isnull=False), now):
        return objection
    row.mailed_at = now
    row.save(update_fields=["mailed_at", "message_id"])
    return None


def _one_too_many(row: Send, mailed: "QuerySet[Send]", now: datetime) -> Outcome | None:
    mailed = mailed.exclude(pk=row.pk)
    to_person = mailed.filter(mailed_at__gt=now - WEEK, delivery__subject=row.delivery.subject)
    if to_person.count() >= settings.MAIL_PER_PERSON_AND_WEEK:
        return TOO_MANY
    by_advocate = mailed.filter(mailed_at__gt=now - DAY, invite__advocate=row.invite.advocate_id)
    if by_advocate.count() >= settings.MAIL_PER_ADVOCATE_AND_DAY:
        return ADVOCATE_CAP
    domain = person_key.mailbox(row.delivery.subject).rpartition("@")[2]
    to_domain = mailed.filter(mailed_at__gt=now - HOUR, delivery__subject__endswith=f"@{domain}")
    if to_domain.count() >= settings.MAIL_PER_DOMAIN_AND_HOUR:
        return DOMAIN_CAP
    return None


def _give_back(row: Send, reason: Exception) -> None:
    """It has certainly not gone out: it counts towards no cap, and may be tried again."""
    mine = Send.objects.filter(pk=row.pk, mailed_at=row.mailed_at)  # and no other worker's, who has it by now
    if isinstance(reason, RecipientRefused):
        mine.update(mailed_at=None, bounced_at=timezone.now(), bounce=reason.sentence)
    else:
        mine.update(mailed_at=None)
