"""Consent: only a word that was ticked is a yes; every other one means nothing, and is no no."""

from collections.abc import Callable
from datetime import datetime

from klaviyo.syncs.columns import dates
from klaviyo.syncs.columns.cells import Trouble, is_word


def says_yes(value: object, words: frozenset[str]) -> bool:
    """Whether the cell holds one of the words, written just so."""
    return value is not None and is_word(value, words)


def time(read: Callable[[object, list[str]], datetime], value: object, warnings: list[str], now: datetime) -> str:
    """When they said yes. Raises Trouble where that is not told, or is still to come."""
    if value is None or value == "":
        raise Trouble("is empty: tell when they said yes")
    moment = read(value, warnings)
    if moment > now:
        raise Trouble("lies in the future: nobody has said yes yet")
    return dates.told(moment)
