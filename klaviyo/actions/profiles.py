"""Actions on profiles: people as Klaviyo knows them."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from integrations.errors import PermanentError
from klaviyo.actions import appended, people, profile_fields, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Email,
    ExternalId,
    Id,
    Listing,
    Phone,
    Reading,
    seed,
    wrong,
)
from klaviyo.actions.people import Who
from klaviyo.actions.profile_fields import About, Patching
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published
from klaviyo.api.answers import members, words

WITH_CONSENT = {"additional-fields[profile]": ["subscriptions"]}


class Named(About):
    """A person who is made, by an address, a number or an id of another system."""

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
        if not (self.email or self.phone_number or self.external_id):
            raise wrong("Give an email, a phone_number or an external_id.", "missing", field="email")
        if self.phone_number:
            people.phone(self.phone_number, profile_fields.country_of(self))
        return self


class Creating(Named):
    if_exists: Annotated[
        str | None,
        Field(pattern="^(fail|update)$", description="fail (if not given), or update whom Klaviyo knows already."),
    ] = None


class Upserting(Named, Patching):
    """An upsert."""


class Updating(Patching, Who):
    reference: Annotated[
        ExternalId | None, Field(description="Their new external id.", json_schema_extra=seed("Reference"))
    ] = None


class Getting(Reading):
    klaviyo_id: Annotated[
        Id, Field(description="The profile's id at Klaviyo.", json_schema_extra=seed("Profile ID", "Klaviyo Id"))
    ]
    with_lists: Annotated[bool, Field(description="Also the names of the lists they are on (60 a minute).")] = False


class Finding(Who):
    with_lists: Annotated[bool, Field(description="Also the names of the lists they are on (60 a minute).")] = False


@action(
    "create_profile",
    sometimes=("update_profile",),
    seeds=("LeadConduit: Create Profile", "Prismatic: Create Profile"),
    reaches=True,
    examples=({"email": "ann@shop.example", "first_name": "Ann", "properties": {"tier": "gold"}},),
)
def create_profile(task: Task, given: Creating) -> dict[str, Any]:
    """Create a person's profile.

    Whom Klaviyo knows already is a failure with the id of their profile, unless if_exists is update.
    """
    made = profile_fields.attributes(given)
    query = reading.query(Reading(), published.find("create_profile"), also=WITH_CONSENT)
    try:
        body = {"data": {"type": "profile", "attributes": made}}
        return appended.flat(task.call("create_profile", query=query, body=body).data)
    except PermanentError as error:
        other = people.taken_by(error)
        if not (other and given.if_exists == "update"):
            raise
    return _patch(task, other, made, {})


@action(
    "get_profiles",
    sometimes=("get_lists_for_profile",),
    seeds=("LeadConduit: Get Profiles",),
    examples=({"email": "ann@shop.example"},),
)
def get_profiles(task: Task, given: Finding) -> dict[str, Any]:
    """Find a person's profile, with their consent."""
    profile, others = people.find(task, given, subscriptions=True)
    return _told(task, profile, others, with_lists=given.with_lists)


@action(
    "update_profile",
    sometimes=("get_profiles",),
    seeds=("LeadConduit: Update Profile", "Prismatic: Update Profile"),
    examples=({"klaviyo_id": "01JABC", "title": "Dr", "clear": ["organization"]},),
)
def update_profile(task: Task, given: Updating) -> dict[str, Any]:
    """Change a person's profile.

    The identifier finds the person and is not sent again. What is not given stays; only clear empties.
    """
    id, others = people.id_of(task, given)
    made = profile_fields.attributes(given, leave=given.by)
    made.pop("klaviyo_id", None)
    if given.reference is not None:
        made["external_id"] = given.reference
    told = _patch(task, id, made, profile_fields.patch(given, made))
    return told | ({"also_found": others} if others else {})


@action(
    "get_profile",
    sometimes=("get_lists_for_profile",),
    seeds=("Prismatic: Get Profile",),
    examples=({"klaviyo_id": "01JABC"},),
)
def get_profile(task: Task, given: Getting) -> dict[str, Any]:
    """Get a person's profile by its id, with their consent."""
    query = reading.query(given, published.find("get_profile"), also=WITH_CONSENT)
    profile = task.call("get_profile", path={"id": given.klaviyo_id}, query=query).data
    return _told(task, members(profile), [], with_lists=given.with_lists)


@action("get_profiles", seeds=("Prismatic: List Profile",), examples=({"limit": 20, "sort": "-created"},))
def list_profiles(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's profiles."""
    return Listed("get_profiles", query=reading.query(given, published.find("get_profiles")))


@action(
    "create_or_update_profile", reaches=True, examples=({"email": "ann@shop.example", "append": {"tags": ["vip"]}},)
)
def upsert_profile(task: Task, given: Upserting) -> dict[str, Any]:
    """Create a person's profile, or change it if Klaviyo knows them."""
    made = profile_fields.attributes(given)
    data: dict[str, Any] = {"type": "profile", "attributes": made}
    if meta := profile_fields.patch(given, made):
        data["meta"] = meta
    query = reading.query(Reading(), published.find("create_or_update_profile"), also=WITH_CONSENT)
    answer = task.call("create_or_update_profile", query=query, body={"data": data})
    # 201 of a new one: https://developers.klaviyo.com/en/reference/create_or_update_profile
    return appended.flat(answer.data) | {"is_new": answer.status == 201}


def _patch(task: Task, id: str, made: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "profile", "id": id, "attributes": made} | ({"meta": meta} if meta else {})
    query = reading.query(Reading(), published.find("update_profile"), also=WITH_CONSENT)
    return appended.flat(task.call("update_profile", path={"id": id}, query=query, body={"data": data}).data)


def _told(task: Task, profile: dict[str, Any], others: Sequence[str], *, with_lists: bool) -> dict[str, Any]:
    names: list[str] | None = None
    if with_lists:
        lists = task.call("get_lists_for_profile", path={"id": words(profile.get("id"))}).data
        names = [words(members(one.get("attributes")).get("name")) for one in map(members, lists or [])]
    return appended.flat(profile, list_name=names) | ({"also_found": list(others)} if others else {})
