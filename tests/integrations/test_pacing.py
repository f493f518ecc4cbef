"""Budgets: counted before the request, in all windows at once, by all workers together.

Runs on Redis where the settings name one, else in this process's memory: the arithmetic is the same.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from integrations import pacing
from integrations.pacing import Memory, Window

LONG = Window(5, 3600)


@pytest.fixture
def budget() -> str:
    return f"test:{uuid.uuid4()}"


def test_a_budget_grants_its_limit_and_then_says_how_long_to_wait(budget: str) -> None:
    assert [pacing.take(budget, [LONG]) for _ in range(5)] == [timedelta(0)] * 5
    wait = pacing.take(budget, [LONG])
    assert timedelta(0) < wait <= timedelta(seconds=3600 * 1.1)


def test_budgets_do_not_share(budget: str) -> None:
    for _ in range(5):
        pacing.take(budget, [LONG])
    assert pacing.take(f"{budget}:other", [LONG]) == timedelta(0)


def test_every_window_must_have_room_and_a_refusal_spends_nothing(budget: str) -> None:
    narrow, wide = Window(2, 3600), Window(3, 86_400)
    for _ in range(2):
        assert not pacing.take(budget, [narrow, wide])
    for _ in range(10):
        assert pacing.take(budget, [narrow, wide])
    assert not pacing.take(budget, [wide]), "the refused ones must not have been counted in the wide window"
    assert pacing.take(budget, [wide])


def test_a_blocked_budget_grants_nothing_until_then(budget: str) -> None:
    pacing.block(budget, timedelta(seconds=30))
    wait = pacing.take(budget, [LONG])
    assert timedelta(seconds=29) < wait <= timedelta(seconds=30)


def test_many_workers_together_get_no_more_than_the_limit(budget: str) -> None:
    with ThreadPoolExecutor(16) as workers:
        waits = list(workers.map(lambda _: pacing.take(budget, [Window(100, 3600)]), range(400)))
    assert waits.count(timedelta(0)) == 100


def test_no_interval_of_a_windows_length_sees_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("integrations.pacing.time.monotonic", lambda: now)
    memory, window = Memory(), Window(35, 1)
    granted = []
    while now < 1_020:
        if memory.take("b", [window], 1.0) == 0:
            granted.append(now)
        now += 0.003
    most = max(sum(1 for other in granted if start <= other < start + window.seconds) for start in granted)
    assert most <= window.requests
    assert len(granted) >= 35 * 20 * 0.85, "the slack costs little of the limit"


def test_the_wait_that_is_named_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("integrations.pacing.time.monotonic", lambda: now)
    memory = Memory()
    for _ in range(3):
        assert memory.take("b", [Window(3, 60)], 1.0) == 0
    now += memory.take("b", [Window(3, 60)], 1.0) / 1000
    assert memory.take("b", [Window(3, 60)], 1.0) == 0


def test_without_redis_each_process_keeps_to_a_share(
    monkeypatch: pytest.MonkeyPatch, settings: "pytest.FixtureRequest", budget: str
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # type: ignore[attr-defined]
    pacing._client.cache_clear()
    pacing._script.cache_clear()
    try:
        granted = sum(not pacing.take(budget, [Window(100, 3600)]) for _ in range(100))
    finally:
        pacing._client.cache_clear()
        pacing._script.cache_clear()
    assert granted == 25
