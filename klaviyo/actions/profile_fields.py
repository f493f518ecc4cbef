"""Profile fields: what can be said of a person, flat or in objects, and the request that it becomes."""

import ipaddress
import math
from typing import Annotated, Any, ClassVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from klaviyo.actions.inputs import (
    ODD,
    Email,
    ExternalId,
    Https,
    Part,
    Phone,
    Rule,
    Shaped,
    Text,
    excludes,
    no_boolean,
    one_of_those_there,
    seed,
    wrong,
)
from klaviyo.actions.people import phone
from klaviyo.api import values

IN_LOCATION = ("address1", "address2", "city", "country", "region", "zip", "latitude", "longitude", "timezone", "ip")
PLAIN = ("email", "phone_number", "first_name", "last_name", "title", "organization", "locale", "image")
DEEPEST = 10
CLEARABLE = ("first_name", "last_name", "title", "organization", "locale", "image", "external_id", "phone_number")
CLEARED = rf"^({'|'.join(CLEARABLE)}|location\.({'|'.join(IN_LOCATION)})|properties\..+)$"


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise wrong("This is no time zone: it is named like Europe/Helsinki.")
    return value


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise wrong("This is no IP address: it is written like 203.0.113.7.") from None
    return value


def _properties(value: dict[str, Any]) -> dict[str, Any]:
    check_object(value)
    if odd := next((name for name in value if name.startswith("$")), None):
        raise wrong(f"Names of properties that begin with $ are Klaviyo's own: {odd}.")
    return value


def check_object(value: dict[str, Any]) -> None:
    """What Klaviyo takes as properties. Raises a validation error."""
    if len(value) > values.MOST_PROPERTIES:
        raise wrong(f"These are {len(value)} properties, and Klaviyo takes {values.MOST_PROPERTIES}.")
    for name, one in value.items():
        if values.text(name) != name:
            raise wrong(ODD)
        if problem := _problem(one, 1):
            raise wrong(f"{name[:100]}: {problem}")


def _problem(value: Any, depth: int) -> str:
    """Why Klaviyo cannot keep a property of this value; empty when it can."""
    match value:
        case str():
            return _problem_of_text(value)
        case bool() | None:
            return ""
        case int():
            return "" if abs(value) <= values.LARGEST_WHOLE else "The number is too large to be kept as it is."
        case float():
            return "" if math.isfinite(value) else "This is no number that JSON has."
        case dict() | list() | tuple():
            return _problem_inside(value, depth)
    return f"JSON does not have what this is: {type(value).__name__}."


def _problem_of_text(value: str) -> str:
    if values.text(value) != value:
        return ODD
    is_short = 4 * len(value) <= values.LONGEST_STRING or len(value.encode()) <= values.LONGEST_STRING
    return "" if is_short else f"Klaviyo takes texts of up to {values.LONGEST_STRING // 1_000} KB."


def _problem_inside(value: Any, depth: int) -> str:
    if depth > values.DEEPEST:
        return f"It is nested too deep: Klaviyo takes {values.DEEPEST + 1} levels."
    if not isinstance(value, dict) and len(value) > values.MOST_ITEMS:
        return f"It has {len(value)} items, and Klaviyo takes {values.MOST_ITEMS}."
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    return next(filter(None, (_problem(one, depth + 1) for one in inside)), "")


Properties = Annotated[dict[str, Any], AfterValidator(_properties)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), BeforeValidator(no_boolean)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), BeforeValidator(no_boolean)]
Ip = Annotated[
    str, AfterValidator(_address), Field(json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
]
Locale = Annotated[str, Shaped(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$", "A language is written like en or en-US.")]
Zone = Annotated[str, AfterValidator(_zone)]


class Location(Part):
    """Where a person lives."""

    address1: Text | None = None
    address2: Text | None = None
    city: Text | None = None
    country: Text | None = None
    region: Text | None = None
    zip: Text | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timezone: Zone | None = None
    ip: Ip | None = None


class About(Part):
    """What is said of a person, beside who they are."""

    RULES: ClassVar[tuple[Rule, ...]] = (excludes("location", *IN_LOCATION),)

    first_name: Annotated[Text | None, Field(json_schema_extra=seed("First Name"))] = None
    last_name: Annotated[Text | None, Field(json_schema_extra=seed("Last Name"))] = None
    title: Annotated[Text | None, Field(json_schema_extra=seed("Title"))] = None
    organization: Annotated[Text | None, Field(json_schema_extra=seed("Company Name", "Organization"))] = None
    image: Annotated[
        Https | None, Field(description="Address of a picture.", json_schema_extra=seed("Klaviyo Photo Url", "Image"))
    ] = None
    locale: Annotated[Locale | None, Field(description="Their language, as en-US.")] = None
    address1: Annotated[Text | None, Field(json_schema_extra=seed("Address 1"))] = None
    address2: Annotated[Text | None, Field(json_schema_extra=seed("Address 2"))] = None
    city: Annotated[Text | None, Field(json_schema_extra=seed("City"))] = None
    country: Annotated[
        Text | None,
        Field(
            description="Their country; as two letters it also reads a phone number without its country code.",
            json_schema_extra=seed("Country"),
        ),
    ] = None
    region: Annotated[Text | None, Field(description="State or region.", json_schema_extra=seed("State"))] = None
    zip: Annotated[Text | None, Field(description="Postal code.", json_schema_extra=seed("Postal Code"))] = None
    latitude: Annotated[Latitude | None, Field(json_schema_extra=seed("Latitude"))] = None
    longitude: Annotated[Longitude | None, Field(json_schema_extra=seed("Longitude"))] = None
    timezone: Annotated[
        Zone | None, Field(description="Such as Europe/Helsinki.", json_schema_extra=seed("Klaviyo Timezone"))
    ] = None
    ip: Ip | None = None
    location: Annotated[
        Location | None, Field(description="The same as one object.", json_schema_extra=seed("Location"))
    ] = None
    properties: Annotated[
        Properties | None,
        Field(description="Custom properties, merged by name.", json_schema_extra=seed("Klaviyo Custom", "Properties")),
    ] = None

    @model_validator(mode="after")
    def _flat_or_object(self) -> "About":
        if self.location and (flat := [name for name in IN_LOCATION if getattr(self, name) is not None]):
            raise wrong(f"Give location as an object or flat ({', '.join(flat)}), not both.", field="location")
        return self


class Patching(About):
    """What an update can do besides setting: append to, and remove from, and clear."""

    append: Annotated[Properties | None, Field(description="Values to add to properties that are lists.")] = None
    unappend: Annotated[Properties | None, Field(description="Values to remove from properties that are lists.")] = None
    clear: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300, json_schema_extra={"pattern": CLEARED})]] | None,
        Field(max_length=400, description="Names to empty: title, location.city, or properties.tier."),
    ] = None

    @model_validator(mode="after")
    def _can_be_cleared(self) -> "Patching":
        for name in self.clear or ():
            first, _, rest = name.partition(".")
            known = (first == "properties" and rest) or (first == "location" and rest in IN_LOCATION)
            if not known and name not in CLEARABLE:
                raise wrong(
                    f"{name} cannot be cleared: {', '.join(CLEARABLE)}, location.… and properties.… can.", field="clear"
                )
            if self._is_set(name):
                raise wrong(f"{name} is to be set and to be cleared: say one of them.", field="clear")
        return self

    def _is_set(self, name: str) -> bool:
        first, _, rest = name.partition(".")
        if first == "properties":
            return any(rest in (told or {}) for told in (self.properties, self.append, self.unappend))
        if first == "location":
            return getattr(self.location, rest, None) is not None or getattr(self, rest) is not None
        return getattr(self, name, None) is not None and name not in NAMES


NAMES = ("phone_number", "external_id")  # which may be there to find somebody by


class Named(About):
    """A person by an address, a number or an id of another system."""

    RULES = (one_of_those_there("email", "phone_number", "external_id", "klaviyo_id"),)

    email: Annotated[
        Email | None, Field(description="The person's e-mail address.", json_schema_extra=seed("Email"))
    ] = None
    phone_number: Annotated[
        Phone | None,
        Field(description="As +358401234567, or with a country.", json_schema_extra=seed("Phone 1", "Phone Number")),
    ] = None
    external_id: Annotated[
        ExternalId | None,
        Field(description="Their id in another system.", json_schema_extra=seed("Reference", "External ID")),
    ] = None

    @model_validator(mode="after")
    def _has_a_name(self) -> "Named":
        if not (self.email or self.phone_number or self.external_id or getattr(self, "klaviyo_id", None)):
            raise wrong("Give an email, a phone_number or an external_id.", "missing", field="email")
        if self.phone_number:
            phone(self.phone_number, country_of(self))
        return self


class OneProfile(Named, Patching):
    """One of many people."""


def attributes(given: About, *, leave: str = "") -> dict[str, Any]:
    """The attributes of a profile's request; an identifier to `leave` out is the one that finds it."""
    names = [name for name in (*PLAIN, "external_id") if name != leave and name in type(given).model_fields]
    made = given.given(*names)
    if "phone_number" in made:
        made["phone_number"] = phone(made["phone_number"], country_of(given))
    place = given.location.model_dump(exclude_none=True) if given.location else given.given(*IN_LOCATION)
    if place:
        made["location"] = place
    if given.properties:
        made["properties"] = given.properties
    return made


def patch(given: Patching, made: dict[str, Any]) -> dict[str, Any]:
    """The `meta` of an update, {} where it has none; what is to be cleared becomes null among the attributes."""
    unset = []
    for name in given.clear or ():
        first, _, rest = name.partition(".")
        if first == "properties":
            unset.append(rest)
        elif first == "location":
            made.setdefault("location", {})[rest] = None
        else:
            made[name] = None
    # https://developers.klaviyo.com/en/reference/create_or_update_profile
    operations = {"append": given.append, "unappend": given.unappend, "unset": unset}
    found = {name: value for name, value in operations.items() if value}
    return {"patch_properties": found} if found else {}


def country_of(given: About) -> str | None:
    return given.country if given.country and len(given.country) == 2 and given.country.isupper() else None
