"""One benchmark in a house of its own: python -m tests.benchmarks.play NAME [quick|full].

The last line of its output is the outcome in JSON; the exit status is 1 when a figure misses its mark. One that does
not come to its end says where the time went.
"""

import os
import signal
import sys
import time
from importlib import import_module
from typing import Any

import django

from tests import servers
from tests.benchmarks import catalogue, figures, house

NOT_HERE = 3  # the exit status where PostgreSQL or Redis is not installed
LONGEST_SECONDS = 7_200


def main(name: str, is_quick: bool) -> int:
    benchmark = (catalogue.BENCHMARKS | catalogue.SOAK)[name]
    try:
        with house.opened(benchmark.needs) as home:
            os.environ.update(home.env)
            django.setup()
            told = _played(name, home, is_quick)
    except servers.NotHere as missing:
        print(missing, file=sys.stderr)
        return NOT_HERE
    print(figures.line(name, told), flush=True)
    return 0 if all(figure.is_reached for figure in told) else 1


def _played(name: str, home: house.House, is_quick: bool) -> list[figures.Figure]:
    """Its figures, and those of a bare insert, a bare request and the official client in the same house before it."""
    from tests.benchmarks import autopsy, baseline  # these need Django

    began_at = time.monotonic()
    try:
        bare = baseline.of(home, is_quick=is_quick).figures() if catalogue.has_baseline(name) else []
        told: list[figures.Figure] = import_module(f"tests.benchmarks.{name}").main(home, is_quick)
        return told + bare
    except (Exception, KeyboardInterrupt):
        figures.say(f"It did not come to its end. Where the time went:\n{autopsy.of(home, began_at)}")
        raise


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"It took longer than {LONGEST_SECONDS:,} s.")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its processes end with it
    if sys.argv[1] not in catalogue.SOAK:
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LONGEST_SECONDS)
    sys.exit(main(sys.argv[1], "quick" in sys.argv[2:]))
