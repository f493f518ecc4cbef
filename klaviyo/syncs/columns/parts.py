"""The parts of a mapping, made ready for a million rows: where a value stands, and what reads it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from klaviyo.syncs.columns import fields, people, templates, types
from klaviyo.syncs.columns.cells import Reader, Trouble, is_word, plain
from klaviyo.syncs.columns.document import Document, Field, Identity

Cells = tuple[object, ...]
Places = Mapping[str, int]

SPECIAL = {*fields.CHECKS, *fields.IDENTIFIERS}
TARGETS = ("", "location", "properties")  # the objects of a payload; the first is the payload itself


class Part(NamedTuple):
    """One field: its value stands at `place`, unless `make` makes it of several."""

    label: str
    place: int
    make: Callable[[Cells], Any] | None
    words: frozenset[str] | None
    read: Reader
    target: int
    name: str
    cleared: str
    field: str
    is_text: bool  # and nothing is done to it


def of_identity(identity: Identity, places: Places) -> Part:
    """Whom a row is about."""
    place, kind = places[identity.column], identity.kind
    if kind == "phone_number":
        make, read = _with_country(place, identity.country_column, places, None), _phones(identity)
        return Part(identity.column, place, make, None, read, 0, kind, "", kind, False)
    one = people.READERS[kind]

    def reads(value: object, _warnings: list[str]) -> str:
        return one(value)

    return Part(identity.column, place, None, None, reads, 0, kind, "", kind, False)


def of_field(field: Field, places: Places, zone: ZoneInfo, destination: str) -> Part:
    """What is told of it. The constant of a field is none of its cells: see `constants`."""
    words = field.empty_words
    place = places[field.column] if field.column else -1
    make: Callable[[Cells], Any] | None = None
    if field.template:
        make, words = templates.maker(field.template, places, words), None
    if field.name == "phone_number":
        make, words = _with_country(place, field.country_column, places, make, words), None
    target, name = fields.place(field.name)
    if (destination, name) == (fields.SUBSCRIPTIONS, "email"):
        name = "email_address"  # `email` says there whether they are subscribed by it
    cleared = field.name if field.is_cleared else ""
    read = _reader(field, zone)
    is_text = field.type == "text" and not field.transforms and field.name not in SPECIAL
    return Part(field.label, place, make, words, read, TARGETS.index(target), name, cleared, field.name, is_text)


def constants(document: Document, zone: ZoneInfo) -> tuple[tuple[dict[str, Any], ...], list[tuple[str, str]]]:
    """The values that are the same in every row, by target; and what is wrong with any."""
    made: tuple[dict[str, Any], ...] = ({}, {}, {})
    problems = []
    for field in document.fields:
        if field.constant is None:
            continue
        try:
            value = _constant(field, zone)
        except Trouble as trouble:
            problems.append((f"{field.where}.constant", f"The constant {trouble}."))
            continue
        target, name = fields.place(field.name)
        made[TARGETS.index(target)][name] = value
    return made, problems


def _constant(field: Field, zone: ZoneInfo) -> Any:
    if field.name in fields.IDENTIFIERS:
        raise Trouble("would be the same address, number or id for everybody: choose a column")
    value = _reader(field, zone)(field.constant, []) if field.constant != "" else None
    if value is None:
        raise Trouble("is empty: give it a value")
    return value


def _reader(field: Field, zone: ZoneInfo) -> Reader:
    match field.name:
        case "phone_number":
            return _phones(field)
        case "email" | "external_id":
            one = people.READERS[field.name]
            return lambda value, _warnings: one(value) if plain(value).strip() else None
    return types.reader(field, field.label, zone)


def _with_country(
    place: int,
    column: str,
    places: Places,
    make: Callable[[Cells], Any] | None,
    words: frozenset[str] | None = None,
) -> Callable[[Cells], Any]:
    """The number with the cell that has its country."""
    country = places[column] if column else -1

    def made(cells: Cells) -> tuple[object, object] | None:
        number = cells[place] if make is None else make(cells)
        if number is None or number == "" or (words is not None and is_word(number, words)):
            return None
        return number, cells[country] if country >= 0 else None

    return made


def _phones(told: Identity | Field) -> Reader:
    def read(value: Any, _warnings: list[str]) -> str:
        number, cell = value
        text = people.written_phone(number)
        if not text or text[0] == "+":
            return people.phone(text, "")
        try:
            country = people.country(cell, told.country)
        except Trouble as trouble:
            raise Trouble(str(trouble), told.country_column) from None
        return people.phone(text, country, is_its_own=bool(plain(cell).strip()))

    return read
