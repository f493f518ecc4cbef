"""A slowed machine with ten times as much to do, of one account and of ten: it goes on at its pace.

Whatever the machine, what is compared are two figures of the same run.
"""

from tests.workers import benchmark


def test_overload_degrades_and_does_not_collapse() -> None:
    """All arrives while it is patient, nothing is lost or doubled, and no fresh fact of a quiet account waits for it.

    At what pace, is for the benchmark to say, on a machine of its own.
    """
    figures = benchmark.played("overload", "Workers overloaded.")["figures"]
    assert figures["lost or doubled"] == 0
    waited = {
        name: one for name, one in figures.items() if name.startswith("fresh facts of a quiet account that waited")
    }
    assert len(waited) == 2
    assert set(waited.values()) == {0}
