"""A slowed machine with ten times as much to do, of one account and of ten: it goes on at its pace.

Whatever the machine, what is compared are two figures of the same run.
"""

from tests.workers import benchmark


def test_overload_degrades_and_does_not_collapse() -> None:
    """Nothing is lost or doubled, much goes at half the pace of little at least, and a quiet account does not wait."""
    outcome = benchmark.played("overload", "Workers overloaded.")
    assert outcome["missed"] == []
    assert sum(name.startswith("delivered a second") and "to" in name for name in outcome["limit"]) == 2
