"""A sliding-window rate limiter: one budget per (connection, operation), shared by all workers.

A request is counted before it is made. Providers count in fixed windows whose beginning we cannot see. If our own
count never exceeds the limit in any sliding interval a little longer than the window (the spread: how unevenly
requests arrive), no fixed window can see more than the limit. The counters are in Redis where there is one, else in
this process's memory, which is enough for one worker process. While Redis is away, each worker keeps to its share of
the limit. A Redis that has lost its counters grants half the rate for a minute; a 429 that comes of it loses nothing.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from integrations.pacing import headers as rate_headers
from integrations.pacing.memory import Memory
from integrations.pacing.windows import BACKLOG_SHARE, Window, used_by_others

if TYPE_CHECKING:
    from integrations.pacing.redis_counters import Shared

__all__ = [
    "Budget",
    "Memory",
    "Window",
    "block",
    "counts",
    "heed",
    "heed_all",
    "is_shared",
    "limits",
    "remember_redis",
    "take",
    "take_all",
    "used",
    "wait",
    "wait_all",
]

Budget = tuple[str, Sequence[Window]]  # its name, and the windows that it is counted in

JITTER_OF_A_WAIT = 0.1
LONGEST_JITTER = 100.0  # milliseconds: what a whole group of workers waits longer is lost
JITTER_OF_A_BLOCK = 0.1

_memory = Memory()


def take(budget: str, windows: Sequence[Window], *, is_backlog: bool = False) -> timedelta:
    """Spend one request of a budget. Zero: go. Else nothing was spent, and it is worth asking again after that time.

    A backlog may use 85 % of each window, so that what has just happened need not wait for it.
    """
    return take_all([(budget, windows)], is_backlog=is_backlog)


def take_all(budgets: Sequence[Budget], *, is_backlog: bool = False) -> timedelta:
    """Spend one request of each of these budgets, or of none where one has no room."""
    return _take(budgets, is_backlog=is_backlog, requests=1)


def wait(budget: str, windows: Sequence[Window], *, is_backlog: bool = False) -> timedelta:
    """How long until there is room for a request, which is not counted yet; zero where there is."""
    return wait_all([(budget, windows)], is_backlog=is_backlog)


def wait_all(budgets: Sequence[Budget], *, is_backlog: bool = False) -> timedelta:
    """How long until all of these budgets have room for a request."""
    return _take(budgets, is_backlog=is_backlog, requests=0)


def block(budget: str, wait: timedelta) -> None:
    """Close a budget for a while, because the provider refused a request; and be slower for some minutes."""
    longer = wait * random.uniform(1, 1 + JITTER_OF_A_BLOCK)  # noqa: S311
    _memory.block(budget, longer)
    if counters := _shared():
        counters.block(budget, round(longer.total_seconds() * 1000))


def heed(budget: str, windows: Sequence[Window], headers: Mapping[str, str]) -> None:
    """Learn from an answer's RateLimit headers: other limits than ours hold from then on, and others' use counts."""
    for told in rate_headers.read(windows, headers):
        if not (counters := _shared()):
            _heed_here(budget, told)
            continue
        used, limit = _memory.seen(budget, told.window.seconds) or (0, 0)
        is_other_limit = told.limit not in {0, limit}
        if is_other_limit:
            _memory.publish(budget, told.window, told.limit)
        if is_other_limit or used_by_others(limit, used, told.spent):
            counters.heed(budget, told.window, told.limit, told.spent, told.reset * 1000)


def heed_all(budgets: Sequence[Budget], headers: Mapping[str, str]) -> None:
    """The same of a request that was counted in several budgets: one alone can be meant, the one with these limits."""
    for budget, windows in budgets:
        if len(budgets) == 1 or rate_headers.are_about(windows, headers):
            heed(budget, windows, headers)


def used(budget: str, windows: Sequence[Window]) -> float | None:
    """How much of its fullest window a budget has used, from 0 to 1; None while nobody knows."""
    counted = counts(budget, windows)
    return None if counted is None else max((min(n / limit, 1.0) for n, limit in counted), default=0.0)


def counts(budget: str, windows: Sequence[Window]) -> list[tuple[int, int]] | None:
    """(used, limit) of each window of a budget; None while nobody knows."""
    counters = _shared()
    return counters.used(budget, windows) if counters else _memory.used(budget, windows)


def is_shared() -> bool:
    """Whether all processes count together, so that each can tell."""
    return _shared() is not None


def limits(budget: str, windows: Sequence[Window]) -> list[Window]:
    """A budget's windows with the limits that hold now: what the provider has published of late, or ours."""
    counters = _shared()
    counted = (counters.used(budget, windows) if counters else None) or _memory.used(budget, windows)
    return [Window(limit, window.seconds) for (_, limit), window in zip(counted, windows, strict=True)]


def remember_redis() -> None:
    """Let Redis count as one that has kept its counters for long, so that it grants the whole rate: for tests."""
    if counters := _shared():
        counters.remember()


def _take(budgets: Sequence[Budget], *, is_backlog: bool, requests: int) -> timedelta:
    blocked = max(_memory.blocked(budget) for budget, _ in budgets)
    wait = blocked or _counted(budgets, is_backlog=is_backlog, requests=requests)
    jitter = random.uniform(0, min(wait * JITTER_OF_A_WAIT, LONGEST_JITTER))  # noqa: S311 (nothing secret)
    return timedelta(milliseconds=wait + jitter)


def _counted(budgets: Sequence[Budget], *, is_backlog: bool, requests: int) -> int:
    counters = _shared()
    if not counters:
        return _memory.take_all(budgets, is_backlog=is_backlog, requests=requests)
    wait = counters.take_all(budgets, share=BACKLOG_SHARE if is_backlog else 1.0, requests=requests)
    if wait is None:
        workers = settings.WORKERS_AT_MOST
        return _memory.take_all(budgets, is_backlog=is_backlog, workers=workers, requests=requests)
    return wait


def _heed_here(budget: str, told: rate_headers.Told) -> None:
    if told.limit:
        _memory.publish(budget, told.window, told.limit)
    if told.spent >= 0:
        _memory.count_others(budget, told.window, told.spent, told.reset * 1000)


def _shared() -> "Shared | None":
    if not settings.REDIS_URL:
        return None
    from integrations.pacing import redis_counters  # brings redis, which is heavy

    return redis_counters.at(settings.REDIS_URL, _memory)
