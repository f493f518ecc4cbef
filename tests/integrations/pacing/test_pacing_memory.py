"""Rate limits in the memory of one process, by a clock of our own: which requests are granted, and to the request."""

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from operator import add

import pytest

from integrations.pacing import Memory, Window
from integrations.pacing.windows import most, recovered

EVENTS = [Window(350, 1), Window(3500, 60)]


@dataclass
class Clock:
    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Memory:
    return Memory(clock)


def grants(memory: Memory, clock: Clock, windows: list[Window], seconds: float) -> list[float]:
    """When requests were granted to somebody who always wants one and waits as he is told."""
    granted, until = [], clock.at + seconds
    while clock.at < until:
        wait = memory.take("events", windows)
        if not wait:
            granted.append(clock.at)
        clock.at += wait / 1000 or 0.003
    return granted


def most_in(granted: list[float], seconds: float) -> int:
    """The most that any interval of so many seconds saw."""
    most, start = 0, 0
    for end, at in enumerate(granted):
        while granted[start] <= at - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def test_no_interval_sees_more_than_the_limit_however_unevenly_requests_arrive(memory: Memory, clock: Clock) -> None:
    granted = grants(memory, clock, EVENTS, 400)
    assert most_in(granted, 60.25) == 3489
    assert most_in(granted, 1.95) == 349
    chance = random.Random(7)
    delays = (chance.uniform(0, 0.25) if chance.random() > 0.01 else chance.uniform(0.25, 0.9) for _ in granted)
    arrived = sorted(map(add, granted, delays))
    assert most_in(arrived, 60) <= 3500
    assert most_in(arrived, 1) <= 350


@pytest.mark.parametrize("phase", range(0, 60, 4))
def test_four_whole_minutes_of_any_phase_see_97_percent_of_the_limit(memory: Memory, clock: Clock, phase: int) -> None:
    first = clock.at + phase
    granted = grants(memory, clock, EVENTS, 310)
    assert sum(first <= at < first + 240 for at in granted) >= 4 * 3500 * 0.97


@pytest.mark.parametrize(("burst", "steady"), [(1, 15), (3, 60), (10, 150), (75, 750), (350, 3500)])
def test_the_slack_of_a_second_costs_a_minute_nothing(burst: int, steady: int) -> None:
    second = Window(burst, 1)
    assert burst * 60_000 / (second.kept * second.width) >= steady


@pytest.mark.parametrize("seconds", [1, 2, 5, 60, 3600, 86_400])
def test_a_request_counts_for_its_window_and_hardly_longer(seconds: int) -> None:
    window = Window(1, seconds)
    shortest, longest = (window.kept - 1) * window.width, window.kept * window.width
    assert shortest >= window.length + 250
    assert seconds < 60 or longest <= window.length * 1.009


def test_the_wait_that_is_named_is_enough_and_not_too_long(memory: Memory, clock: Clock) -> None:
    window = Window(3, 60)
    for _ in range(3):
        assert memory.take("b", [window]) == 0
    wait = memory.take("b", [window])
    clock.at += wait / 1000 - 0.002
    assert 0 < memory.take("b", [window]) <= 2
    clock.at += 0.002
    assert memory.take("b", [window]) == 0


def test_the_wait_is_enough_after_the_limit_has_shrunk(memory: Memory, clock: Clock) -> None:
    window = Window(10, 60)
    for _ in range(10):
        memory.take("b", [window])
        clock.at += 1
    memory.publish("b", window, 4)
    clock.at += memory.take("b", [window]) / 1000
    assert memory.take("b", [window]) == 0
    assert memory.take("b", [window]) > 0


def test_a_refusal_makes_a_budget_slower_and_it_recovers_by_the_minute(memory: Memory, clock: Clock) -> None:
    window, rates = Window(100, 10), []
    memory.block("b", timedelta(seconds=1))
    memory.block("b", timedelta(seconds=1))
    for _ in range(8):
        clock.at += 60
        rates.append(sum(not memory.take("b", [window]) for _ in range(200)))
    assert rates == [75, 80, 85, 90, 95, 100, 100, 100], "two refusals of one moment count once"


def test_a_budget_is_never_slower_than_the_least_factor(memory: Memory, clock: Clock) -> None:
    for _ in range(9):
        memory.block("b", timedelta(seconds=1))
        clock.at += 2
    assert sum(not memory.take("b", [Window(100, 10)]) for _ in range(200)) == 30
    assert recovered(0.3, 60_000 * 60) == 1.0


def test_of_several_workers_each_keeps_to_its_share(memory: Memory, clock: Clock) -> None:
    assert sum(not memory.take("b", [Window(100, 60)], workers=4) for _ in range(100)) == 25
    tiny, granted = Window(1, 1), []
    for _ in range(4000):
        if not memory.take("tiny", [tiny], workers=4):
            granted.append(clock.at)
        clock.at += 0.01
    assert min(b - a for a, b in pairwise(granted)) >= 4, "a limit that is less than one each is shared by turns"
    assert len(granted) >= 9


def test_a_share_is_never_nothing() -> None:
    assert (most(1, 0.1), most(20, 0.85), most(100, 0.7)) == (1, 17, 70)
    assert Window(1, 60).for_one_of(1) == Window(1, 60)


def test_budgets_that_nobody_uses_are_dropped(memory: Memory, clock: Clock) -> None:
    for number in range(1001):
        memory.take(f"b{number}", EVENTS)
    clock.at += 121
    memory.take("last", EVENTS)
    assert list(memory._budgets) == ["last"]
