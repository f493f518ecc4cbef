"""Sorae's own e-mail to a friend: within its caps, at most once, and without a word of the friend to Klaviyo."""

from collections.abc import Sequence
from dataclasses import replace
from email.utils import parseaddr
from functools import partial

from django.conf import settings
from django.utils import timezone

from integrations import outbox, outcomes
from integrations.errors import IntegrationError, TemporaryError
from integrations.mail import mailer
from integrations.mail.mailer import OutcomeUnknown, RecipientRefused
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Failed, Outcome
from klaviyo.api import values
from klaviyo.consent import gate
from klaviyo.delivery.sends import caps
from klaviyo.delivery.sends.caps import Place
from klaviyo.mapping import orders
from klaviyo.mapping.contents import Email
from klaviyo.models import Send
from klaviyo.profiles.batch import Batch
from referrals import messages, person_key

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
    place = caps.reserve(row, delivery, keeps=False)
    if not isinstance(place, Place):
        return place
    try:
        batch.mailer.send(message, delivery, partial(_last_look, batch, delivery))
    except OutcomeUnknown:
        batch.stopped[delivery.kind] = SPARED
        raise
    except mailer.OF_ONE_ADDRESS as reason:
        _give_back(place, reason)
        return outcomes.of(reason)
    except (IntegrationError, CalledOff) as reason:
        _give_back(place, reason)
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


def _give_back(place: Place, reason: Exception) -> None:
    """It counts towards no cap, and may be tried again."""
    if isinstance(reason, RecipientRefused):
        mine = Send.objects.filter(pk=place.send.pk, mailed_at=place.since)
        mine.update(bounced_at=timezone.now(), bounce=reason.sentence)
    replace(place, before=None).give_back()
