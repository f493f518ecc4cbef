"""Masked e-mail addresses, for whatever leaves the site."""

import re

_ADDRESS = re.compile(r"""(?:"[^"]*"|[^\s<>()\[\]{},;:"']+)(?:@|%40)[^\s<>()\[\]{},;:"']*""")


def masked(email: str) -> str:
    """What tells two people apart without naming them: b…n@f…s.test."""
    local, at, domain = email.rpartition("@")
    name, dot, end = domain.rpartition(".")
    return f"{_shortened(local)}{at}{_shortened(name)}{dot}{end}" if at else _shortened(email)


def within(text: str) -> str:
    """A text with each address in it masked: what a mail server says often names whom it refuses."""
    return _ADDRESS.sub(lambda found: masked(found[0].replace("%40", "@")), text)


def _shortened(word: str) -> str:
    return f"{word[0]}…{word[-1]}" if len(word) > 2 else "…"
