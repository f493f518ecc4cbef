"""Two versions in turn: another commit's product under these benchmarks, beside the product of this folder.

The other commit is checked out into a folder of its own, with the benchmarks of today. Told are medians and ratios.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import figures
from tests.benchmarks.catalogue import AGAINST
from tests.benchmarks.figures import say

ROOT = Path(__file__).resolve().parents[2]
TODAYS = ("tests/benchmarks", "tests/servers.py")
THEN, NOW = "then", "now"

Outcome = dict[str, Any]


class NoSuchCommit(Exception):
    """What git says when it cannot find it."""


def main(commit: str, names: Sequence[str], runs: int, *, is_quick: bool) -> int:
    """1 when a version broke off, or a ratio misses its mark."""
    try:
        with checked_out(commit) as there:
            folders = {THEN: there, NOW: ROOT}
            outcomes = {name: _in_turn(name, folders, runs, is_quick=is_quick) for name in names}
    except NoSuchCommit as error:
        print(error, file=sys.stderr)
        return 2
    reached = [_show(commit, name, of_both) for name, of_both in outcomes.items()]
    return 0 if all(reached) else 1


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with that commit's product and our benchmarks. https://git-scm.com/docs/git-worktree"""
    with tempfile.TemporaryDirectory(prefix="sorae-then-") as folder:
        there = Path(folder) / "product"
        _git("worktree", "add", "--detach", str(there), commit)
        try:
            for name in TODAYS:
                _copy(ROOT / name, there / name)
            yield there
        finally:
            _git("worktree", "remove", "--force", str(there))


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def _git(*words: str) -> None:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise NoSuchCommit(
            f"git {' '.join(words[:2])} failed, so there is nothing to compare with: {done.stderr.strip()}"
        )


def _in_turn(name: str, folders: dict[str, Path], runs: int, *, is_quick: bool) -> dict[str, list[Outcome]]:
    """then, now, then, now, …: both meet the same day."""
    outcomes: dict[str, list[Outcome]] = {which: [] for which in folders}
    for run in range(runs):
        for which, folder in folders.items():
            say(f"{name}, {which}, run {run + 1} of {runs}.")
            if outcome := _played(name, folder, is_quick=is_quick):
                print(json.dumps({"version": which} | outcome, ensure_ascii=False), flush=True)
                outcomes[which].append(outcome)
    return outcomes


def _played(name: str, folder: Path, *, is_quick: bool) -> Outcome | None:
    """Its outcome; none when it broke off, which it has said why."""
    command = [sys.executable, "-m", "tests.benchmarks.play", name, *(["quick"] if is_quick else [])]
    with subprocess.Popen(command, cwd=folder, env=os.environ, stdout=subprocess.PIPE, text=True) as playing:
        try:
            said = playing.communicate()[0]
        except KeyboardInterrupt:
            playing.terminate()
            playing.wait()
            raise
    lines = [line for line in said.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def _show(commit: str, name: str, outcomes: dict[str, list[Outcome]]) -> bool:
    """A line for each figure; whether both versions came to an end, and all marks of ratios are reached."""
    medians = {which: _medians(of_it) for which, of_it in outcomes.items()}
    table = Table("figure", THEN, NOW, "now to then", "mark", "", title=f"{name}: {commit} then, this folder now")
    for column in table.columns[1:4]:
        column.justify = "right"
    is_reached = all(outcomes.values())
    for figure in medians[NOW] | medians[THEN]:
        then, now = (medians[which].get(figure) for which in (THEN, NOW))
        ratio = now / then if then and now is not None else None
        mark = AGAINST.get(name, {}).get(figure)
        is_missed = mark is not None and (ratio is None or ratio > mark)
        is_reached = is_reached and not is_missed
        shown = [figures.short(value) if value is not None else "" for value in (then, now)]
        sign = ("✗" if is_missed else "✓") if mark else ""
        limit = f"at most {mark}" if mark else ""
        table.add_row(figure, *shown, f"{ratio:.2f}" if ratio is not None else "", limit, sign)
    for which, of_it in outcomes.items():
        if not of_it:
            table.add_row(f"{which}: broke off each time", "", "", "", "", "✗", style="red")
    Console(width=None if sys.stdout.isatty() else 130).print(table)
    return is_reached


def _medians(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of each figure over the runs that came to their end."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome["figures"])
    return {name: median(one["figures"][name] for one in outcomes if name in one["figures"]) for name in names}
