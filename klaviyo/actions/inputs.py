"""Inputs of actions: the typed model that each is declared with, and the kinds of fields that many share.

One name per field, Klaviyo's own in snake case. A field's `seed` is its label in other products; in snake case that is
an alias. Not given, and null, mean *leave it*; only `clear` clears.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from klaviyo.api import values

_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def wrong(sentence: str, code: str = "invalid", **more: Any) -> PydanticCustomError:
    """What a validator raises: a sentence for people."""
    return PydanticCustomError(code, "{sentence}", {"sentence": sentence, **more})


def seed(*labels: str) -> dict[str, Any]:
    """The labels that other products have for a field: shown in help and form, and aliases in snake case."""
    return {"seed": list(labels)}


def snake(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


@dataclass(frozen=True)
class Shaped:
    """What a text must look like: a pattern for programs, and a sentence for people."""

    pattern: str
    sentence: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": self.pattern}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise wrong(self.sentence)
        return value


#: Controls, ends of lines, and what turns the direction of writing. Joiners, as in emoji, are none of them.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
ONE_LINE = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"
ONE_LINE_ONLY = "This must be one line that is not blank, without control characters."
HTTPS = r"^https://[^\s/?#@\\]+([/?#][^\s\\]*)?$"
ODD = "This holds characters that nobody can store (NUL, or half of a character)."
DEEPEST = 50


def _text(value: str) -> str:
    if values.text(value) != value:
        raise wrong(ODD)
    return value


def json_problem(value: Any, depth: int = 1) -> str:
    """Why JSON of ours cannot hold this; empty when it can."""
    match value:
        case str():
            return ODD if values.text(value) != value else ""
        case bool() | int() | None:
            return ""
        case float():
            return "" if math.isfinite(value) else "This holds a number that JSON does not have (NaN, or infinite)."
        case dict() | list() | tuple():
            if depth > DEEPEST:
                return f"This is nested deeper than {DEEPEST} levels."
            inside = [*value, *value.values()] if isinstance(value, dict) else value
            return next(filter(None, (json_problem(one, depth + 1) for one in inside)), "")
    return f"This holds a {type(value).__name__}, which JSON does not have."


def _json(value: Any) -> Any:
    if problem := json_problem(value):
        raise wrong(problem)
    return value


def _read_moment(value: Any) -> Any:
    """JSON has no type for times, so in what is strict a text would be none."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise wrong("This is no time. Write it like 2026-08-01T12:00:00Z.")


def _read_day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and not value.isdigit():
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise wrong("This is no date. Write it like 2026-08-01.")


def no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong("This is true or false, and no number.")
    return value


def _email(value: str) -> str:
    """As it travels, and as Klaviyo has it from us: by another spelling of its domain it would find nobody there."""
    if problem := values.email_problem(value):
        raise wrong(problem)
    return values.address(value)


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise wrong("This time has no time zone. Write it like 2026-08-01T12:00:00Z.")
    if not 1900 <= value.year < 2200:
        raise wrong("This time is too far off.")
    return value


Text = Annotated[str, AfterValidator(_text)]
Line = Annotated[str, AfterValidator(_text), Shaped(ONE_LINE, ONE_LINE_ONLY)]
Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_text), Shaped(ONE_LINE, ONE_LINE_ONLY)]
Email = Annotated[str, AfterValidator(_text), AfterValidator(_email), Field(json_schema_extra={"format": "email"})]
Phone = Annotated[str, Field(min_length=3, max_length=40), AfterValidator(_text)]
NO_ID = "This cannot be an id of Klaviyo's: it has up to 64 letters, digits, dashes and underscores."
NO_JOB = "This cannot be an id of a job: it has up to 128 letters, digits, and the signs _ = . : and -."
Id = Annotated[str, Field(min_length=1, max_length=64), Shaped(r"^[A-Za-z0-9_-]{1,64}$", NO_ID)]
JobId = Annotated[str, Field(min_length=1, max_length=128), Shaped(r"^[A-Za-z0-9_=.:-]{1,128}$", NO_JOB)]
ExternalId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_text)]
Moment = Annotated[datetime, BeforeValidator(_read_moment), AfterValidator(_moment)]
Day = Annotated[date, BeforeValidator(_read_day)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(no_boolean)]
Https = Annotated[str, Field(max_length=2_000), Shaped(HTTPS, "This must be an address that begins with https://.")]
Currency = Annotated[str, Shaped(r"^[A-Z]{3}$", "A currency has three capital letters, such as EUR (ISO 4217).")]
Country = Annotated[str, Shaped(r"^[A-Z]{2}$", "A country has two capital letters here, such as FI (ISO 3166).")]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)]
Object = Annotated[dict[str, Any], AfterValidator(_json)]

Identifier = Literal["email", "phone_number", "klaviyo_id", "external_id"]
Handling = Literal["earliest creation date", "earliest update date", "newest creation date", "newest update date"]


def schema_of(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """What the schema says besides: null leaves a field as it is, and the rules across fields."""
    required = schema.get("required", ())
    for name, about in schema.get("properties", {}).items():
        _close(about)
        if name not in required and not _takes_null(about):
            said = {key: about.pop(key) for key in list(about) if key not in _OF_SCHEMA}
            schema["properties"][name] = {"anyOf": [said, {"type": "null"}], **about}
    declared = [rule for one in reversed(model.__mro__) for rule in one.__dict__.get("RULES", ())]
    rules = [rule(schema["properties"]) if callable(rule) else rule for rule in declared]
    if issubclass(model, Changing):
        rules.append(one_of_them(*model.changes()))
    if rules:
        schema["allOf"] = [*schema.get("allOf", ()), *rules]


def _close(about: dict[str, Any]) -> None:
    """An object whose names have a pattern takes no others, which pydantic leaves out.

    https://json-schema.org/draft/2020-12/json-schema-core#section-10.3.2.3
    """
    for one in (about, *about.get("anyOf", ())):
        if "patternProperties" in one:
            one.setdefault("additionalProperties", False)


_OF_SCHEMA = ("title", "description", "default", "seed")


def _takes_null(about: dict[str, Any]) -> bool:
    return {"type": "null"} in about.get("anyOf", ()) or about.get("type") == "null"


def given(name: str) -> dict[str, Any]:
    """In a schema's rule: that the field is given, which null is not."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def one_of_them(*names: str) -> dict[str, Any]:
    """A rule: at least one of these fields is given."""
    return {"anyOf": [given(name) for name in names]}


def only_one_of(*names: str) -> dict[str, Any]:
    """A rule: exactly one of these fields is given."""
    return {"oneOf": [given(name) for name in names]}


def one_of_those_there(*names: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A rule: at least one of these fields is given, as far as a model has them."""
    return lambda fields: one_of_them(*(name for name in names if name in fields))


def needs(name: str, *others: str, value: Any = None) -> dict[str, Any]:
    """A rule: with this field (of that value) the others are given as well."""
    return {"anyOf": [_is_not(name, value), {"allOf": [given(other) for other in others]}]}


def excludes(name: str, *others: str, value: Any = None) -> dict[str, Any]:
    """A rule: with this field (of that value) none of the others is given."""
    return {"anyOf": [_is_not(name, value), {"properties": {other: {"type": "null"} for other in others}}]}


def _is_not(name: str, value: Any) -> dict[str, Any]:
    return {"properties": {name: {"type": "null"} if value is None else {"not": {"const": value}}}}


Rule = dict[str, Any] | Callable[[Mapping[str, Any]], dict[str, Any]]  # one that is made for the fields there are


class Part(BaseModel):
    """An object within inputs, strict and unchanging. `RULES` are its rules across fields, as JSON Schema says them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, populate_by_name=True, json_schema_extra=schema_of
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _by_their_names(cls, given: Any) -> Any:
        return renamed(cls, given) if isinstance(given, Mapping) else given

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the fields that were given a value."""
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


class Inputs(Part):
    """What every action can be given."""

    timeout_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=3600,
            description="After so many seconds it ends, whatever it is at.",
            json_schema_extra=seed("Timeout Seconds"),
        ),
    ] = 360
    max_retries: Annotated[
        int,
        Field(ge=0, le=10, description="How often a request is made again.", json_schema_extra=seed("Max Retry Count")),
    ] = 3
    retry_delay_ms: Annotated[
        int,
        Field(
            ge=0,
            le=60_000,
            description="How long it waits before each, without exponential back-off.",
            json_schema_extra=seed("Retry Delay (ms)"),
        ),
    ] = 0
    exponential_backoff: Annotated[
        bool, Field(description="Wait 1, 2, 4 … 60 seconds.", json_schema_extra=seed("Use Exponential Backoff"))
    ] = True
    retry_on_all_errors: Annotated[
        bool,
        Field(
            description="Also after what Klaviyo refuses, not only when it does not answer.",
            json_schema_extra=seed("Retry On All Errors"),
        ),
    ] = False


class Changing(Inputs):
    """What changes something that is there: it says what about it."""

    @classmethod
    def changes(cls) -> list[str]:
        fields = cls.model_fields
        return [name for name, field in fields.items() if name not in NOT_CHANGES and not field.is_required()]

    @model_validator(mode="after")
    def _changes_something(self) -> "Changing":
        names = self.changes()
        if not self.given(*names):
            raise wrong(f"Say what is to change: {', '.join(names)}.")
        return self


class Reading(Inputs):
    """What can be asked of an answer."""

    fields: Annotated[
        Words | None, Field(description="Only these fields of the answer.", json_schema_extra=seed("Fields"))
    ] = None
    additional_fields: Annotated[
        Words | None,
        Field(
            description="Fields that Klaviyo leaves out unless they are asked for.",
            json_schema_extra=seed("Additional Profile Fields", "Additional Fields"),
        ),
    ] = None
    include: Annotated[
        Words | None, Field(description="Related things to send along.", json_schema_extra=seed("Include"))
    ] = None


NOT_CHANGES = frozenset(Inputs.model_fields)


class Listing(Reading):
    """What can be asked of a list, which has as many pages as there are."""

    filter: Annotated[
        Text | None,
        Field(
            max_length=10_000,
            description='Klaviyo\'s filter, such as equals(name,"Newsletter").',
            json_schema_extra=seed("Filter", "Filter Campaigns"),
        ),
    ] = None
    sort: Annotated[
        Text | None,
        Field(max_length=100, description="A field to sort by; -field for descending.", json_schema_extra=seed("Sort")),
    ] = None
    RULES = (excludes("all", "limit", value=True),)

    limit: Annotated[int, Field(ge=1, le=1_000_000, description="How many at most.")] = 100
    all: Annotated[bool, Field(description="All of them, to the last page.")] = False
    start: Annotated[
        Text | None,
        Field(max_length=4_000, alias="from", description="Go on from here: the `next` of an earlier answer."),
    ] = None

    @model_validator(mode="after")
    def _so_many_or_all(self) -> "Listing":
        if self.all and "limit" in self.model_fields_set:
            raise wrong("Give all, or a limit, not both.", field="limit")
        return self


def renamed(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, with each alias put under its field's name, and without null. Both given is an error."""
    aliases = aliases_of(model)
    found: dict[str, Any] = {}
    for name, value in given.items():
        known = aliases.get(name, name)
        if known in found:
            raise wrong(f"{known} was given twice, as {name} as well: give one.", "given_twice", field=known)
        found[known] = value
    return {name: value for name, value in found.items() if value is not None}


@cache
def aliases_of(model: type[BaseModel]) -> dict[str, str]:
    """For each alias its field's name: other products' labels in snake case, unless that is a field itself."""
    own = {field.alias or name for name, field in model.model_fields.items()} | set(model.model_fields)
    found = {snake(label): field.alias or name for name, field, label in labels_of(model)}
    return {alias: name for alias, name in found.items() if alias not in own}


def labels_of(model: type[BaseModel]) -> Iterator[tuple[str, Any, str]]:
    """Each field that has labels elsewhere: its name, its description and a label."""
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        for label in extra.get("seed", ()) if isinstance(extra, dict) else ():  # type: ignore[union-attr]
            yield name, field, str(label)
