"""Hands Sorae's own messages to the mail server, each on record, and says what the server's answer means.

Mail knows no key by which a repeated message is dropped. So where the answer stays out after the message may have been
taken, it is not sent again by itself.
"""

import smtplib
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from integrations import attempts
from integrations.errors import OperatorRequired, PermanentError, TemporaryError
from integrations.models import Delivery
from klaviyo.api.client import LastLook

OPERATION = "send_email"
TAKEN = 250  # RFC 5321: the message is the server's to deliver now
NO_SERVER = "django.core.mail.backends.dummy.EmailBackend"


class OutcomeUnknown(PermanentError):
    """The message may have been taken, or not."""

    def __init__(self) -> None:
        sentence = "The mail server's answer did not come, so the message may have gone out. Retry sends it once more."
        super().__init__("outcome_unknown", sentence)


class RecipientRefused(PermanentError):
    """The mail server will not have this address."""


class Mailer:
    """One connection to the mail server, opened at the first message and kept for a batch."""

    def __init__(self) -> None:
        self._backend: Any = None

    def send(self, message: EmailMultiAlternatives, delivery: Delivery, last_look: LastLook) -> None:
        """Raises an IntegrationError that says what to do when the server has not taken the message."""
        if settings.EMAIL_BACKEND == NO_SERVER:
            raise OperatorRequired("no_mail_server", "No mail server is set up: whoever runs this site sets EMAIL_URL.")
        self._open()
        with attempts.on_record(delivery.connection, OPERATION, [delivery]) as attempt:
            last_look()
            try:
                self._backend.send_messages([message])
            except Exception as error:
                attempt.status = _status(error)
                raise _meaning(error) from None
            attempt.status = TAKEN

    def close(self) -> None:
        if self._backend is not None:
            with suppress(Exception):
                self._backend.close()

    def _open(self) -> None:
        """A connection that has died since the last message is replaced while that is still harmless."""
        try:
            if self._backend is None:
                self._backend = mail.get_connection()
            elif not _is_alive(self._backend):
                self._backend.close()
            self._backend.open()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise OperatorRequired("mail_refused", f"The mail server does not let us in ({_status(error)}).") from None
        except (OSError, smtplib.SMTPException):
            raise TemporaryError("mail_unreachable", "The mail server could not be reached.") from None


def was_taken(delivery: Delivery) -> bool:
    """Whether a mail server has taken this delivery's message before."""
    return delivery.attempts.filter(operation=OPERATION, status=TAKEN).exists()


def _is_alive(backend: Any) -> bool:
    connection = getattr(backend, "connection", None)
    if connection is None:
        return True
    try:
        return bool(connection.noop()[0] == TAKEN)
    except (OSError, smtplib.SMTPException):
        return False


def _meaning(error: Exception) -> Exception:
    """What to do about an error; https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1: 4xx later, 5xx never."""
    status = _status(error)
    match error:
        case smtplib.SMTPRecipientsRefused() if status and status >= 500:
            return RecipientRefused("refused_recipient", f"The mail server refuses this address ({status}).")
        case smtplib.SMTPSenderRefused() if status and status >= 500:
            return OperatorRequired("mail_refused", f"The mail server does not take mail from us ({status}).")
        case smtplib.SMTPRecipientsRefused() | smtplib.SMTPResponseException() if status and status < 500:
            return TemporaryError("mail_postponed", f"The mail server asks to come back later ({status}).")
        case smtplib.SMTPResponseException() if status:
            return PermanentError("refused_message", f"The mail server refuses the message ({status}).")
        case _:
            return OutcomeUnknown()


def _status(error: Exception) -> int | None:
    """The server's status code, where it gave one."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        found = [answer[0] for answer in error.recipients.values()]
        code: Any = max(found, default=None)
    else:
        code = getattr(error, "smtp_code", None)
    return code if isinstance(code, int) and 200 <= code < 600 else None
