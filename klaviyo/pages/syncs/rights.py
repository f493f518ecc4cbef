"""Rights on syncs: who looks, who edits, who runs, and who sees the people in them."""

import re

from klaviyo.pages import masking

VIEW, ADD, CHANGE, DELETE = (f"klaviyo.{verb}_sync" for verb in ("view", "add", "change", "delete"))
RUN, PEOPLE = "klaviyo.run_sync", "klaviyo.see_synced_people"

_DIGITS = re.compile(r"\+?\d[\d\s().-]{4,}\d")


def hidden(text: str) -> str:
    """The same without addresses and numbers, for who may not see people."""
    return _DIGITS.sub("…", masking.within(text))


def short(text: str) -> str:
    """A key or an identity that tells two people apart without naming them."""
    if "@" in text:
        return masking.within(text)
    return f"{text[0]}…{text[-1]}" if len(text) > 4 else "…"
