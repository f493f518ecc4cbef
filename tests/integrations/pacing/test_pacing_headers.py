"""RateLimit headers as Klaviyo writes them, as its documents say, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.pacing.headers import Told, read
from integrations.pacing.windows import Window

SECOND, MINUTE, DAY = Window(75, 1), Window(700, 60), Window(2000, 86_400)
WINDOWS = [SECOND, MINUTE, DAY]
ANYTHING = st.text(max_size=40) | st.from_regex(r"[0-9]+(, ?[0-9]+;w=[0-9]+)*")


def headers(limit: str, left: str = "", reset: str = "") -> dict[str, str]:
    return {"RateLimit-Limit": limit, "RateLimit-Remaining": left, "RateLimit-Reset": reset}


def test_limits_are_read_and_what_is_left_of_a_second_is_not_worth_reading() -> None:
    told = read(WINDOWS, headers("75, 75;w=1, 750;w=60", "73", "0"))
    assert told == [Told(SECOND, 75), Told(MINUTE, 750)]


def test_what_is_left_belongs_to_the_window_with_the_plain_number() -> None:
    told = read(WINDOWS, headers("750, 75;w=1, 750;w=60, 2000;w=86400", "600", "41"))
    assert told == [Told(SECOND, 75), Told(MINUTE, 750, 150, 41), Told(DAY, 2000)]


def test_a_plain_number_alone_means_the_window_of_ours_that_has_it() -> None:
    assert read(WINDOWS, headers("700", "600", "41")) == [Told(MINUTE, 0, 100, 41)]
    assert read(WINDOWS, headers("750", "600", "41")) == []


@pytest.mark.parametrize("limit", ["100, 100;w=60, 100;w=86400", "100;w=60, 1000;w=86400", "x, 100;w=60"])
def test_what_could_be_of_two_windows_or_of_none_is_of_none(limit: str) -> None:
    windows = [Window(100, 60), Window(1000, 86_400)]
    assert all(told.spent == -1 for told in read(windows, headers(limit, "1", "1")))


@pytest.mark.parametrize("limit", ["75, 75;w=1, 1;w=60", "0;w=60", "999999;w=60", "70;w=60, 75;w=60", "750;w=61"])
def test_a_limit_that_cannot_be_is_not_believed(limit: str) -> None:
    assert [told for told in read(WINDOWS, headers(limit)) if told.window == MINUTE] in ([], [Told(MINUTE, 75)])


def test_more_left_than_there_is_tells_nothing() -> None:
    assert read(WINDOWS, headers("700, 700;w=60", "701", "1")) == [Told(MINUTE, 700)]


def test_a_reset_beyond_the_window_is_its_end() -> None:
    assert read(WINDOWS, headers("700, 700;w=60", "0", "86400")) == [Told(MINUTE, 700, 700, 60)]
    assert read(WINDOWS, headers("700, 700;w=60", "0", "soon")) == [Told(MINUTE, 700, 700, 60)]


def test_no_headers_tell_nothing() -> None:
    assert read(WINDOWS, {}) == []


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_they_hold_it_is_read_and_plausible(limit: str, left: str, reset: str) -> None:
    for told in read(WINDOWS, headers(limit, left, reset)):
        assert told.limit == 0 or told.window.requests / 10 <= told.limit <= told.window.requests * 10
        assert -1 <= told.spent <= (told.limit or told.window.requests)
        assert 0 <= told.reset <= told.window.seconds
