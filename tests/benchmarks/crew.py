"""Several processes that do the same at the same time: python -m tests.benchmarks.crew MODULE FUNCTION ARGUMENTS."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import django

from sorae.demo import dies_with_parent
from tests.benchmarks.house import ROOT, House


@dataclass(frozen=True)
class Member:
    """One of them, in a house."""

    house: House
    process: "subprocess.Popen[str]"

    def said(self) -> str:
        """Until it has ended; what it has spent is read before it is waited for."""
        words = self.process.stdout.read() if self.process.stdout else ""
        self.house.times.ended(self.process.pid)
        self.process.communicate()
        return words


def send(house: House, number: int, module: str, function: str, *arguments: Any) -> list[Member]:
    """So many processes that each call this function; what it returns is what they answer."""
    words = dies_with_parent.tied(
        [sys.executable, "-m", "tests.benchmarks.crew", module, function, json.dumps(arguments)]
    )
    crew = [
        Member(house, subprocess.Popen(words, cwd=ROOT, env=house.env, stdout=subprocess.PIPE, text=True))
        for _ in range(number)
    ]
    for member in crew:
        house.times.follow("crew", member.process.pid)
    return crew


def answers(members: Sequence[Member]) -> list[Any]:
    """Waits for all of them; RuntimeError when one broke off."""
    said = [member.said() for member in members]
    if any(member.process.returncode for member in members):
        raise RuntimeError("One of several processes broke off; what it said is above.")
    return [json.loads(words) for words in said]


if __name__ == "__main__":
    django.setup()
    print(json.dumps(getattr(import_module(f"tests.benchmarks.{sys.argv[1]}"), sys.argv[2])(*json.loads(sys.argv[3]))))
