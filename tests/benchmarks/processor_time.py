"""Processor time of processes by what they do, of the living and the dead, as Linux accounts for it in /proc."""

import os
import threading
from collections import defaultdict
from pathlib import Path

SECONDS_A_TICK = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")

Seconds = dict[str, float]


class ProcessorTime:
    """Follows processes with their children. Whoever ends one says so before it is waited for, so none is lost."""

    def __init__(self) -> None:
        self._roles: dict[int, str] = {}
        self._seen: dict[int, float] = {}
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def follow(self, role: str, pid: int) -> None:
        with self._lock:
            self._roles[pid], self._seen[pid] = role, 0.0

    def ended(self, pid: int) -> None:
        """A last look at a process that is about to be waited for, or killed with its children."""
        with self._lock:
            if pid in self._roles:
                self._look()
                self._part_with(pid)

    def read(self) -> Seconds:
        """Seconds by role, since each process began."""
        with self._lock:
            for pid in self._look():
                self._part_with(pid)
            total = self._spent.copy()
            for pid, role in self._roles.items():
                total[role] += self._seen[pid]
            return dict(total)

    def _look(self) -> list[int]:
        """Note what each has spent so far; those that are gone."""
        used, children = _table()
        for pid in self._roles:
            if pid in used:
                self._seen[pid] = max(self._seen[pid], _with_children(pid, used, children))
        return [pid for pid in self._roles if pid not in used]

    def _part_with(self, pid: int) -> None:
        self._spent[self._roles.pop(pid)] += self._seen.pop(pid)


def _with_children(pid: int, used: dict[int, float], children: dict[int, list[int]]) -> float:
    return used[pid] + sum(_with_children(child, used, children) for child in children.get(pid, ()))


def _table() -> tuple[dict[int, float], dict[int, list[int]]]:
    """Of every process the seconds that it and its ended children have used, and its living children.

    A process that has ended stays there until it is waited for. utime, stime, cutime, cstime:
    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    used, children = dict[int, float](), defaultdict[int, list[int]](list)
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it is gone
            continue
        own = int(folder.name)
        used[own] = sum(map(int, fields[11:15])) * SECONDS_A_TICK
        children[int(fields[1])].append(own)
    return used, children
