"""Validation of text from outside: put into one form, and refused when a database or a reader could not take it."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from referrals import domains

LONGEST_EMAIL = 100  # Marketing platforms take no more, although RFC 5321 does.

_IN_BRACKETS = re.compile(r"[^<>]*<\s*([^<>\s]+)\s*>")
_MAILTO = re.compile(r"mailto:([^?]*).*", re.IGNORECASE | re.DOTALL)  # https://www.rfc-editor.org/rfc/rfc6068
_is_email = domains.AddressValidator(allowlist=[])  # not even at localhost


def clean(value: object, field: str, longest: int, required: bool = False) -> str:
    """`value` stripped and in Unicode's composed form (NFC), at most `longest` characters.

    Any script and emoji are welcome. ValidationError for what is not text, too long, missing although
    `required`, or holds NUL or half of a surrogate pair, which no database stores.
    """
    if not isinstance(value, str):
        raise refused(field, "is not text. Give a string; leave it empty when it is not known.")
    if len(value) > 4 * longest:  # before the work of composing it
        raise _too_long(field, longest)
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise refused(field, "holds a NUL or half of a character. Send it as valid UTF-8 text.")
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > longest:
        raise _too_long(field, longest)
    if required and not text:
        raise refused(field, "is missing. Give a value.")
    return text


def storable(value: object) -> str:
    """`value` without what no database stores: NUL, and halves of surrogate pairs."""
    return "".join(one for one in str(value) if one != "\0" and not "\ud800" <= one <= "\udfff")


def fit(model: type[Model], field: str, value: object, required: bool = False) -> str:
    """`value` cleaned, as the model's field can take it."""
    return clean(value, field, _length(model, field), required)


def cut(model: type[Model], field: str, value: object) -> str:
    """Like `fit`, but what is too long, and was written by somebody who cannot correct it, is cut."""
    longest = _length(model, field)
    return clean(storable(value[:longest]) if isinstance(value, str) else value, field, 4 * longest)[:longest]


def told(value: object, longest: int) -> str:
    """What is only told along, as well as it can be: cut, without what no database stores; "" for what is no text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**longest else ""
    if not isinstance(value, str):
        return ""
    return unicodedata.normalize("NFC", storable(value[: 4 * longest])).strip()[:longest].strip()


def told_in(model: type[Model], field: str, value: object, *, whole: bool = False) -> str:
    """Likewise, as the model's field can take it; with `whole`, nothing of what would have to be cut."""
    longest = _length(model, field)
    words = told(value, longest + 1)
    return told(words, longest) if len(words) <= longest or not whole else ""


def email(value: object, field: str = "email") -> str:
    """An e-mail address as it was given, but with its domain `domains.mapped`; ValidationError when it is none."""
    text = clean(value, field, LONGEST_EMAIL, required=True)
    local, _, domain = text.rpartition("@")
    if local.startswith('"'):  # another way to write the same mailbox, by which nobody's no would be found
        raise refused(field, "is written with quotation marks. Write it without them.")
    # Django's validator ignores case as Unicode does, so that it takes some foreign letters for ones from A to Z: of
    # U+0130 the small form is two characters, by which a database and we would find different people.
    if not local.isascii():
        raise refused(field, "has letters before the @ that no mail provider takes. Write it like name@example.com.")
    address = f"{local}@{domains.mapped(domain)}"
    try:
        _is_email(address)
    except ValidationError:
        raise refused(field, "is not an e-mail address. Write it like name@example.com.") from None
    if not _can_be_seen(domain) or len(address) > LONGEST_EMAIL:
        raise refused(field, "is not an e-mail address that can be written to. Write it like name@example.com.")
    return address


def address_in(told: str) -> str:
    """The one address in what somebody wrote around it: "Ben <ben@…>", "mailto:ben@…", a full stop; else as it is."""
    plain = told.strip()
    found = _IN_BRACKETS.fullmatch(plain)
    inner = _MAILTO.sub(r"\1", found[1] if found else plain).rstrip(".")
    try:
        return email(inner) if inner != plain else told
    except ValidationError:
        return told


def choice(value: object, field: str, choices: Any) -> str:
    """One of the values of a `TextChoices`; ValidationError naming them otherwise."""
    if not isinstance(value, str) or value not in choices.values:
        raise refused(field, f"is not one of: {', '.join(choices.values)}.")
    return str(value)


def choices(values: object, field: str, allowed: Any) -> list[str]:
    """Some of the values of a `TextChoices`, each once and in its order; ValidationError when it is none of them."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise refused(field, "is not a list. Give a list, even of one.")
    chosen = {choice(value, field, allowed) for value in values}
    if not chosen:
        raise refused(field, f"is empty. Give at least one of: {', '.join(allowed.values)}.")
    return [value for value in allowed.values if value in chosen]


def refused(field: str, reason: str) -> ValidationError:
    """What is wrong, where, and what to do; never the value itself, which may be about a person."""
    return ValidationError({field: f"The value of {field} {reason}"}, code="invalid")


def _can_be_seen(domain: str) -> bool:
    """Whether nothing in it is hidden, but for what tells it from another domain."""
    try:
        told_apart = any(joiner in domain for joiner in domains.JOINERS) and bool(domains.in_ascii(domain))
    except UnicodeError:
        return False
    return (domain.translate(dict.fromkeys(map(ord, domains.JOINERS))) if told_apart else domain).isprintable()


def _length(model: type[Model], field: str) -> int:
    longest = getattr(model._meta.get_field(field), "max_length", None)
    if not isinstance(longest, int):
        raise TypeError(f"{model.__name__}.{field} is not bounded text")
    return longest


def _too_long(field: str, longest: int) -> ValidationError:
    return refused(field, f"is too long. Use at most {longest} characters.")
