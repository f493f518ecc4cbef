"""One benchmark in a house of its own: python -m tests.benchmarks.play NAME [quick|full].

The last line of its output is the outcome in JSON; the exit status is 1 when a figure misses its mark.
"""

import os
import signal
import sys
from importlib import import_module

import django

from tests import servers
from tests.benchmarks import catalogue, figures, house

NOT_HERE = 3  # the exit status where PostgreSQL or Redis is not installed


def main(name: str, is_quick: bool) -> int:
    benchmark = (catalogue.BENCHMARKS | catalogue.SOAK)[name]
    try:
        with house.opened(benchmark.needs) as home:
            os.environ.update(home.env)
            django.setup()
            told = import_module(f"tests.benchmarks.{name}").main(home, is_quick)
    except servers.NotHere as missing:
        print(missing, file=sys.stderr)
        return NOT_HERE
    print(figures.line(name, told), flush=True)
    return 0 if all(figure.is_reached for figure in told) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its processes end with it
    sys.exit(main(sys.argv[1], "quick" in sys.argv[2:]))
