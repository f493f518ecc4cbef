"""Formats of addresses, phone numbers and times; each check answers with what is wrong, or None."""

import re

from klaviyo.sandbox.state import identifiers

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_PHONE = re.compile(r"\+[1-9]\d{6,14}")


def email(text: str) -> str | None:
    if len(text) > 100:
        return "The email address may have at most 100 characters."
    local = text.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in text
    return None if _EMAIL.fullmatch(text) and not dots else "Invalid email address"


def phone(text: str) -> str | None:
    if _PHONE.fullmatch(text):
        return None
    return "Invalid phone number format. Phone numbers must be in the E.164 format."


def moment(text: str) -> str | None:
    try:
        identifiers.parsed(text)
    except ValueError:
        return "This value must be an ISO 8601 date and time."
    return None
