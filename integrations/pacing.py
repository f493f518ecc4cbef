"""One budget per (connection, operation), shared by all workers: a request is counted before it is made.

Providers count in fixed windows whose beginning we cannot see. If our own count never exceeds the limit in any
sliding interval a little longer than the window (the slack covers how unevenly requests arrive), no fixed
window can see more than the limit. Counters live in sub-windows: in Redis where there is one, by its clock and in
one atomic call for all windows; else in this process's memory, which is enough for one worker process.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import redis
from django.conf import settings

SLOTS = 20
SLACK_SLOTS = 2  # counted beyond the window: one for a slot's width, one for uneven arrival
SHARE_WITHOUT_REDIS = 0.25  # of the limit, for each process, while the shared counters are away


@dataclass(frozen=True)
class Window:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: int


def take(budget: str, windows: Sequence[Window]) -> timedelta:
    """Spend one request of a budget. Zero: go. Else nothing was spent, and it is worth asking again after that time."""
    if not settings.REDIS_URL:
        return timedelta(milliseconds=_memory.take(budget, windows, 1.0))
    try:
        flat = [n for window in windows for n in (window.requests, window.seconds * 1000)]
        wait = _script()(keys=[f"sorae:pace:{{{budget}}}"], args=[SLOTS, SLACK_SLOTS, *flat])
        return timedelta(milliseconds=int(wait))
    except redis.RedisError:
        return timedelta(milliseconds=_memory.take(budget, windows, SHARE_WITHOUT_REDIS))


def block(budget: str, wait: timedelta) -> None:
    """Close a budget for a while, because the provider said so."""
    _memory.block(budget, wait)
    if settings.REDIS_URL:
        try:
            _client().set(f"sorae:pace:{{{budget}}}:blocked", 1, px=max(int(wait.total_seconds() * 1000), 1))
        except redis.RedisError:
            return


class Memory:
    """The counters of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        self._blocked_until: dict[str, float] = {}

    def take(self, budget: str, windows: Sequence[Window], share: float) -> int:
        """Milliseconds to wait; 0 when the request was counted."""
        now = int(time.monotonic() * 1000)
        with self._lock:
            blocked = int(self._blocked_until.get(budget, 0) * 1000) - now
            wait = max([blocked, *(self._wait(budget, window, now, share) for window in windows)])
            if wait > 0:
                return wait
            for window in windows:
                slot = now * SLOTS // (window.seconds * 1000)
                slots = self._slots[budget, window.seconds]
                slots[slot] = slots.get(slot, 0) + 1
        return 0

    def block(self, budget: str, wait: timedelta) -> None:
        with self._lock:
            self._blocked_until[budget] = time.monotonic() + wait.total_seconds()

    def forget(self) -> None:
        """Start with empty counters."""
        with self._lock:
            self._slots.clear()
            self._blocked_until.clear()

    def _wait(self, budget: str, window: Window, now: int, share: float) -> int:
        width = window.seconds * 1000 / SLOTS
        current = int(now // width)
        slots = self._slots[budget, window.seconds]
        for old in [slot for slot in slots if slot <= current - SLOTS - SLACK_SLOTS]:
            del slots[old]
        if sum(slots.values()) < max(int(window.requests * share), 1):
            return 0
        return max(int((min(slots) + SLOTS + SLACK_SLOTS) * width) - now, 1)


# The same arithmetic as Memory, for all workers at once. Returns milliseconds to wait, or 0.
LUA = """
local blocked = redis.call('PTTL', KEYS[1] .. ':blocked')
local wait = math.max(blocked, 0)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local kept = ARGV[1] + ARGV[2]
for i = 3, #ARGV, 2 do
  local limit, length = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local width, key = length / ARGV[1], KEYS[1] .. ':' .. length
  local current, used, oldest = math.floor(now / width), 0, nil
  local slots = redis.call('HGETALL', key)
  for j = 1, #slots, 2 do
    local slot = tonumber(slots[j])
    if slot <= current - kept then redis.call('HDEL', key, slots[j])
    else
      used = used + slots[j + 1]
      if not oldest or slot < oldest then oldest = slot end
    end
  end
  if used >= limit then wait = math.max(wait, (oldest + kept) * width - now, 1) end
end
if wait > 0 then return math.ceil(wait) end
for i = 3, #ARGV, 2 do
  local length = tonumber(ARGV[i + 1])
  local key = KEYS[1] .. ':' .. length
  redis.call('HINCRBY', key, math.floor(now / (length / ARGV[1])), 1)
  redis.call('PEXPIRE', key, length * 2)
end
return 0
"""

_memory = Memory()


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)


@cache
def _script() -> "redis.commands.core.Script":
    return _client().register_script(LUA)
