"""Failpoints (fault injection): places where something can happen to a worker, wrapped around its functions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from integrations import connections, outbox, pacing, pauses, shutdown
from integrations.connections import oauth, renewal
from integrations.outbox import leasing, wake_ups
from integrations.wire import attempts
from integrations.workers import account_slots, in_bulk
from klaviyo.api import answers, profile_search, transport
from klaviyo.imports import results
from klaviyo.profiles import import_job


class Killed(BaseException):
    """A worker that is no more; no code of ours sees it coming."""


class Fault(Exception):
    """A fault of our own, where nobody has thought of one."""


@dataclass(frozen=True)
class Point:
    """Right before or after certain functions. `needs` says what must be so for a worker to come by."""

    name: str
    functions: tuple[tuple[Any, str], ...]
    is_after: bool = False
    needs: str = ""


SETTLING = tuple((outbox, name) for name in ("settle", "settle_taken", "settle_all", "give_back"))
POINTS = (
    Point("heard", ((wake_ups, "heard"),), is_after=True),
    Point("slot", ((account_slots, "one"),)),
    Point("before_claim", ((outbox, "claim"),)),
    Point("after_claim", ((outbox, "claim"),), is_after=True),
    Point("before_look_up", ((profile_search, "find"),)),
    Point("after_look_up", ((profile_search, "find"),), is_after=True),
    Point("after_keep", ((outbox, "keep"),), is_after=True),
    Point("before_budget", ((pacing, "take_all"),)),
    Point("before_token", ((connections, "access"),)),
    Point("before_last_look", ((leasing, "check"),)),
    Point("before_http", ((transport, "send"),)),
    Point("after_http", ((transport, "send"),), is_after=True),
    Point("after_reading", ((answers, "read"),), is_after=True),
    Point("before_record", ((attempts, "finish"),)),
    Point("after_record", ((attempts, "finish"),), is_after=True),
    Point("before_settle", SETTLING),
    Point("after_settle", SETTLING, is_after=True),
    Point("before_pause_ends", ((pauses, "passed"),)),
    Point("before_refresh_http", ((oauth, "refresh"),), needs="a dead token"),
    Point("after_refresh_http", ((oauth, "refresh"),), is_after=True, needs="a dead token"),
    Point("after_refresh", ((renewal, "_stored"),), is_after=True, needs="a dead token"),
    Point("before_sweep", ((outbox, "give_back_expired"),), needs="a sweep"),
    Point("in_on_commit", ((wake_ups, "now"),), needs="a fact"),
)
OF_IMPORTS = (
    Point("before_import", ((in_bulk, "send"),)),
    Point("before_job", ((import_job, "begin"),)),
    Point("after_job", ((import_job, "begin"),), is_after=True),
    Point("before_look", ((results, "_look_at"),), needs="a look"),
    Point("before_end", ((results, "_end"),), needs="a look"),
    Point("after_end", ((results, "_end"),), is_after=True, needs="a look"),
)


def crash() -> None:
    raise Killed


def fail() -> None:
    raise Fault


def ask_to_end() -> None:
    shutdown.ask()


MODES: dict[str, Callable[[], None]] = {"crash": crash, "raise": fail, "SIGTERM": ask_to_end}


@contextmanager
def armed(point: Point, act: Callable[[], None]) -> Iterator[list[str]]:
    """The first time that a worker comes by, this happens. Gives what was come by; a dead worker is no trouble here."""
    passed: list[str] = []

    def happen(name: str) -> None:
        passed.append(name)
        if len(passed) == 1:
            act()

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in point.functions:
            patch.setattr(owner, name, _wrapped(getattr(owner, name), name, happen, is_after=point.is_after))
        try:
            yield passed
        except (Killed, Fault):
            assert act in (crash, fail)
        finally:
            shutdown._is_asked = False


def _wrapped(function: Callable[..., Any], name: str, happen: Callable[[str], None], *, is_after: bool) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not is_after:
            happen(name)
        answer = function(*args, **kwargs)
        if is_after:
            happen(name)
        return answer

    return wrapper
