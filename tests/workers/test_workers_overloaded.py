"""A slowed machine with ten times as much to do, of one account and of ten: it goes on at its pace.

Whatever the machine, what is compared are two figures of the same run.
"""

from tests.workers import benchmark

NO_COLLAPSE = 0.1  # a queue that collapses delivers a hundredth; the half that is the mark is for a quiet machine


def test_overload_degrades_and_does_not_collapse() -> None:
    """Nothing is lost or doubled, all arrives in the end, and much goes at a pace like that of little."""
    outcome = benchmark.played("overload", "Workers overloaded.")
    assert outcome["figures"]["lost or doubled"] == 0
    paces = {name: one for name, one in outcome["figures"].items() if name in outcome["limit"] and " to " in name}
    assert len(paces) == 2
    assert {name: one for name, one in paces.items() if one < NO_COLLAPSE} == {}
