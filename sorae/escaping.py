"""Escaping for the log: text from outside begins no line of its own, and commands no terminal."""

import re

# Control characters, what parts lines in Unicode, what hides or turns text round, and halves of characters.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escaped(said: str) -> str:
    """The same text in one line, each such character as JSON writes it, so that JSON stays what it is."""
    return _UNPRINTABLE.sub(_as_json, said)


def _as_json(found: re.Match[str]) -> str:
    character = found.group()
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return _SHORT.get(character) or "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
