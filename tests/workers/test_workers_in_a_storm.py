"""A small storm: workers killed at random, Redis emptied, PostgreSQL crashed, while facts are being told."""

from tests.workers import benchmark


def test_a_storm_loses_nothing_and_doubles_nothing() -> None:
    outcome = benchmark.played("storm", "Workers in a storm.")
    assert outcome["missed"] == []
    assert outcome["figures"]["workers killed"] >= 8
