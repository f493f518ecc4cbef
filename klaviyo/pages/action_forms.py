"""Forms of actions: what was typed, read as an action's input, and an input written as what one would type."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from integrations.api import reading
from integrations.api.outcome import Problem
from klaviyo.actions import checking
from klaviyo.actions.checking import BadInput
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.pages import action_fields
from klaviyo.pages.action_fields import Field
from klaviyo.pages.action_things import Found

LARGEST_FILE = 5 * 1024 * 1024  # bytes
#: What a page sends beside the fields.
BESIDE = frozenset(
    {"csrfmiddlewaretoken", "run", "dry", "sure", "find", "take", "back", "fragment", "of", "on", "once"}
)

#: What a form that is not kept to means, for people.
FORMS = {
    r"^[A-Za-z0-9_-]{1,64}$": "This cannot be an id of Klaviyo's: it has up to 64 letters, digits, - and _.",
    r"^[A-Z]{2}$": "Two capital letters, such as FI.",
    r"^[A-Z]{3}$": "Three capital letters, such as EUR.",
    r"^\d{4}-\d{2}-\d{2}$": "A day, such as 2001-12-31.",
}

Typed = MultiValueDict[str, str]


class Unusable(ValueError):
    """What was typed into one field cannot be read; it says why."""


@dataclass(frozen=True)
class Bound:
    """A field with what was typed into it, and what is wrong with that."""

    field: Field
    value: str = ""
    values: Sequence[str] = ()
    zone: str = ""
    named: str = ""
    found: Found | None = None
    errors: Sequence[str] = ()

    @property
    def described(self) -> str:
        """The ids of what explains the field, for who does not see it."""
        return f"{self.field.id}-help" + (f" {self.field.id}-errors" if self.errors else "")

    @property
    def rows(self) -> int:
        return min(max(self.value.count("\n") + 2, 3), 16)


@dataclass
class ActionForm:
    """The form of one action, filled with what was typed. `given` is its input once it is valid."""

    action: Action
    typed: Typed = field(default_factory=MultiValueDict)
    files: Mapping[str, "UploadedFile[Any]"] = field(default_factory=dict)
    zone: str = "UTC"
    namer: Callable[[Field, str], str] = lambda _field, _id: ""
    found: Found | None = None
    problems: list[Problem] = field(default_factory=list)
    given: Inputs | None = None

    def __post_init__(self) -> None:
        self.fields = action_fields.of(self.action)

    def is_valid(self) -> bool:
        """Whether all can be used; otherwise `problems` says at which field what is wrong."""
        values = self._values()
        if not self.problems:
            try:
                self.given = checking.checked(self.action, values)
            except BadInput as bad:
                self.problems = list(bad.problems)
        return not self.problems

    @property
    def groups(self) -> list[tuple[str, list[Bound]]]:
        """The usual fields, by the object that they are of."""
        found: dict[str, list[Bound]] = {}
        for one in self._bound():
            if not one.field.is_rare:
                found.setdefault(one.field.group, []).append(one)
        return list(found.items())

    @property
    def rare(self) -> list[Bound]:
        return [one for one in self._bound() if one.field.is_rare]

    @property
    def is_rare_open(self) -> bool:
        """Whether something rare was typed, or is wrong."""
        return any(one.value or one.values or one.errors for one in self.rare)

    @property
    def has_files(self) -> bool:
        return any(one.kind == "file" for one in self.fields)

    @property
    def has_moments(self) -> bool:
        return any(one.kind == "moment" for one in self.fields)

    @property
    def zones(self) -> list[str]:
        return list(dict.fromkeys((self.zone, "UTC", *sorted(available_timezones()))))

    @property
    def elsewhere(self) -> list[str]:
        """What is wrong with the whole, or with what has no field here."""
        return [words for name, words in map(self._place, self.problems) if not name]

    def _bound(self) -> list[Bound]:
        errors: dict[str, list[str]] = {}
        for name, words in map(self._place, self.problems):
            errors.setdefault(name, []).append(words)
        return [
            Bound(
                one,
                self.typed.get(one.name, "") or "",
                self.typed.getlist(one.name) if one.kind == "many" else (),
                self.typed.get(f"{one.name}.zone", "") or self.zone,
                self._names(one),
                self.found if self.found and self.found.field == one else None,
                errors.get(one.name, ()),
            )
            for one in self.fields
        ]

    def _names(self, one: Field) -> str:
        """What the ids in a field are called, as far as that is known."""
        ids = (self.typed.get(one.name, "") or "").split() if one.things else []
        return ", ".join(filter(None, (self.namer(one, id) for id in ids[:20])))

    def _place(self, problem: Problem) -> tuple[str, str]:
        """The field that a problem is about (empty: none), and its words."""
        parts = [part.replace("~1", "/").replace("~0", "~") for part in problem.pointer.split("/")[1:]]
        names = [one.name for one in self.fields]
        detail = next((words for form, words in FORMS.items() if f"match pattern '{form}'" in problem.detail), "")
        detail = detail or problem.detail
        for length in range(len(parts), 0, -1):
            start = ".".join(parts[:length])
            name = next((one for one in names if one == start or one.startswith(f"{start}.")), "")
            if name:
                rest = [f"no. {int(part) + 1}" if part.isdecimal() else part for part in parts[length:]]
                return name, f"{', '.join(rest)}: {detail}" if rest else detail
        return "", f"{'.'.join(parts)}: {detail}" if parts else detail

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for one in (*self.fields, *self._others()):
            try:
                value = self._value(one)
            except Unusable as problem:
                self.problems.append(Problem("invalid", str(problem), pointer=f"/{one.name.replace('.', '/')}"))
                continue
            if value is not None:
                self._put(values, one, value)
        if "file" in values and "name" not in values and "file" in self.files:
            values["name"] = PurePath(self.files["file"].name or "image").stem[:255] or "image"
        return values

    def _put(self, values: dict[str, Any], one: Field, value: Any) -> None:
        *within, last = one.name.split(".") if one in self.fields else (one.name,)
        for part in within:
            values = values.setdefault(part, {})
        if last in values:  # an object as a whole, and a field within it
            self.problems.append(Problem("given_twice", f"{last} was given twice: give it once.", pointer=f"/{last}"))
        values[last] = value

    def _others(self) -> Iterator[Field]:
        """What was sent by another name of a field, or by a name that there is not, which is then refused."""
        own = {one.name for one in self.fields}
        parts = {f"{name}.{part}" for name in own for part in ("zone", "kept")}
        for name in self.typed:
            if name not in own | parts | BESIDE:
                yield action_fields.named(self.action, name) or Field(name, "line", name)

    def _value(self, one: Field) -> Any:
        """The value of a field; None where it is left."""
        if one.kind == "many":
            return self.typed.getlist(one.name) or None
        if one.kind == "file":
            return self._file(one)
        text = self.typed.get(one.name, "") or ""
        if not text.strip():
            return None
        match one.kind:
            case "text" | "secret":
                return text
            case "boolean":
                return {"yes": True, "no": False}.get(text, text)
            case "lines":
                return [line.strip() for line in text.splitlines() if line.strip()]
            case "moment":
                return _moment(text.strip(), self.typed.get(f"{one.name}.zone", "") or self.zone)
            case "people":
                return _people(text, have_channels=one.have_channels)
            case "json" | "json or text":
                return _json(text, is_text_allowed=one.kind != "json")
        return text.strip()

    def _file(self, one: Field) -> str | None:
        upload = self.files.get(one.name)
        if upload is None:
            return self.typed.get(f"{one.name}.kept") or None
        if (upload.size or 0) > LARGEST_FILE:
            raise Unusable("The file is larger than 5 MB.")
        return base64.b64encode(upload.read()).decode() or None


def usual(action: Action) -> Typed:
    """The texts that count where nothing is typed, to be seen before it is run."""
    shown = [one for one in action_fields.of(action) if one.kind == "line" and one.default and not one.is_rare]
    return MultiValueDict({one.name: [one.default] for one in shown})


def written(action: Action, given: Mapping[str, Any]) -> Typed:
    """What one would type for an input; secrets are left out."""
    told = dict(given)
    if isinstance(place := told.pop("location", None), dict):
        told = {**place, **told}
    typed: Typed = MultiValueDict()
    for one in action_fields.of(action):
        value: Any = told
        for part in one.name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and one.kind != "secret":
            _write(typed, one, value)
    return typed


def _write(typed: Typed, one: Field, value: Any) -> None:
    match one.kind:
        case "many":
            typed.setlist(one.name, [str(item) for item in value])
        case "boolean":
            typed[one.name] = "yes" if value else "no"
        case "lines":
            typed[one.name] = "\n".join(map(str, value))
        case "moment":
            moment = datetime.fromisoformat(str(value)).astimezone(UTC)
            typed[one.name], typed[f"{one.name}.zone"] = moment.strftime("%Y-%m-%dT%H:%M:%S"), "UTC"
        case "file":
            typed[f"{one.name}.kept"] = str(value)
        case "people" | "json" | "json or text" if not isinstance(value, str):
            typed[one.name] = json.dumps(value, indent=2, ensure_ascii=False)
        case _:
            typed[one.name] = str(value)


def _moment(text: str, zone: str) -> str:
    """The moment with its zone; what is none stays as it is, for the model to refuse."""
    if text.isdigit():
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        if zone not in available_timezones():
            raise Unusable("Choose the time zone that it is meant in.")
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.isoformat()


def _people(text: str, *, have_channels: bool) -> Any:
    """People as JSON, or each by an address or a number in a line of its own, which is then the channel as well."""
    if text.lstrip()[:1] in ("{", "["):
        return _json(text, is_text_allowed=False)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (told := line.strip().rstrip(",;")):
            continue
        if "@" in told:
            field, channel = "email", "email"
        elif told[0] == "+" or told[0].isdecimal():
            field, channel = "phone_number", "sms"
        else:
            raise Unusable(f"Line {number} is neither an e-mail address nor a phone number. Write one in a line.")
        found.append({field: told} | ({"channels": [channel]} if have_channels else {}))
    return found


def _json(text: str, *, is_text_allowed: bool) -> Any:
    looks_like_it = text.lstrip()[:1] in ("{", "[")
    if is_text_allowed and not looks_like_it:
        return text
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except (RecursionError, ValueError):
        pass  # told in better words by the reading below
    try:
        return reading.read_object(b'{"value":' + text.encode("utf-8", "surrogatepass") + b"}")["value"]
    except reading.Unreadable as problem:
        raise Unusable(str(problem).replace("The body", "This")) from None
