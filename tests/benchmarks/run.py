"""`make bench`: all benchmarks one after the other, or some of them; then a table of their figures.

python -m tests.benchmarks.run [--quick] [--against COMMIT [--runs 3]] [NAME …]: exit status 1 when a figure misses its
mark.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import against, figures
from tests.benchmarks.catalogue import AGAINST, BENCHMARKS, SOAK

Outcome = dict[str, Any]

BROKEN_OFF: Outcome = {"figures": {}, "limit": {}, "missed": [], "passed": False}


def main(arguments: list[str]) -> int:
    asked = argparse.ArgumentParser(prog="make bench")
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS | SOAK)}")
    asked.add_argument("--quick", action="store_true", help="smaller, to see that it works; marks may be missed")
    asked.add_argument("--against", metavar="COMMIT", help="another version's figures, in turn with ours")
    asked.add_argument("--runs", type=int, default=3, help="how often each version is played then")
    options = asked.parse_args(arguments)
    unknown = set(options.names) - set(BENCHMARKS | SOAK)
    if unknown:
        asked.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if options.against:
        return against.main(options.against, options.names or list(AGAINST), options.runs, is_quick=options.quick)
    outcomes = [_played(name, is_quick=options.quick) for name in options.names or BENCHMARKS]
    _show(outcomes)
    return 0 if all(outcome["passed"] for outcome in outcomes) else 1


def _played(name: str, *, is_quick: bool) -> Outcome:
    """The outcome of one benchmark; one that broke off has missed everything."""
    question = (BENCHMARKS | SOAK)[name].question
    print(f"\n{name}: {question}", file=sys.stderr, flush=True)
    began_at = time.monotonic()
    command = [sys.executable, "-m", "tests.benchmarks.play", name, *(["quick"] if is_quick else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as playing:
        try:
            said = playing.communicate()[0]
        except KeyboardInterrupt:
            playing.terminate()
            playing.wait()
            raise
    lines = [line for line in said.splitlines() if line.startswith("{")]
    outcome: Outcome = json.loads(lines[-1]) if lines else BROKEN_OFF | {"name": name}
    print(json.dumps(outcome, ensure_ascii=False), flush=True)
    return outcome | {"seconds": time.monotonic() - began_at}


def _show(outcomes: list[Outcome]) -> None:
    table = Table("benchmark", "figure", "reached", "mark", "", title=f"On {os.cpu_count()} processors")
    table.columns[2].justify = "right"
    for outcome in outcomes:
        if not outcome["figures"]:
            table.add_row(outcome["name"], "broke off", "", "", "✗", style="red")
        for figure, value in outcome["figures"].items():
            mark = outcome["limit"].get(figure, "")
            is_missed = figure in outcome["missed"]
            sign = ("✗" if is_missed else "✓") if mark else ""
            table.add_row(outcome["name"], figure, figures.short(value), mark, sign, style="red" if is_missed else None)
        table.add_section()
    Console(width=None if sys.stdout.isatty() else 110).print(table)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its processes end with it
    sys.exit(main(sys.argv[1:]))
