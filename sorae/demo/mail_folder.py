"""The folder of Sorae's own e-mail, written by Django's file backend: what a mail server would have had."""

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import idna

# The file backend writes it after each message: https://docs.djangoproject.com/en/5.2/topics/email/#file-backend
LINE_BETWEEN = re.compile(rb"^-{79}\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class Mail:
    """One message. `fact_id` is the invite's or the reminder's, as its Message-ID says."""

    to: str
    fact_id: str
    message_id: str
    unsubscribe: str


def read(folder: Path) -> list[Mail]:
    """Every message of a folder, in no order."""
    texts = [part for file in folder.glob("*.log") for part in LINE_BETWEEN.split(file.read_bytes())]
    return [_mail(text) for text in texts if text.strip()]


def mailbox(email: str | None) -> str:
    """One form for all the ways to write an address: small letters, and the domain in ASCII."""
    local, at, domain = (email or "").lower().rpartition("@")
    return f"{local}{at}{idna.encode(domain, uts46=True).decode('ascii') if domain else ''}"


def _mail(text: bytes) -> Mail:
    message: EmailMessage = email.message_from_bytes(text, policy=email.policy.default)
    message_id = str(message["Message-ID"]).strip()
    return Mail(
        to=mailbox(message["To"].addresses[0].addr_spec),
        fact_id=message_id.strip("<>").partition(".")[0],
        message_id=message_id,
        unsubscribe=re.sub(r"[<>\s]", "", str(message["List-Unsubscribe"])),
    )
