"""Rate limits counted in Redis, for all workers at once: each call is one atomic Lua script, by Redis's own clock.

Redis runs a script as a whole before any other command: https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

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

log = logging.getLogger(__name__)


class Shared:
    """The budgets in one Redis. An answer of None means that Redis is away."""

    def __init__(self, url: str, memory: Memory) -> None:
        # A connection that an idle hour has closed is made anew at once; a time-out is not tried twice.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        # Without driver_info, which it looks up among all packages and tells the server in two more commands:
        # https://redis.io/docs/latest/commands/client-setinfo/
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            retry=again,
            driver_info=None,
        )
        self._scripts = {
            name: self._client.register_script(_source(name)) for name in ("take", "used", "heed", "block")
        }
        self._memory = memory
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def take(self, budget: str, windows: Sequence[Window], *, share: float, requests: int = 1) -> int | None:
        """Milliseconds to wait; 0 when so many requests, one or none, were counted."""
        return self.take_all([(budget, windows)], share=share, requests=requests)

    def take_all(
        self, budgets: Sequence[tuple[str, Sequence[Window]]], *, share: float, requests: int = 1
    ) -> int | None:
        """The same of several budgets: the requests are counted in each of them, or in none."""
        (first, _), *others = budgets
        windows = [window for _, each in budgets for window in each]
        lengths = [len(each) for _, each in others]
        names = [budget for budget, each in budgets for _ in each]
        states = [budget for budget, _ in others]
        answer = self._ask("take", first, windows, share, requests, *lengths, names=names, states=states)
        if answer is None:
            return None
        wait, *seen = answer
        is_granted = requests > 0 and not wait
        for budget, each in budgets:
            told, seen = seen[: 2 * len(each)], seen[2 * len(each) :]
            self._memory.note(budget, each, told, is_granted=is_granted)
        return wait

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
        """Let this Redis count as one that has kept its counters for long."""
        self._client.hset("sorae:pace:memory", "since", "0")

    def _ask(
        self,
        name: str,
        budget: str,
        windows: Sequence[Window],
        *own: float,
        names: Sequence[str] = (),
        states: Sequence[str] = (),
    ) -> list[int] | None:
        """What a script answers; `names` are the windows' budgets where they have several, `states` the other ones."""
        if time.monotonic() < self._rests_until:
            return None
        counted = zip(names or [budget] * len(windows), windows, strict=True)
        keys = ["sorae:pace:memory", _key(budget), *(f"{_key(name)}:{window.seconds}" for name, window in counted)]
        keys += [_key(state) for state in states]
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


def _key(budget: str) -> str:
    return f"sorae:pace:{{{budget}}}"


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
