"""Parses the RateLimit headers of an answer. They come from outside: a value that is unclear is left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.pacing.windows import Window

LONGEST_HEADER = 500
PART = re.compile(r"\s*([0-9]{1,9})\s*(?:;\s*w\s*=\s*([0-9]{1,9})\s*(?:;.*)?)?")
SHORTEST_TOLD = 10  # seconds: what is left of a shorter window is over when the answer is read
PLAUSIBLE = 10  # times more or less than we know of; anything else is a slip


@dataclass(frozen=True)
class Told:
    """One window as the provider counts it: its limit, requests spent, and seconds until they are forgotten."""

    window: Window
    limit: int = 0
    spent: int = -1
    reset: int = 0


def read(windows: Sequence[Window], headers: Mapping[str, str]) -> list[Told]:
    """The limits of these windows that the headers publish (`75, 75;w=1, 750;w=60`), and the requests spent of one."""
    plain, published = _limits(headers.get("RateLimit-Limit", ""))
    limits = {w.seconds: limit for w in windows if _is_plausible(limit := published.get(w.seconds, 0), w.requests)}
    named = published or {window.seconds: window.requests for window in windows}
    meant = [seconds for seconds, limit in named.items() if limit == plain]
    left, reset = _number(headers.get("RateLimit-Remaining", "")), _number(headers.get("RateLimit-Reset", ""))
    told = []
    for window in windows:
        limit = limits.get(window.seconds, 0)
        if meant == [window.seconds] and window.seconds >= SHORTEST_TOLD and left is not None:
            whole = limit or (0 if published else window.requests)
            if left <= whole:
                until = window.seconds if reset is None else min(reset, window.seconds)
                told.append(Told(window, limit, whole - left, until))
                continue
        if limit:
            told.append(Told(window, limit))
    return told


def are_about(windows: Sequence[Window], headers: Mapping[str, str]) -> bool:
    """Whether the headers publish just these limits."""
    _, published = _limits(headers.get("RateLimit-Limit", ""))
    return all(published.get(window.seconds) == window.requests for window in windows)


def _limits(header: str) -> tuple[int | None, dict[int, int]]:
    """The plain first number, and the limits by the seconds of their windows."""
    found = [PART.fullmatch(part) for part in header[:LONGEST_HEADER].split(",")]
    pairs = [(int(part[1]), int(part[2])) for part in found if part and part[2]]
    limits = {seconds: limit for limit, seconds in pairs if len({n for n, s in pairs if s == seconds}) == 1}
    first = found[0]
    return (int(first[1]) if first and not first[2] else None), limits


def _is_plausible(limit: int, ours: int) -> bool:
    return ours <= limit * PLAUSIBLE and limit <= ours * PLAUSIBLE


def _number(header: str) -> int | None:
    text = header.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
