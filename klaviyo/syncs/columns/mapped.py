"""A sync's mapping: what Klaviyo is told of a row, or why nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from klaviyo.syncs.columns import document, explaining, extras, fields, parts
from klaviyo.syncs.columns.cells import SURELY_SHORT as SHORT
from klaviyo.syncs.columns.cells import Trouble, is_word
from klaviyo.syncs.columns.document import Document, Problem
from klaviyo.syncs.columns.parts import Cells
from klaviyo.syncs.sources.table import Row

IS_EMPTY = "is empty: fill it in, for it says whom the row is about"
TWO_IDENTIFIERS = (
    "An e-mail address and a phone number in one row tie the two together at Klaviyo: where they are two people's, two "
    "profiles become one."
)
CHANGING_ADDRESS = (
    "A person whose address changes becomes a second profile at Klaviyo: "
    "an external id keeps them one, if there is one."
)


class Mapped(NamedTuple):
    """What a row becomes: the identity by which people are compared, and a payload of JSON.

    Of profiles and lists the payload has Klaviyo's attributes; a Klaviyo id as identity is none of them, and stands
    beside them. Of events it has metric, time (None: the moment of the run), value, value_currency and properties; the
    person is the identity. Of subscriptions it has `email` and `sms`, whether they said yes, with consented_at, and
    phone_number and email_address where these are not the identity. `clears` names the fields to be made empty.
    """

    identity: str
    payload: dict[str, Any]
    clears: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is told of a row: which column is in the way, and words that go on from its name."""

    field: str
    reason: str


class MappingError(Exception):
    """The mapping cannot be used: where it is wrong, and a sentence, of each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(f"{where}: {sentence}" for where, sentence in problems))
        self.problems = list(problems)


class Mapping:
    """A mapping of a table's columns, made ready for its rows; `notes` are sentences for who makes it."""

    def __init__(
        self, read: Document, columns: Sequence[str], *, destination: str, zone: ZoneInfo, now: datetime
    ) -> None:
        self.destination, self.identity_kind = destination, read.identity.kind
        self.notes = _notes(read, destination)
        self._width = len(columns)
        places = {name: place for place, name in reversed(list(enumerate(columns)))}
        told = [field for field in read.fields if field.constant is None]
        self._identity = parts.of_identity(read.identity, places)
        self._parts = tuple(parts.of_field(one, places, zone, destination) for one in told)
        self._extras = extras.of(read, places, zone, now)
        self._is_event = destination == fields.EVENTS
        self._tells_identity = destination in (fields.PROFILES, fields.LIST) and self.identity_kind != "id"
        self._constants, problems = parts.constants(read, zone)
        if problems:
            raise MappingError(problems)
        if self._is_event:
            self._constants[0].update({"metric": read.metric or None, "time": None})

    @classmethod
    def from_json(
        cls, given: object, columns: Sequence[str], *, destination: str, zone: ZoneInfo, now: datetime | None = None
    ) -> "Mapping":
        """The mapping that a sync has, for a table with these columns. Raises MappingError with all that is wrong."""
        read, problems = document.read(given, columns, destination)
        if problems:
            raise MappingError(problems)
        return cls(read, columns, destination=destination, zone=zone, now=now or datetime.now(UTC))

    def apply(self, row: Row) -> Mapped | Refused:
        """What Klaviyo is told of the row, or why nothing; the same row always becomes the same."""
        cells = self._cells(row)
        warnings = list[str]()
        clears = list[str]()
        label, place, make, _, read, _, kind, _, _, _ = self._identity
        try:
            value = cells[place] if make is None else make(cells)
            if value is None or value == "":
                return Refused(label, IS_EMPTY)
            identity = read(value, warnings)
            payload, location, properties = targets = [dict(one) for one in self._constants]
            if self._tells_identity:
                payload[kind] = identity
            for part in self._parts:
                label, place, make, words, read, target, name, cleared, _, is_text = part
                value = cells[place] if make is None else make(cells)
                if value is None or value == "" or (words is not None and is_word(value, words)):
                    made = None
                elif is_text and type(value) is str and value.isprintable() and value[0] != "'" and len(value) < SHORT:
                    made = value  # as nearly all are: see `texts.is_plain`
                else:
                    made = read(value, warnings)
                if made is not None:
                    targets[target][name] = made
                elif cleared:
                    clears.append(cleared)
            if location:
                payload["location"] = location
            if properties or self._is_event:
                payload["properties"] = properties
            for label, place, find, name in self._extras:  # noqa: B007 (of the one that is refused)
                made = find(cells[place], warnings, payload, identity)
                if made is not None:
                    payload[name] = made
        except Trouble as trouble:
            return Refused(trouble.label or label, str(trouble))
        return Mapped(identity, payload, tuple(clears), tuple(warnings))

    def explain(self, row: Row) -> tuple[explaining.Step, ...]:
        """Each part of the mapping with its value in this row, and what becomes of it, or why nothing does."""
        return explaining.steps(
            self._cells(row), self._identity, self._parts, self._constants, self._extras, is_event=self._is_event
        )

    def _cells(self, row: Row) -> Cells:
        """The values of a row; what a short one has not is missing."""
        cells = row.values
        return cells if len(cells) >= self._width else (*cells, *[None] * (self._width - len(cells)))


def columns_used(given: object) -> list[str]:
    """The columns that a mapping needs, whether or not the source has them (any more)."""
    return document.columns_used(given)


def _notes(read: Document, destination: str) -> tuple[str, ...]:
    found = []
    told = {field.name for field in read.fields} | {read.identity.kind}
    if destination in (fields.PROFILES, fields.LIST) and {"email", "phone_number"} <= told:
        found.append(TWO_IDENTIFIERS)
    if read.identity.kind in ("email", "phone_number") and destination != fields.SUBSCRIPTIONS:
        found.append(CHANGING_ADDRESS)
    return tuple(found)
