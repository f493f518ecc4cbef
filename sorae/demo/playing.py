"""The player of the script: tells each line through its verb of `lifecycle`, as a shop's systems would."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db.models import Model

from klaviyo.delivery.erasure import erase
from referrals import lifecycle
from referrals.models import Program
from sorae.demo.journeys import Line

OURS = {"went_out", "erase", "confirm"}  # verbs that are not a shop's to tell, or not in this way
VERBS: dict[str, Callable[..., Model]] = {
    **{verb: getattr(lifecycle, verb) for verb in lifecycle.__all__ if verb not in OURS},
    "erase": lambda email: erase.erase(email, _operator()),
}
WHEN = {"update": None, "close": None, "suppress": None, "erase": None, "reverse": "reversed_at", "pay": "paid_at"}
REFERENCES = {"advocate": "advocate", "invite": "invite", "order": "conversion", "reward": "reward"}
OF_THE_LINE = ("do", "id", "days_ago", "told", "at", "scene")


def _operator() -> AbstractBaseUser | None:
    """Whoever erases people in the demo."""
    return get_user_model()._default_manager.order_by("pk").first()


@dataclass
class Played:
    """What became of the lines: told by verb, known already, or refused and why."""

    told: Counter[str] = field(default_factory=Counter)
    erased: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        return self.told.total() + self.refused.total()


def play(lines: list[Line], stage: "Stage", played: Played) -> Iterator[Played]:
    """Tell every line; yields what has become of them after each. A refused line stops nothing."""
    for line in lines:
        try:
            stage.tell(line)
            played.told[line["do"]] += 1
            played.erased += [line["email"]] if line["do"] == "erase" else []
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
        told = self._meant(line)
        try:
            inspect.signature(verb).bind(**told)
        except TypeError:
            raise ValidationError("A field is missing, or has a name that nobody knows.") from None
        self.made[line["id"]] = verb(**told)

    def _meant(self, line: Line) -> Line:
        """The verb's arguments: things in place of their ids, and moments in place of days."""
        told = {name: value for name, value in line.items() if name not in OF_THE_LINE}
        when = self._when(line)
        name = WHEN.get(line["do"], "occurred_at")
        if name:
            told[name] = when
        if "expires_in_days" in told:
            told["expires_at"] = when + timedelta(days=told.pop("expires_in_days"))
        if "program" in told:
            told["program"] = self.programs[told["program"]]
        if "store" in told:
            told["store"] = next(one.store for one in self.programs.values() if one.store.slug == told["store"])
        for name in REFERENCES.keys() & told.keys():
            told[REFERENCES[name]] = self._known(told.pop(name))
        return told

    def _when(self, line: Line) -> datetime:
        return datetime.fromisoformat(line["at"]) if "at" in line else self.now - timedelta(days=line["days_ago"])

    def _known(self, line_id: str) -> Model:
        try:
            return self.made[line_id]
        except KeyError:
            raise ValidationError("It speaks of something that was refused, or was never told.") from None
