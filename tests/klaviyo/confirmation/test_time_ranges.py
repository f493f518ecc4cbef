"""Which ranges of time are asked for."""

from datetime import UTC, datetime, timedelta

from klaviyo.confirmation.time_ranges import LONGEST, SHORTEST, TimeRanges

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def minutes(*numbers: float) -> list[datetime]:
    return [NOON + timedelta(minutes=number) for number in numbers]


def test_what_lies_close_together_is_one_stretch() -> None:
    found = list(TimeRanges().over(minutes(0, 0.5, 1.5, 9, 9, 30)))
    assert found == [tuple(minutes(0, 1.5)), tuple(minutes(9, 9)), tuple(minutes(30, 30))]
    assert list(TimeRanges().over([])) == []


def test_while_answers_are_small_stretches_grow_to_a_day_and_no_further() -> None:
    ranges, asked = TimeRanges(), 0
    for _ in ranges.over(minutes(*range(0, 1_000_000, 1_400))):
        ranges.note(is_small=True, is_worth_it=False)
        asked += 1
    assert ranges.gap == LONGEST
    assert asked < 20


def test_stretches_full_of_what_nobody_looks_for_get_shorter() -> None:
    ranges = TimeRanges()
    for _ in range(5):
        ranges.note(is_small=False, is_worth_it=False)
    assert ranges.gap == SHORTEST
    ranges.note(is_small=False, is_worth_it=True)
    assert ranges.gap == SHORTEST
