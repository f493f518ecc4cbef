"""Django's SMTP backend with one deadline for a whole conversation, which notes when a message has begun to leave.

A socket's time-out is for one read: a server that drips its answers would hold a worker beyond its lease.
"""

import io
import smtplib
import socket
from typing import Any

from django.core.mail.backends import smtp

from integrations.wire import deadline

CONNECT_SECONDS = 5.0  # for each of the server's addresses


class Conversation(smtplib.SMTP):
    """An SMTP client that keeps to `deadline.within`. Raises as smtplib does."""

    message_has_left = False
    sock: socket.socket | None

    def sendmail(self, *args: Any, **kwargs: Any) -> Any:
        self.message_has_left = False
        return super().sendmail(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(deadline.Reader(self.sock))
        return super().getreply()

    def send(self, s: Any) -> None:
        """smtplib gives commands as text, and the message itself as bytes."""
        self.message_has_left = self.message_has_left or isinstance(s, bytes)
        sent = s if isinstance(s, bytes) else s.encode(self.command_encoding)
        for start in range(0, len(sent), deadline.SENT_AT_ONCE):
            if self.sock is not None:
                deadline.wait_no_longer(self.sock)
            super().send(sent[start : start + deadline.SENT_AT_ONCE])


class TlsConversation(Conversation, smtplib.SMTP_SSL):
    """An SMTP client over TLS from the start."""


class EmailBackend(smtp.EmailBackend):
    """Django's e-mail backend with our client, by the same settings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timeout = min(self.timeout or CONNECT_SECONDS, CONNECT_SECONDS)

    @property
    def connection_class(self) -> type[Conversation]:
        return TlsConversation if self.use_ssl else Conversation
