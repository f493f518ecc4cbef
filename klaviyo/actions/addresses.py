"""Addresses within a text, however long it is: each is looked for around its @, which costs no more than the text."""

import re
from collections.abc import Iterator

AROUND = 254  # characters: https://www.rfc-editor.org/errata/eid1690
_BEFORE = re.compile(r"[^\s<>()\[\],;:\"'@]+\Z")
_AFTER = re.compile(r"[^\s<>()\[\],;:\"'@&]+\.[^\s<>()\[\],;:\"'@&]+")


def within(text: str, *, is_form: bool = False) -> Iterator[str]:
    """The e-mail addresses in a text; in a form, names stand before = and & parts its fields."""
    at = text.find("@")
    while at >= 0:
        before = _BEFORE.search(text[max(0, at - AROUND) : at])
        after = _AFTER.match(text[at + 1 : at + 1 + AROUND])
        if before and after:
            name = re.split("[&=]", before[0])[-1] if is_form else before[0]
            yield from [f"{name}@{after[0]}"] if name else []
        at = text.find("@", at + 1)
