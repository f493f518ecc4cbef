"""Plays the export through `lifecycle`, line by line, as a shop's systems would have told it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone

from referrals import lifecycle
from referrals.models import Program

Line = dict[str, Any]

REFERENCES = ("advocate", "invite", "order", "reward")


@dataclass
class Played:
    """What became of the lines: told by verb, known already, or refused and why."""

    told: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        return self.told.total() + self.refused.total()


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def play(lines: list[Line], programs: dict[str, Program]) -> Iterator[Played]:
    """Tell every line; yields what has become of them after each. A refused line stops nothing."""
    played, stage = Played(), Stage(programs, timezone.now())
    for line in lines:
        try:
            stage.tell(line)
            played.told[line["do"]] += 1
        except ValidationError as refusal:
            played.refused[" ".join(refusal.messages)] += 1
        yield played


class Stage:
    """What lines speak of: the programs, and what earlier lines made."""

    def __init__(self, programs: dict[str, Program], now: datetime) -> None:
        self.programs, self.now = programs, now
        self.made: dict[str, Model] = {}

    def tell(self, line: Line) -> None:
        """One line through its verb. ValidationError when it is refused."""
        verb = VERBS.get(line["do"])
        if verb is None:
            raise ValidationError("There is no such verb.")
        told = {name: value for name, value in line.items() if name not in ("do", "id", "days_ago", "at")}
        made = verb(self._meant(told), self._when(line))
        self.made[line["id"]] = made

    def _when(self, line: Line) -> datetime:
        return datetime.fromisoformat(line["at"]) if "at" in line else self._ago(line["days_ago"])

    def _ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def _meant(self, told: Line) -> Line:
        """The line with what it names in place of names."""
        for name in REFERENCES:
            if name in told:
                told[name] = self._known(told[name])
        if "program" in told:
            told["program"] = self.programs[told["program"]]
        return told

    def _known(self, line_id: str) -> Model:
        try:
            return self.made[line_id]
        except KeyError:
            raise ValidationError("It speaks of something that was refused, or was never told.") from None


def _join(told: Line, when: datetime) -> Model:
    return lifecycle.join(told.pop("program"), told.pop("email"), **told, occurred_at=when)


def _update(told: Line, _when: datetime) -> Model:
    return lifecycle.update(told.pop("advocate"), **told)


def _invite(told: Line, when: datetime) -> Model:
    ends = _expiry(told, when)
    return lifecycle.invite(
        told.pop("advocate"), told.pop("recipient_email"), **told, expires_at=ends, occurred_at=when
    )


def _remind(told: Line, when: datetime) -> Model:
    return lifecycle.remind(told["invite"], told["number"], occurred_at=when)


def _visit(told: Line, when: datetime) -> Model:
    return lifecycle.visit(told.pop("advocate"), **told, occurred_at=when)


def _convert(told: Line, when: datetime) -> Model:
    return lifecycle.convert(told.pop("advocate"), **told, occurred_at=when)


def _refund(told: Line, when: datetime) -> Model:
    return lifecycle.refund(told.pop("order"), **told, occurred_at=when)


def _reward(told: Line, when: datetime) -> Model:
    ends = _expiry(told, when)
    order = told.pop("order", None)
    return lifecycle.reward(
        told.pop("advocate"), **told, conversion=order, expires_at=ends, occurred_at=when
    )


def _reverse(told: Line, when: datetime) -> Model:
    return lifecycle.reverse(told["reward"], told["reason"], reversed_at=when)


def _pay(told: Line, when: datetime) -> Model:
    return lifecycle.pay(told["reward"], paid_at=when)


def _expiry(told: Line, when: datetime) -> datetime | None:
    days = told.pop("expires_in_days", None)
    return None if days is None else when + timedelta(days=days)


VERBS: dict[str, Callable[[Line, datetime], Model]] = {
    "join": _join,
    "update": _update,
    "invite": _invite,
    "remind": _remind,
    "visit": _visit,
    "convert": _convert,
    "refund": _refund,
    "reward": _reward,
    "reverse": _reverse,
    "pay": _pay,
}
