"""Inputs of actions: the typed model that each is declared with, and the kinds of fields that many share.

One name per field, Klaviyo's own in snake case. A field's `seed` is its label in other products; in snake case that is
an alias. Not given, and null, mean *leave it*; only `clear` clears.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from klaviyo.api import ids, values

_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def wrong(sentence: str, code: str = "invalid", **more: Any) -> PydanticCustomError:
    """What a validator raises: a sentence for people."""
    return PydanticCustomError(code, "{sentence}", {"sentence": sentence, **more})


def seed(*labels: str) -> dict[str, Any]:
    """The labels that other products have for a field: shown in help and form, and aliases in snake case."""
    return {"seed": list(labels)}


def snake(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def _text(value: str) -> str:
    if values.text(value) != value:
        raise wrong("This holds characters that nobody can store (NUL, or half of a character).")
    return value


def _email(value: str) -> str:
    if problem := values.email_problem(value):
        raise wrong(problem)
    return value


def _id(value: str) -> str:
    if not ids.is_one(value):
        raise wrong("This cannot be an id of Klaviyo's: it has up to 64 letters, digits, dashes and underscores.")
    return value


def _iso(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _ISO.match(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise wrong("This is no time. Write it like 2026-08-01T12:00:00Z.")


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise wrong("This time has no time zone. Write it like 2026-08-01T12:00:00Z.")
    return value


def _https(value: str) -> str:
    if not re.fullmatch(r"https://[^\s/?#@\\]+([/?#][^\s\\]*)?", value):
        raise wrong("This must be an address that begins with https://.")
    return value


Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_text)]
Email = Annotated[str, AfterValidator(_text), AfterValidator(_email), Field(json_schema_extra={"format": "email"})]
Phone = Annotated[str, Field(min_length=3, max_length=40), AfterValidator(_text)]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_id)]
JobId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_=.:-]{1,128}$")]
ExternalId = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_text)]
# A validator before its model hands Python values on, of which strict reading would take no text for a time:
# https://docs.pydantic.dev/latest/concepts/conversion_table/
Moment = Annotated[datetime, BeforeValidator(_iso), AfterValidator(_moment)]
Https = Annotated[
    str,
    AfterValidator(_https),
    Field(max_length=2_000, json_schema_extra={"pattern": r"^https://[^\s/?#@\\]+([/?#][^\s\\]*)?$"}),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)]
Object = dict[str, Any]

Identifier = Literal["email", "phone_number", "klaviyo_id", "external_id"]
Handling = Literal["earliest creation date", "earliest update date", "newest creation date", "newest update date"]


def schema_of(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """What the schema says besides: null leaves a field as it is, and the rules across fields."""
    required = schema.get("required", ())
    for name, about in schema.get("properties", {}).items():
        if name not in required and not _takes_null(about):
            said = {key: about.pop(key) for key in list(about) if key not in _OF_SCHEMA}
            schema["properties"][name] = {"anyOf": [said, {"type": "null"}], **about}
    declared = [rule for one in reversed(model.__mro__) for rule in one.__dict__.get("RULES", ())]
    rules = [rule(schema["properties"]) if callable(rule) else rule for rule in declared]
    if rules:
        schema["allOf"] = [*schema.get("allOf", ()), *rules]


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
    limit: Annotated[int, Field(ge=1, le=1_000_000, description="How many at most.")] = 100
    all: Annotated[bool, Field(description="All of them, to the last page.")] = False
    start: Annotated[
        Text | None,
        Field(max_length=4_000, alias="from", description="Go on from here: the `next` of an earlier answer."),
    ] = None


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
