"""Sends Sorae's own e-mails by SMTP, each on record, and tells what the mail server's reply code means.

SMTP knows no key by which a repeated message is dropped. So where the reply stays out after the message may have been
taken, it is not sent again by itself.
"""

import re
import smtplib
import ssl
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from integrations import outcomes
from integrations.errors import IntegrationError, OperatorRequired, PermanentError, TemporaryError
from integrations.models import Delivery
from integrations.reasons import Who, declare
from integrations.wire import attempts, deadline
from integrations.wire.attempts import LastLook

OPERATION = "send_email"
TAKEN = 250  # https://www.rfc-editor.org/rfc/rfc5321#section-4.2.5: from now on the server answers for the message
NO_SERVER = "django.core.mail.backends.dummy.EmailBackend"
UNBOUNDED = {"django.core.mail.backends.smtp.EmailBackend": "integrations.mail.smtp.EmailBackend"}

OPENING_SECONDS, TALKING_SECONDS, CLOSING_SECONDS = 10.0, 20.0, 3.0  # together well within a lease

LATER = "It is tried again by itself, less often with time."
NO_MAIL_SERVER = declare(
    "no_mail_server",
    "No mail server",
    "No mail server is set up: whoever runs this site sets EMAIL_URL.",
    because="no mail server is set up",
    means="Sorae's own e-mails have no way out of this site.",
    who=Who.RUNNER,
    do="Set EMAIL_URL; then retry what is held.",
)
MAIL_REFUSED = declare(
    "mail_refused",
    "Mail server says no",
    "The mail server does not take mail from us ({status}).",
    because="the mail server takes no mail from us",
    means="The server refuses us, not this person: its password, or its trust in us, is missing.",
    who=Who.RUNNER,
    do="Mend the site's access to its mail server; then retry what is held.",
)
UNREACHABLE = declare(
    "mail_unreachable",
    "Mail server not reachable",
    "The mail server could not be reached.",
    because="the mail server could not be reached",
    means=LATER,
    who=Who.ITSELF,
)
POSTPONED = declare(
    "mail_postponed",
    "Mail server postpones",
    "The mail server asks to come back later ({status}).",
    because="the mail server asks to come back later",
    means=LATER,
    who=Who.ITSELF,
)
REFUSED_RECIPIENT = declare(
    "refused_recipient",
    "Refused by the mail server",
    "The mail server refuses this address ({status}).",
    because="the mail server refused their address",
    means="The server that takes our mail said no to this address; the message did not leave.",
    who=Who.DATA,
    do="Check the address for a slip. If it is right, retry.",
)
REFUSED_MESSAGE = declare(
    "refused_message",
    "Message refused",
    "The mail server refuses the message ({status}).",
    because="the mail server refused the message",
    means="The server took the address, but not what was written, perhaps because it looks like spam.",
    who=Who.MERCHANT,
    do="Look at the program's offer; ask whoever runs this site what the server objects to.",
)
UNUSABLE_MESSAGE = declare(
    "unusable_message",
    "Message cannot be written",
    "The message could not be written.",
    because="the message could not be written",
    means="Something in the invite has no form that an e-mail can carry.",
    who=Who.DATA,
    do="Look at the program's offer and the names in the invite, then retry.",
)


class OutcomeUnknown(PermanentError):
    """Nobody knows whether the mail server has taken the message."""

    def __init__(self) -> None:
        sentence = "The mail server's answer did not come, so the message may have gone out. Retry sends it once more."
        super().__init__(outcomes.UNKNOWN.saying(sentence))


class RecipientRefused(PermanentError):
    """The mail server refuses this address for good."""


class RecipientPostponed(TemporaryError):
    """The mail server refuses this address for now."""


class RelayRefused(OperatorRequired):
    """The mail server does not take mail from us to this address."""


OF_ONE_ADDRESS = (RecipientRefused, RecipientPostponed, RelayRefused)  # and says nothing about the next


class Mailer:
    """One connection to the mail server, opened at the first message and kept for a batch."""

    def __init__(self) -> None:
        self._backend: Any = None

    def send(self, message: EmailMultiAlternatives, delivery: Delivery, last_look: LastLook) -> None:
        """Raises an IntegrationError that says what to do when the server has not taken the message."""
        if settings.EMAIL_BACKEND == NO_SERVER:
            raise OperatorRequired(NO_MAIL_SERVER)
        with deadline.within(OPENING_SECONDS, silence=OPENING_SECONDS):
            self._open()
        with attempts.on_record(delivery.connection, OPERATION, [delivery]) as attempt:
            last_look()
            try:
                with deadline.within(TALKING_SECONDS, silence=TALKING_SECONDS):
                    self._backend.send_messages([message])
            except Exception as error:
                attempt.status = _status(error)
                raise _meaning(error, self._may_have_left()) from None
            attempt.status = TAKEN

    def send_notice(self, message: EmailMultiAlternatives) -> None:
        """Send what is about no delivery, to somebody of the site's own. Raises an IntegrationError."""
        if settings.EMAIL_BACKEND == NO_SERVER:
            raise OperatorRequired(NO_MAIL_SERVER)
        with deadline.within(OPENING_SECONDS, silence=OPENING_SECONDS):
            self._open()
        try:
            with deadline.within(TALKING_SECONDS, silence=TALKING_SECONDS):
                self._backend.send_messages([message])
        except Exception as error:
            raise _meaning(error, self._may_have_left()) from None

    def close(self) -> None:
        with suppress(Exception), deadline.within(CLOSING_SECONDS, silence=CLOSING_SECONDS):
            if self._backend is not None:
                self._backend.close()

    def _open(self) -> None:
        """A connection that has died since the last message is replaced while that is still harmless."""
        try:
            if self._backend is None:
                self._backend = mail.get_connection(UNBOUNDED.get(settings.EMAIL_BACKEND))
            elif not _is_ready(self._backend):
                self._backend.close()
            self._backend.open()
        except OSError as error:  # those of smtplib are among them
            raise _closed_door(error) from None

    def _may_have_left(self) -> bool:
        connection = getattr(self._backend, "connection", None)
        return bool(getattr(connection, "message_has_left", True))


def broke_off(delivery: Delivery) -> bool:
    """Whether a worker died while it handed the message over. Says so once: whoever asks again may send it again."""
    unfinished = delivery.attempts.filter(operation=OPERATION, finished_at=None)
    return bool(unfinished.update(finished_at=timezone.now(), code=outcomes.UNKNOWN.code))


def was_begun(delivery: Delivery) -> bool:
    """Whether it ever came to handing the message over; a worker may have died before, when none had left."""
    return delivery.attempts.filter(operation=OPERATION).exists()


def _is_ready(backend: Any) -> bool:
    """Whether a kept connection is alive, and through with whatever was last said on it."""
    connection = getattr(backend, "connection", None)
    if not isinstance(connection, smtplib.SMTP):
        return True
    try:
        return bool(connection.rset()[0] == TAKEN)  # https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1.5
    except OSError:
        return False


def _closed_door(error: OSError) -> IntegrationError:
    """Why there is no connection; smtplib's bare SMTPException is for a server that knows no way to log in of ours."""
    status = _status(error)
    setting = (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError)
    needs_somebody = isinstance(error, setting) or type(error) is smtplib.SMTPException
    if (status or 0) >= 500 or (needs_somebody and not status):
        answer = f" ({status})" if status else ""
        return OperatorRequired(MAIL_REFUSED.saying(f"The mail server does not let us in{answer}. Look at EMAIL_URL."))
    return TemporaryError(UNREACHABLE)


def _meaning(error: Exception, may_have_left: bool) -> IntegrationError:
    """What to do about an error; https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1: 4xx later, 5xx never."""
    status = _status(error)
    if status is None or type(error) is smtplib.SMTPResponseException:  # smtplib's own word: a line without an end
        return _silence(error, may_have_left)
    is_later = status < 500
    match error:
        case smtplib.SMTPRecipientsRefused() if is_later and status != 421:  # 421: the server closes (RFC 5321, 4.2.2)
            return RecipientPostponed(POSTPONED.about(status=status))
        case _ if is_later:
            return TemporaryError(POSTPONED.about(status=status))
        case smtplib.SMTPRecipientsRefused() if _is_about_us(error):
            return RelayRefused(
                MAIL_REFUSED.saying(f"The mail server does not take mail from us to this address ({status}).")
            )
        case smtplib.SMTPRecipientsRefused():
            return RecipientRefused(REFUSED_RECIPIENT.about(status=status))
        case smtplib.SMTPSenderRefused() | smtplib.SMTPHeloError():
            return OperatorRequired(MAIL_REFUSED.about(status=status))
        case _:
            return PermanentError(REFUSED_MESSAGE.about(status=status))


def _silence(error: Exception, may_have_left: bool) -> IntegrationError:
    """No answer, or none that can be read."""
    if may_have_left:
        return OutcomeUnknown()
    if isinstance(error, OSError):
        return TemporaryError(UNREACHABLE.saying("The connection to the mail server broke."))
    return PermanentError(UNUSABLE_MESSAGE)


def _status(error: Exception) -> int | None:
    """The server's status code, where it refused with one."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code: Any = max((answer[0] for answer in error.recipients.values()), default=None)
    else:
        code = getattr(error, "smtp_code", None)
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _is_about_us(error: smtplib.SMTPRecipientsRefused) -> bool:
    """Whether a recipient is refused for want of a log-in (530: RFC 4954, 6) or by policy (5.7.x: RFC 3463, 3.8)."""
    return any(code == 530 or re.match(rb"5\.7\.", words) for code, words in error.recipients.values())
