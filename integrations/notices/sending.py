"""Sending notices: each to its address until it is taken, less often with time, and given up after three days.

The times are those that Standard Webhooks asks for:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
"""

import json
import logging
import time
from datetime import timedelta
from http import HTTPStatus

from django.core.mail import EmailMultiAlternatives
from django.db.models import F
from django.db.models.functions import Now

from integrations import shutdown
from integrations.errors import IntegrationError, without_message
from integrations.mail.mailer import Mailer
from integrations.models import NoticeAddress, NoticeDelivery
from integrations.notices import letters, signing
from integrations.wire import http, outside
from integrations.wire.deadline import Deadline

WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
ONE_TRY = timedelta(minutes=2)  # then whoever was at it counts as dead
AT_ONCE = 20
QUANTUM_SECONDS = 10.0  # then the worker does something else, however slow endpoints are
INSIDE = "The address lies in the site's own network, where no notice is sent. Use one that the world can reach."
OFF = "Notices to this address were switched off."
BROKE_OFF = "Something went wrong at our side. It is in the site's log."
GONE = "The endpoint answered 410: it wants no more notices. They were switched off."

State = NoticeDelivery.State

log = logging.getLogger(__name__)


def send_due() -> int:
    """Send what is due, a few; how many were tried."""
    due = NoticeDelivery.objects.filter(state=State.WAITING, next_try_at__lte=Now()).order_by("next_try_at", "pk")
    tried, ends_at = 0, time.monotonic() + QUANTUM_SECONDS
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        if shutdown.asked() or time.monotonic() > ends_at:
            break
        # Of two workers the second finds that it is not due any more.
        if due.filter(pk=pk).order_by().update(next_try_at=Now() + ONE_TRY, tries=F("tries") + 1):
            _try(NoticeDelivery.objects.select_related("notice__connection", "address").get(pk=pk))
            tried += 1
    return tried


def send_again(delivery: NoticeDelivery) -> bool:
    """Begin anew with one that was given up; whether it was."""
    failed = NoticeDelivery.objects.filter(pk=delivery.pk, state=State.FAILED)
    return bool(failed.update(state=State.WAITING, tries=0, next_try_at=Now(), settled_at=None, problem=""))


def _try(delivery: NoticeDelivery) -> None:
    address = delivery.address
    problem = _told_carefully(delivery) if address.is_on else OFF
    if problem == GONE:
        NoticeAddress.objects.filter(pk=address.pk).update(is_on=False, off_because=GONE)
    waiting = NoticeDelivery.objects.filter(pk=delivery.pk, state=State.WAITING)
    if problem and problem not in (OFF, GONE) and delivery.tries <= len(WAITS):
        waiting.update(next_try_at=Now() + WAITS[delivery.tries - 1], problem=problem)
    else:
        waiting.update(state=State.FAILED if problem else State.TOLD, problem=problem, settled_at=Now())


def _told_carefully(delivery: NoticeDelivery) -> str:
    """As `_told`; an address that breaks our own code keeps no other from its notices."""
    try:
        return _told(delivery)
    except Exception as error:
        log.error("Notice delivery %s broke off: %s", delivery.pk, without_message(error))
        return BROKE_OFF


def _told(delivery: NoticeDelivery) -> str:
    """Why it was not taken; empty: it was."""
    return _by_mail(delivery) if delivery.address.is_mailbox else _to_endpoint(delivery)


def _to_endpoint(delivery: NoticeDelivery) -> str:
    """Why it was not taken; empty: it was. Redirects are not followed."""
    address, notice = delivery.address, delivery.notice
    body = json.dumps(
        {"type": notice.name, "timestamp": notice.at.isoformat(), "data": notice.data}, ensure_ascii=False
    ).encode()
    signed = signing.headers(address.secret, str(notice.pk), int(time.time()), body)
    headers = {"Content-Type": "application/json", "User-Agent": "Sorae"} | signed
    try:
        session = outside.session()
        with session:
            answer = http.send(session, "POST", address.to, headers=headers, body=body, deadline=Deadline(15))
    except outside.Inside:
        return INSIDE
    except IntegrationError as error:
        return error.sentence.replace("The provider", "The endpoint")
    if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if answer.status_code == HTTPStatus.GONE:
        return GONE
    return f"The endpoint answered {answer.status_code}."


def _by_mail(delivery: NoticeDelivery) -> str:
    """Why it was not taken; empty: it was. Where nobody knows, it goes again: rather twice than never."""
    subject, text = letters.of(delivery.notice)
    mailer = Mailer()
    try:
        mailer.send_notice(EmailMultiAlternatives(subject, text, to=[delivery.address.to]))
    except IntegrationError as error:
        return error.sentence
    finally:
        mailer.close()
    return ""
