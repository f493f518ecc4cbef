"""Addresses within a text: of e-mail, and phone numbers; however it is written, in a form, escaped or encoded.

Each is looked for around its @, which costs no more than the text. Rather one too many than one too few is found.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote_plus

AROUND = 254  # characters: https://www.rfc-editor.org/errata/eid1690
DEEPEST = 3  # times that a text may be written within another one

_STOPS = r"\s<>()\[\],;:\"@{}|\\\u2039\u203a\u00ab\u00bb\u201c-\u201e\u2018\u2019"
_BEFORE = re.compile(rf"[^{_STOPS}]+\Z")
_AFTER = re.compile(rf"[^{_STOPS}'&]+\.[^{_STOPS}'&]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}(?!\d)")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")
MAY_NAME = re.compile(r"[@+%\\]|[A-Za-z0-9+/\s]{16}")  # without any of these, none of the above finds anything


def within(text: str) -> Iterator[str]:
    """The e-mail addresses in a text, and the phone numbers that are written as E.164."""
    if MAY_NAME.search(text):
        yield from _found(text)


def _found(text: str) -> Iterator[str]:
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
