"""Rate limits: requests are counted before they are made, in all windows at once, by all workers together.

Runs on Redis where the settings name one, else in this process's memory: the arithmetic is the same.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from integrations import pacing
from integrations.pacing import Window

LONG = Window(5, 3600)
GO = timedelta(0)


@pytest.fixture
def budget() -> str:
    return f"test:{uuid.uuid4()}"


def granted(budget: str, window: Window, asked: int, *, is_backlog: bool = False) -> int:
    return sum(not pacing.take(budget, [window], is_backlog=is_backlog) for _ in range(asked))


def test_a_budget_grants_its_limit_and_then_says_how_long_to_wait(budget: str) -> None:
    assert [pacing.take(budget, [LONG]) for _ in range(5)] == [GO] * 5
    wait = pacing.take(budget, [LONG])
    assert GO < wait <= timedelta(seconds=3600 * 1.02)


def test_to_ask_for_room_spends_nothing(budget: str) -> None:
    assert {pacing.wait(budget, [LONG]) for _ in range(10)} == {GO}
    assert granted(budget, LONG, 10) == 5
    assert GO < pacing.wait(budget, [LONG]) <= timedelta(seconds=3600 * 1.02)


def test_budgets_do_not_share(budget: str) -> None:
    granted(budget, LONG, 5)
    assert pacing.take(f"{budget}:other", [LONG]) == GO


def test_every_window_must_have_room_and_a_refusal_spends_nothing(budget: str) -> None:
    narrow, wide = Window(2, 3600), Window(3, 86_400)
    for _ in range(2):
        assert not pacing.take(budget, [narrow, wide])
    for _ in range(10):
        assert pacing.take(budget, [narrow, wide])
    assert not pacing.take(budget, [wide]), "the refused ones must not have been counted in the wide window"
    assert pacing.take(budget, [wide])


def test_a_backlog_leaves_a_part_to_what_has_just_happened(budget: str) -> None:
    window = Window(100, 3600)
    assert granted(budget, window, 200, is_backlog=True) == 85
    assert granted(budget, window, 200) == 15


def test_a_backlog_gets_the_one_request_of_a_tiny_window(budget: str) -> None:
    assert granted(budget, Window(1, 3600), 3, is_backlog=True) == 1


def test_a_blocked_budget_grants_nothing_until_then(budget: str) -> None:
    pacing.block(budget, timedelta(seconds=30))
    wait = pacing.take(budget, [LONG])
    assert timedelta(seconds=29) < wait <= timedelta(seconds=33.1), "as long as was asked for, or a little longer"


def test_a_short_block_does_not_end_a_long_one(budget: str) -> None:
    pacing.block(budget, timedelta(seconds=30))
    pacing.block(budget, timedelta(seconds=1))
    assert pacing.take(budget, [LONG]) > timedelta(seconds=29)


def test_it_says_how_much_of_its_fullest_window_is_used(budget: str) -> None:
    windows = [Window(10, 3600), Window(100, 86_400)]
    assert pacing.used(budget, windows) == 0.0
    for _ in range(4):
        pacing.take(budget, windows)
    assert pacing.used(budget, windows) == pytest.approx(0.4)


def test_many_workers_together_get_no_more_than_the_limit(budget: str) -> None:
    with ThreadPoolExecutor(16) as workers:
        waits = list(workers.map(lambda _: pacing.take(budget, [Window(100, 3600)]), range(400)))
    assert waits.count(GO) == 100


def test_the_providers_own_limit_holds_from_then_on(budget: str) -> None:
    windows = [Window(20, 1200), Window(100, 3600)]
    pacing.take(budget, windows)
    pacing.heed(budget, windows, {"RateLimit-Limit": "30, 30;w=1200, 50;w=3600"})
    assert sum(not pacing.take(budget, windows) for _ in range(60)) == 29
    pacing.heed(budget, windows, {"RateLimit-Limit": "40, 40;w=1200, 50;w=3600"})
    assert sum(not pacing.take(budget, windows) for _ in range(60)) == 10
    assert sum(not pacing.take(budget, [windows[1]]) for _ in range(60)) == 10


def test_what_others_have_used_is_counted(budget: str) -> None:
    window, headers = Window(100, 3600), {"RateLimit-Limit": "100, 100;w=3600", "RateLimit-Reset": "1800"}
    granted(budget, window, 10)
    pacing.heed(budget, [window], headers | {"RateLimit-Remaining": "89"})
    assert pacing.used(budget, [window]) == pytest.approx(0.1), "a request of ours that is under way makes no others"
    pacing.heed(budget, [window], headers | {"RateLimit-Remaining": "60"})
    assert pacing.used(budget, [window]) == pytest.approx(0.4)
    pacing.heed(budget, [window], headers | {"RateLimit-Remaining": "60"})
    assert granted(budget, window, 200) == 60
    assert pacing.take(budget, [window]) < timedelta(seconds=1830), "others are forgotten when their window ends"


def test_a_header_alone_does_not_stop_a_budget(budget: str) -> None:
    window = Window(100, 3600)
    nothing_left = {"RateLimit-Limit": "100;w=3600", "RateLimit-Remaining": "0", "RateLimit-Reset": "99999"}
    for _ in range(5):
        pacing.heed(budget, [window], nothing_left | {"RateLimit-Limit": "100, 100;w=3600"})
    assert granted(budget, window, 20) == 10


def test_a_request_that_is_counted_in_several_budgets_is_counted_in_all_or_none(budget: str) -> None:
    wide, narrow = (budget, [Window(750, 60), LONG]), (f"{budget} narrow", [Window(3, 3600)])
    assert [pacing.take_all([wide, narrow]) for _ in range(3)] == [GO] * 3
    for _ in range(5):
        assert GO < pacing.take_all([wide, narrow]) <= timedelta(seconds=3600 * 1.02)
        assert GO < pacing.wait_all([narrow, wide]) <= timedelta(seconds=3600 * 1.02)
    assert granted(*wide[:1], LONG, 5) == 2, "the refused ones must not have been counted in the wide budget"
    assert pacing.take_all([wide]) > GO


def test_one_budget_that_is_closed_closes_the_way_through_all(budget: str) -> None:
    pacing.block(f"{budget} other", timedelta(minutes=5))
    both = [(budget, [LONG]), (f"{budget} other", [LONG])]
    assert pacing.take_all(both) > timedelta(minutes=4)
    assert granted(budget, LONG, 10) == 5


def test_a_backlog_leaves_its_part_of_each_budget(budget: str) -> None:
    both = [(budget, [Window(1000, 3600)]), (f"{budget} other", [Window(100, 3600)])]
    assert sum(not pacing.take_all(both, is_backlog=True) for _ in range(200)) == 85
    assert sum(not pacing.take_all(both) for _ in range(200)) == 15
