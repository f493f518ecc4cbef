"""A mapping as JSON, as it is stored and as YAML has it: read whole, with a sentence for everything that is wrong."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from klaviyo.api import values
from klaviyo.syncs.columns import dates, events, fields, people, templates
from klaviyo.syncs.columns.cells import Trouble
from klaviyo.syncs.columns.fields import EVENTS, SUBSCRIPTIONS
from klaviyo.syncs.columns.texts import TRANSFORMS

Problem = tuple[str, str]  # where it is, as in fields.2.column, and a sentence

TYPES = ("text", "number", "yes_no", "date", "moment", "list", "json")
CHANNELS = ("email", "sms")
OF_TEXT = {"lower", "upper", "title"}
KNOWN = ("identity", "fields", "metric", "time", "consent")
OF_FIELDS = (
    "field",
    "column",
    "template",
    "constant",
    "type",
    "transforms",
    "form",
    "decimal",
    "empty_words",
    "when_empty",
    "at_noon",
    "separator",
    "country",
    "country_column",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a row is about: the column that says so, and of which country a phone number is."""

    kind: str = ""
    column: str = ""
    country: str = ""
    country_column: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """What is written to one field: of a column, a template or a constant."""

    where: str
    name: str = ""
    column: str = ""
    template: str = ""
    constant: Any = None
    type: str = "text"
    transforms: tuple[str, ...] = ()
    form: str = "iso"
    decimal: Any = None
    empty_words: frozenset[str] | None = None
    is_cleared: bool = False
    at_noon: bool = False
    separator: str = ","
    country: str = ""
    country_column: str = ""

    @property
    def label(self) -> str:
        """What sentences name: the column where there is one."""
        return self.column or self.name


@dataclass(frozen=True, slots=True)
class Time:
    """The column that says when, and in which form."""

    column: str
    form: str = "iso"


@dataclass(frozen=True, slots=True)
class Channel:
    """The column that may say yes, and the words that mean it."""

    column: str
    yes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Document:
    """All that a mapping says."""

    identity: Identity = Identity()
    fields: tuple[Field, ...] = ()
    metric: str = ""
    metric_column: str = ""
    time: Time | None = None
    channels: Mapping[str, Channel] = field(default_factory=dict)
    consented_at: Time | None = None


def read(document: object, columns: Sequence[str], destination: str) -> tuple[Document, list[Problem]]:
    """The mapping, and what is wrong with it; sound only where that is nothing."""
    if destination not in fields.DESTINATIONS:
        raise ValueError(destination)
    reading = _Reading(dict(reversed([(name, place) for place, name in enumerate(columns)])), destination)
    return reading.document(document), reading.problems


def columns_used(document: object) -> list[str]:
    """The columns that a mapping needs, each once, whether or not the source has them."""
    found: list[str] = []
    _collect(document, found)
    return list(dict.fromkeys(found))


def _collect(value: object, found: list[str]) -> None:
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name in ("column", "country_column") and isinstance(one, str) and one:
                found.append(one)
            elif name == "template" and isinstance(one, str):
                found.extend(templates.names(one))
            elif name != "constant":
                _collect(one, found)
    elif isinstance(value, list | tuple):
        for one in value:
            _collect(one, found)


class _Reading:
    def __init__(self, columns: Mapping[str, int], destination: str) -> None:
        self.columns, self.destination = columns, destination
        self.problems: list[Problem] = []

    def document(self, raw: object) -> Document:
        given = self._members(raw, "", KNOWN)
        identity = self._identity(given.get("identity"))
        metric, metric_column = self._metric(given.get("metric"))
        channels, consented_at = self._consent(given.get("consent"))
        made = Document(
            identity=identity,
            fields=self._fields(given.get("fields"), identity),
            metric=metric,
            metric_column=metric_column,
            time=self._time_of_event(given.get("time")),
            channels=channels,
            consented_at=consented_at,
        )
        self._check_reach(made)
        return made

    def _wrong(self, where: str, sentence: str) -> None:
        self.problems.append((where, sentence))

    def _members(self, raw: object, where: str, known: Collection[str]) -> dict[str, Any]:
        """What is given, without what is null; unknown names are wrong."""
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self._wrong(where, "This must be an object with names.")
            return {}
        for name in raw:
            if name not in known:
                there = f"{where}.{name}" if where else str(name)
                self._wrong(there, f"There is no {name} here: it may be {', '.join(known)}.")
        return {name: value for name, value in raw.items() if name in known and value is not None}

    def _text(self, given: Mapping[str, Any], name: str, where: str) -> str:
        value = given.get(name, "")
        if isinstance(value, str) and values.text(value) == value:
            return value
        self._wrong(f"{where}.{name}", "This must be a text.")
        return ""

    def _one_of(self, given: Mapping[str, Any], name: str, where: str, choices: Sequence[str], otherwise: str) -> str:
        value = given.get(name, otherwise)
        if isinstance(value, str) and value in choices:
            return value
        self._wrong(f"{where}.{name}", f"This must be one of {', '.join(choices)}.")
        return otherwise

    def _yes_or_no(self, given: Mapping[str, Any], name: str, where: str) -> bool:
        value = given.get(name, False)
        if isinstance(value, bool):
            return value
        self._wrong(f"{where}.{name}", "This must be true or false.")
        return False

    def _words(self, given: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
        value = given.get(name, [])
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self._wrong(f"{where}.{name}", "This must be a list of texts.")
        return ()

    def _column(self, given: Mapping[str, Any], where: str, name: str = "column", *, is_needed: bool = True) -> str:
        column = self._text(given, name, where)
        if not column:
            if is_needed:
                self._wrong(f"{where}.{name}", "Choose a column.")
        elif column not in self.columns:
            self._wrong(
                f"{where}.{name}", f"There is no column {column} in the source: choose another, or bring it back."
            )
            return ""
        return column

    def _country(self, given: Mapping[str, Any], where: str) -> str:
        country = self._text(given, "country", where)
        if country and not (people.is_country(country) and country.isupper()):
            self._wrong(f"{where}.country", "A country has two capital letters here, like DE (ISO 3166).")
        return people.ISO_COUNTRIES.get(country, country)

    def _identity(self, raw: object) -> Identity:
        where = "identity"
        given = self._members(raw, where, ("kind", "column", "country", "country_column"))
        if not given:
            self._wrong(where, "Choose the column that says whom a row is about.")
            return Identity()
        return Identity(
            self._one_of(given, "kind", where, people.KINDS, ""),
            self._column(given, where),
            self._country(given, where),
            self._column(given, where, "country_column", is_needed=False),
        )

    def _fields(self, raw: object, identity: Identity) -> tuple[Field, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list | tuple):
            self._wrong("fields", "This must be a list.")
            return ()
        made = tuple(self._field(one, f"fields.{number}", identity) for number, one in enumerate(raw))
        self._check_names(made, identity)
        return made

    def _check_names(self, made: tuple[Field, ...], identity: Identity) -> None:
        seen = dict[str, str]()
        for one in made:
            if one.name == identity.kind != "" and one.name in fields.IDENTIFIERS:
                self._wrong(f"{one.where}.field", f"{one.name} is what finds the person: it is told already.")
            name = unicodedata.normalize("NFC", one.name)
            if name and name in seen:
                sentence = f"{one.name} is written twice, of {seen[name]} and of {one.label}: leave one of them."
                self._wrong(f"{one.where}.field", sentence)
            seen.setdefault(name, one.label)
        properties = sum(one.name.startswith("properties.") for one in made)
        if properties > values.MOST_PROPERTIES:
            self._wrong("fields", f"These are {properties} properties, and Klaviyo takes {values.MOST_PROPERTIES}.")

    def _field(self, raw: object, where: str, identity: Identity) -> Field:
        given = self._members(raw, where, OF_FIELDS)
        if not isinstance(raw, Mapping):
            return Field(where)
        name = self._text(given, "field", where)
        if not name:
            self._wrong(f"{where}.field", "Choose a field.")
        elif problem := fields.problem(name, self.destination):
            self._wrong(f"{where}.field", problem)
        type = self._type(given, name, where)
        made = Field(
            where=where,
            name=name,
            column=self._column(given, where, is_needed=False),
            template=self._template(given, where),
            constant=given.get("constant"),
            type=type,
            transforms=self._transforms(given, type, where),
            form=self._form(given, type, where),
            decimal=given.get("decimal"),
            empty_words=frozenset(self._words(given, "empty_words", where)) or None,
            is_cleared=self._one_of(given, "when_empty", where, ("leave", "clear"), "leave") == "clear",
            at_noon=self._yes_or_no(given, "at_noon", where),
            separator=self._text(given, "separator", where) or ",",
            country=self._country(given, where) or identity.country,
            country_column=self._column(given, where, "country_column", is_needed=False) or identity.country_column,
        )
        self._check_field(given, made)
        return made

    def _check_field(self, given: Mapping[str, Any], made: Field) -> None:
        if len([name for name in ("column", "template", "constant") if name in given]) != 1:
            self._wrong(made.where, "Say one of column, template and constant.")
        if made.decimal not in (None, ".", ","):
            self._wrong(f"{made.where}.decimal", "This must be the decimal point or the decimal comma.")
        if made.is_cleared and made.name and not fields.can_be_cleared(made.name, self.destination):
            what = "Nothing of an event" if self.destination == EVENTS else f"Not even an empty cell of {made.name}"
            self._wrong(f"{made.where}.when_empty", f"{what} can be cleared: choose to leave it alone.")

    def _type(self, given: Mapping[str, Any], name: str, where: str) -> str:
        usual = "number" if name in fields.NUMBERS else "text"
        if name.startswith("properties."):
            usual = "text" if isinstance(given.get("constant", ""), str) else "json"
        type = self._one_of(given, "type", where, TYPES, usual)
        if name and not name.startswith("properties.") and type != usual:
            self._wrong(f"{where}.type", f"{name} is a {usual} at Klaviyo: choose that type.")
            return usual
        return type

    def _form(self, given: Mapping[str, Any], type: str, where: str) -> str:
        form = self._one_of(given, "form", where, dates.FORMS, "iso")
        if form != "iso" and type not in ("date", "moment"):
            self._wrong(f"{where}.form", f"Only dates and moments have a form, and this is a {type}.")
        return form

    def _transforms(self, given: Mapping[str, Any], type: str, where: str) -> tuple[str, ...]:
        chosen = self._words(given, "transforms", where)
        if unknown := [one for one in chosen if one not in TRANSFORMS]:
            self._wrong(f"{where}.transforms", f"There is no {unknown[0]}: it may be {', '.join(TRANSFORMS)}.")
        elif OF_TEXT.intersection(chosen) and type not in ("text", "list"):
            self._wrong(f"{where}.transforms", f"Letters are changed in texts and lists only, and this is a {type}.")
        return tuple(one for one in chosen if one in TRANSFORMS)

    def _template(self, given: Mapping[str, Any], where: str) -> str:
        template = self._text(given, "template", where)
        if "template" in given and (problem := templates.problem(template, self.columns)):
            self._wrong(f"{where}.template", problem)
            return ""
        return template

    def _metric(self, raw: object) -> tuple[str, str]:
        where = "metric"
        if self.destination != EVENTS:
            if raw is not None:
                self._wrong(where, "Only events have a metric.")
            return "", ""
        given = self._members(raw, where, ("name", "column"))
        if len(given) != 1:
            self._wrong(where, "Name the event, or choose a column that names it.")
            return "", ""
        if "column" in given:
            return "", self._column(given, where)
        try:
            return events.metric_name(self._text(given, "name", where)), ""
        except Trouble as trouble:
            self._wrong(f"{where}.name", f"The name {trouble}.")
            return "", ""

    def _time_of_event(self, raw: object) -> Time | None:
        if raw is not None and self.destination != EVENTS:
            self._wrong("time", "Only events have a time.")
            return None
        return self._time(raw, "time")

    def _time(self, raw: object, where: str) -> Time | None:
        if raw is None:
            return None
        given = self._members(raw, where, ("column", "form"))
        return Time(self._column(given, where), self._one_of(given, "form", where, dates.FORMS, "iso"))

    def _consent(self, raw: object) -> tuple[dict[str, Channel], Time | None]:
        where = "consent"
        if self.destination != SUBSCRIPTIONS:
            if raw is not None:
                self._wrong(where, "Consent goes to Klaviyo only by a sync of subscriptions.")
            return {}, None
        given = self._members(raw, where, (*CHANNELS, "consented_at"))
        channels = {name: self._channel(given[name], f"{where}.{name}") for name in CHANNELS if name in given}
        if not channels:
            self._wrong(where, "Choose the column that says yes to e-mail, or to text messages.")
        return channels, self._time(given.get("consented_at"), f"{where}.consented_at")

    def _channel(self, raw: object, where: str) -> Channel:
        given = self._members(raw, where, ("column", "yes"))
        column = self._column(given, where)
        yes = [word.strip() for word in self._words(given, "yes", where)]
        if not yes:
            self._wrong(f"{where}.yes", "Tick the words that mean yes: every other word means nothing.")
        elif "" in yes:
            self._wrong(f"{where}.yes", "An empty cell never means yes: take the empty word out.")
        return Channel(column, frozenset(yes))

    def _check_reach(self, made: Document) -> None:
        """Who is found by an address needs a number for text messages, and the other way round."""
        told = {one.name for one in made.fields}
        if "sms" in made.channels and made.identity.kind == "email" and "phone_number" not in told:
            self._wrong("consent.sms", "Text messages need a number: map phone_number as well.")
        if "email" in made.channels and made.identity.kind == "phone_number" and "email" not in told:
            self._wrong("consent.email", "E-mail needs an address: map email as well.")
