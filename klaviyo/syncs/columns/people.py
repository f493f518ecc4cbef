"""Who is meant: an address, a number or an id in its normal form, by which people are compared and told."""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal

from klaviyo.api import ids, values
from klaviyo.syncs.columns.cells import Trouble, checked, plain

LONGEST_ID = 255
CORRECT = "correct it in the source"
ISO_COUNTRIES = {
    "UK": "GB",
    "EL": "GR",
}  # as the European Union has them: https://publications.europa.eu/code/en/en-370100.htm

_USUAL = re.compile(  # the great part of all addresses: what it lets through, `values.email_problem` does as well
    r"[a-z0-9_+-]{1,40}(?:\.[a-z0-9_+-]{1,20}){0,3}@(?:[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\.){1,3}[a-z]{2,24}",
    re.ASCII,
).fullmatch
_PLAIN_PHONE = re.compile(r"\+\d{7,15}", re.ASCII)
_CUT = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.ASCII | re.IGNORECASE)
_WITH_POINT_ZERO = re.compile(
    r"\+?\d+\.0", re.ASCII
)  # as spreadsheets and data frames write what they took for a number
_SEVERAL = re.compile(r"\+.*\+|[;|\n]|,\s*\+?\d{5}")


def email(value: object) -> str:
    """An e-mail address as it travels, in lower case. Raises Trouble."""
    if type(value) is str and len(value) <= values.LONGEST_EMAIL and _USUAL(value):
        return value
    text = checked(plain(value).strip())
    if not text:
        raise Trouble("is empty")
    if problem := values.email_problem(text):
        raise Trouble(f"{problem.removeprefix('The e-mail address ').rstrip('.')}; {CORRECT}")
    return values.address(text).lower()


def phone(value: object, country: str) -> str:
    """A phone number as E.164; one without a country code is of that country, if it is certain. Raises Trouble."""
    text = written_phone(value)
    if not text:
        raise Trouble("is empty")
    if _CUT.fullmatch(text):
        raise Trouble(
            "a spreadsheet has cut its digits: make the column one of text there, correct it, and export again"
        )
    if _SEVERAL.search(text):
        raise Trouble("holds more than one phone number: leave one of them")
    has_code = text[0] in "+\uff0b"
    if number := values.phone(text, "" if _PLAIN_PHONE.fullmatch(text) else country):
        return number
    if has_code:
        raise Trouble(f"is no phone number that can exist: {CORRECT}")
    if not country:
        raise Trouble("has no country code: write it like +358401234567, or choose its country, or a column with it")
    if values.is_uncertain_phone(text, country):
        raise Trouble(f"may be a number of another country than {country}: write it with its country code, like +49…")
    raise Trouble(f"is no phone number that can exist in {country}: write it with its country code, like +49…")


def written_phone(value: object) -> str:
    """The number without what a spreadsheet does to it."""
    if isinstance(value, bool):
        raise Trouble(f"{plain(value)} is no phone number")
    text = checked(plain(value).strip())
    text = text[1:].strip() if text[:1] == "'" else text
    text = text[:-2] if _WITH_POINT_ZERO.fullmatch(text) else text
    if isinstance(value, float | Decimal) and not text.isdigit():
        raise Trouble(f"is a number, but no phone number: {CORRECT}")
    return text


def country(value: object, otherwise: str) -> str:
    """The country of a row, as ISO 3166 has it; the default one where the cell is empty. Raises Trouble."""
    text = plain(value).strip().upper()
    if not text:
        return otherwise
    if not is_country(text):
        raise Trouble("is no country in two letters, like DE (ISO 3166)")
    return ISO_COUNTRIES.get(text, text)


def is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha()


def external_id(value: object) -> str:
    """An id of another system, composed (NFC): by eye it is the same id. Raises Trouble."""
    text = unicodedata.normalize("NFC", checked(plain(value).strip()))
    if not text:
        raise Trouble("is empty")
    if len(text) > LONGEST_ID:
        raise Trouble(f"is longer than {LONGEST_ID} characters, the most that an id may have")
    return text


def klaviyo_id(value: object) -> str:
    """An id of a profile. Raises Trouble."""
    text = plain(value).strip()
    if not text:
        raise Trouble("is empty")
    if not ids.is_one(text):
        raise Trouble("can be no id of Klaviyo's: the id field takes only Klaviyo's own ids, others are external ids")
    return text


READERS: dict[str, Callable[[object], str]] = {"email": email, "external_id": external_id, "id": klaviyo_id}
KINDS = ("email", "phone_number", "external_id", "id")
