"""People that an action is about: by e-mail, phone number or an id, and which of several profiles is meant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from integrations.errors import PermanentError
from klaviyo.actions.inputs import (
    Country,
    Email,
    ExternalId,
    Handling,
    Id,
    Identifier,
    Inputs,
    Phone,
    Rule,
    seed,
    wrong,
)
from klaviyo.actions.task import Refused, Task
from klaviyo.api import answers, filters, values
from klaviyo.api.answers import members, words

IDENTIFIERS = ("email", "phone_number", "klaviyo_id", "external_id")
PROFILE_FIELDS = {"klaviyo_id": "id"}


def _alone(name: str) -> dict[str, Any]:
    """In a schema's rule: by this identifier, and none besides."""
    others = {other: {"type": "null"} for other in (*IDENTIFIERS, "identifier") if other != name}
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}, **others}}


def _named(name: str) -> dict[str, Any]:
    """In a schema's rule: by this one, as `identifier` says."""
    said = {"identifier": {"const": name}, name: {"not": {"type": "null"}}}
    return {"required": ["identifier", name], "properties": said}


class Who(Inputs):
    """One person, by one identifier."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        {"anyOf": [*(_alone(name) for name in IDENTIFIERS), *(_named(name) for name in IDENTIFIERS)]},
    )

    email: Annotated[
        Email | None, Field(description="The person's e-mail address.", json_schema_extra=seed("Email"))
    ] = None
    phone_number: Annotated[
        Phone | None,
        Field(
            description="Their phone number, as +358401234567, or with its country.", json_schema_extra=seed("Phone 1")
        ),
    ] = None
    klaviyo_id: Annotated[
        Id | None,
        Field(description="Their profile's id at Klaviyo.", json_schema_extra=seed("Klaviyo Id", "Profile ID")),
    ] = None
    external_id: Annotated[
        ExternalId | None,
        Field(description="Their id in another system.", json_schema_extra=seed("Klaviyo External Id")),
    ] = None
    country: Annotated[
        Country | None,
        Field(description="The country (ISO 3166) of a number without its country code."),
    ] = None
    identifier: Annotated[
        Identifier | None,
        Field(description="Which of several identifiers finds them.", json_schema_extra=seed("Klaviyo Identifier")),
    ] = None
    profile_handling: Annotated[
        Handling | None,
        Field(description="Which of several profiles is meant.", json_schema_extra=seed("Klaviyo Profile Handling")),
    ] = None

    @model_validator(mode="after")
    def _one_identifier(self) -> "Who":
        check_identifier(self, "Say who it is about: email, phone_number, klaviyo_id or external_id.")
        return self

    @property
    def by(self) -> str:
        """The identifier that finds them."""
        return self.identifier or next(name for name in IDENTIFIERS if getattr(self, name) is not None)

    @property
    def found_by(self) -> str:
        """The value of that identifier; a phone number as E.164."""
        value = str(getattr(self, self.by))
        return phone(value, self.country) if self.by == "phone_number" else value


def check_identifier(given: Any, missing: str) -> None:
    """One identifier, or the one that is named. Raises a validation error."""
    there = [name for name in IDENTIFIERS if getattr(given, name, None) is not None]
    if given.identifier and given.identifier not in there:
        raise wrong(f"identifier says {given.identifier}, which was not given.", field="identifier")
    if not there:
        raise wrong(missing, "missing")
    if len(there) > 1 and not given.identifier:
        raise wrong(f"Say by identifier which of {' and '.join(there)} finds the person.", field="identifier")
    if getattr(given, "phone_number", None):
        phone(given.phone_number, getattr(given, "country", None))


def phone(number: str, country: str | None) -> str:
    """The number as E.164. Raises a validation error for what is none, or is not certain."""
    if read := values.phone(number, country or ""):
        return read
    if number.strip().startswith("+") or country:
        raise wrong("This is no phone number that can exist.", field="phone_number")
    raise wrong(
        "Write the phone number with its country code, as +358401234567, or name its country.", field="phone_number"
    )


def find(task: Task, who: Who, *, subscriptions: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The profile (Klaviyo's resource) and the ids of others that were found. Raises Refused for none, or several."""
    field, value = PROFILE_FIELDS.get(who.by, who.by), who.found_by
    spellings = [value] if who.by != "email" else list(dict.fromkeys([value, value.lower()]))
    query = {"filter": filters.any_of(field, spellings), "page[size]": "100"}
    if subscriptions:
        query["additional-fields[profile]"] = "subscriptions"
    found = task.call("get_profiles", query=query).data
    if not isinstance(found, list):
        raise answers.Unreadable("people")
    chosen, others = choose(found, who.profile_handling)
    task.guard.meet(chosen)
    return chosen, others


def choose(found: Sequence[Any], handling: str | None) -> tuple[dict[str, Any], list[str]]:
    """One of the profiles, and the ids of the others. Raises Refused."""
    profiles = [members(item) for item in found]
    if not profiles:
        raise Refused("not_found", "Klaviyo knows nobody by that.")
    if len(profiles) == 1:
        return profiles[0], []
    if handling is None:
        sentence = f"Klaviyo has {len(profiles)} profiles by that. Say by profile_handling which one is meant."
        raise Refused("several_profiles", sentence, data={"profile_ids": [words(one.get("id")) for one in profiles]})
    order, _, date = handling.partition(" ")
    name = "created" if date.startswith("creation") else "updated"
    known = [one for one in profiles if values.moment(members(one.get("attributes")).get(name))]
    rest = [one for one in profiles if one not in known]
    ordered = sorted(known, key=lambda one: (_moment(one, name), words(one.get("id"))), reverse=order == "newest")
    chosen, *others = [*ordered, *sorted(rest, key=lambda one: words(one.get("id")))]
    return chosen, [words(one.get("id")) for one in others]


def id_of(task: Task, who: Who) -> tuple[str, list[str]]:
    """Their profile's id, looked up unless it was given. Raises Refused."""
    if who.by == "klaviyo_id":
        return str(who.klaviyo_id), []
    profile, others = find(task, who)
    return words(profile.get("id")), others


def taken_by(error: PermanentError) -> str:
    """The id of the profile that has the identifier already, where that is what Klaviyo says."""
    return answers.duplicate_of(error)


def _moment(profile: dict[str, Any], name: str) -> datetime:
    return values.moment(members(profile.get("attributes")).get(name)) or datetime.min.replace(tzinfo=UTC)
