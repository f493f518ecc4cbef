"""500 random histories of joins, parts, noes, erasures, strangers and restores, on SQLite and on PostgreSQL."""

import os
import subprocess
import sys

from tests.benchmarks.figures import Figure, say
from tests.benchmarks.house import ROOT, House

MANY, FEW = 500, 10
OF_THE_TESTS = 30  # which those play themselves, with the seeds before
STEPS = "20"  # longer than those
ALL_HELD, SOME_BROKE = 0, 1  # pytest's exit statuses: https://docs.pytest.org/en/stable/reference/exit-codes.html


def main(house: House, is_quick: bool) -> list[Figure]:
    """One half on each database."""
    number = (FEW if is_quick else MANY) // 2
    found = []
    for place, (database, settings) in enumerate(_databases(house).items()):
        broken = _broken(settings, OF_THE_TESTS + 1 + place * number, number)
        say(f"{number} histories on {database}: {broken} broke a promise.")
        found.append(Figure(f"broken on {database}", broken, "exactly", 0))
    return found


def _databases(house: House) -> dict[str, dict[str, str]]:
    real = {name: house.env[name] for name in ("DATABASE_URL", "REDIS_URL")}
    return {"SQLite": {}, "PostgreSQL": real}


def _broken(settings: dict[str, str], first: int, number: int) -> int:
    """How many failed; all of them where the tests could not even begin."""
    known = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    asked = {"HISTORIES": str(number), "FIRST_SEED": str(first), "STEPS_OF_HISTORIES": STEPS}
    asked["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/histories"]
    told = subprocess.run(command, cwd=ROOT, env=known | settings | asked, capture_output=True, text=True)
    if told.returncode == ALL_HELD:
        return 0
    print(told.stdout[-20_000:], file=sys.stderr)
    failed = sum(line.startswith("FAILED") for line in told.stdout.splitlines())
    return failed if told.returncode == SOME_BROKE and failed else number
