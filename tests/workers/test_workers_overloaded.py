"""A slowed machine with many times as much to do, of one account and of ten: nothing is lost, no one waits for all.

Whatever the machine, what is looked at is what arrived, and in which order.
"""

from tests.workers import benchmark


def test_overload_degrades_and_does_not_collapse() -> None:
    """All arrives, nothing is lost or doubled, and no fresh fact of a quiet account goes after all that was before it.

    At what pace, is for the benchmark to say, on a machine of its own.
    """
    figures = benchmark.played("overload", "Workers overloaded.")["figures"]
    assert figures["lost or doubled"] == 0
    behind = [
        one for name, one in figures.items() if name.startswith("fresh facts of a quiet account behind all others")
    ]
    assert behind[0] == 0  # so few batches of several accounts, which go at once, have no order to speak of
