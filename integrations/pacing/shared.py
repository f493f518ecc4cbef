"""Budgets in Redis, for all workers at once: each question is one atomic script, by Redis's own clock."""

import logging
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.pacing import windows as arithmetic
from integrations.pacing.memory import Memory
from integrations.pacing.windows import Window

TIMEOUT_SECONDS = 0.4
RESTS_SECONDS = 5.0  # a Redis that does not answer is not asked again for so long: not every call pays for it
STATE_FOR = 2 * arithmetic.PUBLISHED_FOR  # longer than any block, limit or lowered factor holds
TELL_FIRST = -1
MOST_TELLINGS = 3

log = logging.getLogger(__name__)


class Shared:
    """The budgets in one Redis. An answer of None means that Redis is away."""

    def __init__(self, url: str, memory: Memory) -> None:
        # A connection that an idle hour has closed is made anew at once; a time-out is not tried twice.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS, retry=again
        )
        self._scripts = {
            name: self._client.register_script(_source(name)) for name in ("take", "used", "heed", "block")
        }
        self._memory = memory
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def take(self, budget: str, windows: Sequence[Window], *, share: float, requests: int = 1) -> int | None:
        """Milliseconds to wait; 0 when so many requests, one or none, were counted."""
        for _ in range(MOST_TELLINGS):
            untold = self._memory.untold(budget)
            told = [
                number
                for at, window in enumerate(windows, 1)
                for age, requests in self._memory.ages(untold, window)
                for number in (at, age, requests)
            ]
            known_as = self._memory.memory_of(budget)
            answer = self._ask("take", budget, windows, known_as, share, requests, int(untold.is_total), *told)
            if untold.counts and (answer is None or answer[0] == TELL_FIRST):
                self._memory.give_back(budget, untold)
            if answer is None:
                return None
            self._memory.told_to(budget, answer[1])
            if answer[0] != TELL_FIRST:
                self._memory.note(budget, windows, answer[2:], is_granted=requests > 0 and not answer[0])
                return answer[0]
        return None

    def block(self, budget: str, milliseconds: int) -> None:
        self._ask("block", budget, (), milliseconds)

    def heed(self, budget: str, window: Window, limit: int, spent: int, reset: int) -> None:
        if answer := self._ask("heed", budget, [window], limit, spent, reset):
            self._memory.note(budget, [window], answer, is_granted=False)

    def used(self, budget: str, windows: Sequence[Window]) -> list[tuple[int, int]] | None:
        """(used, limit) of each window."""
        answer = self._ask("used", budget, windows)
        return None if answer is None else list(zip(answer[::2], answer[1::2], strict=True))

    def remember(self) -> None:
        """This Redis counts as known for long."""
        with self._client.pipeline() as steps:
            steps.hsetnx("sorae:pace:memory", "name", str(time.time_ns() // 1_000_000))
            steps.hset("sorae:pace:memory", "since", "0")
            steps.execute()

    def _ask(self, name: str, budget: str, windows: Sequence[Window], *own: float) -> list[int] | None:
        if time.monotonic() < self._rests_until:
            return None
        key = f"sorae:pace:{{{budget}}}"
        keys = ["sorae:pace:memory", key, *(f"{key}:{window.seconds}" for window in windows)]
        try:
            answer = self._scripts[name](keys=keys, args=[*_described(tuple(windows)), *own])
            return [int(number) for number in answer.split()]
        except redis.RedisError as error:
            self._rest(error)
            return None

    def _rest(self, error: redis.RedisError) -> None:
        with self._lock:
            was_resting = time.monotonic() < self._rests_until
            self._rests_until = time.monotonic() + RESTS_SECONDS
        if not was_resting:
            log.warning("Redis does not count for us (%s): each worker keeps to its share.", type(error).__name__)


def _source(name: str) -> str:
    """A script, with the numbers and the beginning that all share."""
    numbers = {key: value for key, value in vars(arithmetic).items() if key.isupper()} | {"STATE_FOR": STATE_FOR}
    folder = Path(__file__).parent
    return "\n".join(
        [
            *(f"local {key} = {value}" for key, value in numbers.items()),
            (folder / "windows.lua").read_text(),
            (folder / f"{name}.lua").read_text(),
        ]
    )


@cache
def _described(windows: tuple[Window, ...]) -> list[bytes]:
    """Windows as scripts read them."""
    each = [n for window in windows for n in (window.requests, window.length, window.width, window.kept)]
    return [str(number).encode() for number in (len(windows), *each)]


@cache
def at(url: str, memory: Memory) -> Shared:
    """The budgets in this Redis."""
    return Shared(url, memory)
