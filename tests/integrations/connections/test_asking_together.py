"""Asking together: however many threads wait for one thing, one of them asks, and all hear its answer."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from integrations.connections import asking_together
from integrations.connections.asking_together import Circles

MANY = 40
AGES = 300.0


@pytest.fixture
def circles() -> Circles[str]:
    return Circles()


def threads(number: int, act: Callable[[], Any]) -> tuple[list[threading.Thread], list[Any]]:
    """So many threads at work, and what they came to, in the order in which they ended."""
    came_to: list[Any] = []

    def run() -> None:
        try:
            came_to.append(act())
        except Exception as error:
            came_to.append(error)

    started = [threading.Thread(target=run) for _ in range(number)]
    for thread in started:
        thread.start()
    return started, came_to


def ended(started: list[threading.Thread]) -> None:
    for thread in started:
        thread.join(AGES)
        assert not thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    gives_up_at = time.monotonic() + AGES
    while not is_so():
        assert time.monotonic() < gives_up_at
        time.sleep(0.005)


def members(circles: Circles[str], key: object = "tea") -> int:
    circle = circles._open.get(key)
    return circle.members if circle else 0


def soon() -> float:
    return time.monotonic() + AGES


def test_one_asks_for_all(circles: Circles[str]) -> None:
    asked, is_ready = [], threading.Event()

    def question() -> str | None:
        asked.append(threading.get_ident())
        assert is_ready.wait(AGES)
        return "ready"

    started, came_to = threads(MANY, lambda: circles.ask("tea", question, soon()))
    until(lambda: members(circles) == MANY)
    is_ready.set()
    ended(started)
    assert came_to == ["ready"] * MANY
    assert len(asked) == 1
    assert not circles._open


def test_who_comes_later_asks_anew(circles: Circles[str]) -> None:
    assert circles.ask("tea", lambda: "black", soon()) == "black"
    assert circles.ask("tea", lambda: "green", soon()) == "green"


def test_what_is_not_the_same_is_asked_by_itself(circles: Circles[str]) -> None:
    is_ready = threading.Event()
    started, came_to = threads(1, lambda: circles.ask("tea", lambda: "late" if is_ready.wait(AGES) else None, soon()))
    until(lambda: members(circles) == 1)
    assert circles.ask("coffee", lambda: "at once", soon()) == "at once"
    is_ready.set()
    ended(started)
    assert came_to == ["late"]


def test_who_gives_up_leaves_it_to_the_next(circles: Circles[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking_together, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(asking_together, "SHORTEST_SECONDS", 0.01)
    is_ready, may_give_up = threading.Event(), threading.Event()
    first, of_first = threads(1, lambda: circles.ask("tea", lambda: None if may_give_up.wait(AGES) else "never", 0.0))
    until(lambda: members(circles) == 1)
    others, of_others = threads(
        MANY, lambda: circles.ask("tea", lambda: "ready" if is_ready.is_set() else None, soon())
    )
    until(lambda: members(circles) == MANY + 1)
    may_give_up.set()
    ended(first)
    assert of_first == [None]
    assert of_others == []
    is_ready.set()
    ended(others)
    assert of_others == ["ready"] * MANY


def test_who_breaks_off_breaks_nobody_elses_waiting(circles: Circles[str]) -> None:
    may_break = threading.Event()

    def broken() -> str:
        assert may_break.wait(AGES)
        raise OSError("of the one who asked")

    first, of_first = threads(1, lambda: circles.ask("tea", broken, soon()))
    until(lambda: members(circles) == 1)
    others, of_others = threads(MANY, lambda: circles.ask("tea", lambda: "ready", soon()))
    until(lambda: members(circles) == MANY + 1)
    may_break.set()
    ended([*first, *others])
    assert [type(error) for error in of_first] == [OSError]
    assert of_others == ["ready"] * MANY


def test_who_has_no_patience_asks_once_or_goes_on_without(circles: Circles[str]) -> None:
    asked: list[int] = []
    assert circles.ask("tea", lambda: asked.append(1), 0.0) is None
    assert asked == [1]
    is_ready = threading.Event()
    started, _came_to = threads(1, lambda: circles.ask("tea", lambda: "late" if is_ready.wait(AGES) else None, soon()))
    until(lambda: members(circles) == 1)
    assert circles.ask("tea", lambda: "never asked", 0.0) is None
    is_ready.set()
    ended(started)


def test_the_longer_it_takes_the_rarer_is_the_question() -> None:
    circle: Any = asking_together._Circle()
    breaths = []
    for waited in (0.0, 1.0, 60.0):
        circle.began_at = time.monotonic() - waited
        breaths.append(max(circle.breath() for _ in range(50)))
    assert breaths[0] < breaths[1] < breaths[2] <= 1.5 * asking_together.LONGEST_SECONDS
