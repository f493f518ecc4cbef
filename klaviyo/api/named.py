"""Names in what is kept of a run: people's addresses, numbers and ids, however they are written, and what ties them."""

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus

from integrations import reasons
from integrations.outbox import retention
from klaviyo.api import values
from klaviyo.api.answers import members

AROUND = 254  # characters: https://www.rfc-editor.org/errata/eid1690
IDS = ("id", "klaviyo_id", "from_id", "profile_id", "external_id", "reference", "phone_number")
DEEPEST = 3  # times that a text may be written within another one

_STOPS = r"\s<>()\[\],;:\"@{}|\\\u2039\u203a\u00ab\u00bb\u201c-\u201e\u2018\u2019"
_BEFORE = re.compile(rf"[^{_STOPS}]+\Z")
_AFTER = re.compile(rf"[^{_STOPS}'&]+\.[^{_STOPS}'&]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}(?!\d)")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")
_MAY_NAME = re.compile(r"[@+%\\]|[A-Za-z0-9+/\s]{16}")  # without any of these, none of the above finds anything


def names_in(value: Any) -> set[str]:
    """All names of people in it: too many rather than too few, so that an erasure finds it."""
    texts: set[str] = set()
    found: set[str] = set()
    for name, text in _texts(value):
        texts.add(text)
        if name in IDS and text:
            found.add(text)
    return found.union(*(_in_text(text) for text in texts if _MAY_NAME.search(text)))


def ties(value: Any, emails: Collection[str]) -> set[str]:
    """The other names of whoever has one of these addresses, where both stand in one object."""
    found: set[str] = set()
    match value:
        case Mapping():
            inner = members(value.get("attributes"))
            both = {**value, **{name: one for name, one in inner.items() if name != "id"}}
            if values.address(str(both.get("email") or "")) in emails:
                found |= {str(both[name]) for name in IDS if both.get(name) and isinstance(both[name], str)}
            for one in value.values():
                found |= ties(one, emails)
        case list() | tuple():
            for one in value:
                found |= ties(one, emails)
    return found


def reworded(outcome: str, codes: Sequence[str], reason: str) -> str:
    """The reason of a run without people: Klaviyo's own words may quote what it refused."""
    is_klaviyos = outcome == "failure" and not any(map(reasons.is_known, codes))
    return retention.REFUSED if is_klaviyos and reason else retention.without_people(reason)


def _in_text(text: str) -> Iterator[str]:
    for one in _readings(text, DEEPEST):
        yield from _PHONE.findall(one)
        at = one.find("@")
        while at >= 0:
            before = _BEFORE.search(one[max(0, at - AROUND) : at])
            after = _AFTER.match(one[at + 1 : at + 1 + AROUND])
            if before and after:
                yield from _spellings(before[0], after[0].strip("."))
            at = one.find("@", at + 1)


def _spellings(before: str, after: str) -> set[str]:
    """What stands before the @ may be all of the name, or only its end."""
    ends = {before, before.strip("'."), *(re.split(f"[{mark}]", before)[-1] for mark in ("'", "&=", "&='", "/", "&=/"))}
    return {f"{one}@{after}" for one in ends if one}


def _readings(text: str, deepest: int) -> Iterator[str]:
    """A text, and what it is when it is decoded."""
    yield text
    if not deepest:
        return
    others = set()
    if "%" in text:
        others.add(unquote_plus(text))
    if "\\u" in text:
        others.add(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
    if "@" not in text and _BASE64.fullmatch(text):
        with suppress(binascii.Error, ValueError):
            others.add(base64.b64decode(text).decode("utf-8", "replace"))
    for other in others - {text}:
        yield from _readings(other, deepest - 1)


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    left = [(name, value)]  # no recursion, as generators within each other hand on every text at every level
    while left:
        name, value = left.pop()
        match value:
            case str():
                yield name, value
            case dict() | Mapping():
                is_of_another = value.get("type", "profile") != "profile"
                for key, inner in value.items():
                    yield "", str(key)
                    left.append(("" if is_of_another and key == "id" else str(key), inner))
            case list() | tuple():
                left += [(name, inner) for inner in value]
