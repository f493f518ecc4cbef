"""Actions on profiles: people as Klaviyo knows them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from integrations.errors import PermanentError
from klaviyo.actions import appended, inputs, people, profile_fields, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Email,
    ExternalId,
    Id,
    Inputs,
    Phone,
    Reading,
    only_one_of,
    seed,
    wrong,
)
from klaviyo.actions.people import IDENTIFIERS, Who
from klaviyo.actions.profile_fields import Named, Patching
from klaviyo.actions.profile_reading import WITH_CONSENT, answered
from klaviyo.actions.task import Refused, Task, resource
from klaviyo.api import answers, filters, published, values
from klaviyo.api.answers import members, words

FURTHER_ADDRESS = "further_address"
HAS_ANOTHER = (
    "Klaviyo keeps this address as a further one of a profile whose first address is another, and deletes a profile "
    "with all its addresses. Say whole_profile if all of it is to go."
)


class Creating(Named, Inputs):
    if_exists: Annotated[
        Literal["fail", "update"] | None,
        Field(description="fail (if not given), or update whom Klaviyo knows already."),
    ] = None


class Upserting(Named, Patching, Inputs):
    """An upsert."""


def _and_another(by: str) -> dict[str, Any]:
    """In a schema's rule: somebody is found by one identifier, and given another."""
    others = [inputs.given(name) for name in IDENTIFIERS if name not in (by, "klaviyo_id")]
    return {"required": ["identifier"], "properties": {"identifier": {"const": by}}, "anyOf": others}


class Updating(Patching, Who):
    RULES = (
        {
            "anyOf": [
                *(inputs.given(name) for name in (*Patching.model_fields, "reference")),
                *map(_and_another, IDENTIFIERS),
            ]
        },
    )

    reference: Annotated[
        ExternalId | None, Field(description="Their new external id.", json_schema_extra=seed("Reference"))
    ] = None

    @model_validator(mode="after")
    def _changes_something(self) -> "Updating":
        names = {*Patching.model_fields, "reference", "email", "phone_number", "external_id"}
        if not self.given(*(names - {self.by})):
            raise wrong("Say what is to change: any of the profile's fields, append, unappend, clear or reference.")
        return self


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
        is_ours = given.email in task.guard.made  # Klaviyo knew nobody by it before it was told of their no
        if not other or not (is_ours or given.if_exists == "update"):
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
    return answered(task, profile, others, with_lists=given.with_lists)


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
    "create_or_update_profile", reaches=True, examples=({"email": "ann@shop.example", "append": {"tags": ["vip"]}},)
)
def upsert_profile(task: Task, given: Upserting) -> dict[str, Any]:
    """Create a person's profile, or change it if Klaviyo knows them."""
    made = profile_fields.attributes(given)
    data: dict[str, Any] = {"type": "profile", "attributes": made}
    if meta := profile_fields.patch(given, made):
        data["meta"] = meta
    query = reading.query(Reading(), published.find("create_or_update_profile"), also=WITH_CONSENT)
    once = _once(meta)
    answer = task.call("create_or_update_profile", query=query, body={"data": data}, is_repeatable=once)
    # 201 of a new one: https://developers.klaviyo.com/en/reference/create_or_update_profile
    return appended.flat(answer.data) | {"is_new": answer.status == 201}


def _patch(task: Task, id: str, made: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "profile", "id": id, "attributes": made} | ({"meta": meta} if meta else {})
    query = reading.query(Reading(), published.find("update_profile"), also=WITH_CONSENT)
    once = _once(meta)
    answer = task.call("update_profile", path={"id": id}, query=query, body={"data": data}, is_repeatable=once)
    return appended.flat(answer.data)


def _once(meta: dict[str, Any]) -> bool | None:
    """False of what appends: a second time it would stand there twice, so nobody else begins it anew either.

    https://developers.klaviyo.com/en/reference/update_profile
    """
    return False if "append" in meta.get("patch_properties", {}) else None


class Merging(Inputs):
    klaviyo_id: Annotated[Id, Field(description="The profile that stays.")]
    from_id: Annotated[Id, Field(description="The profile that goes into it, and is gone then.")]

    @model_validator(mode="after")
    def _are_two(self) -> "Merging":
        if self.klaviyo_id == self.from_id:
            raise wrong("A profile cannot be merged into itself.", field="from_id")
        return self


class Deleting(Inputs):
    """Exactly one of the three, as Klaviyo takes one."""

    RULES = (only_one_of("email", "phone_number", "klaviyo_id"),)

    email: Annotated[Email | None, Field(description="The person's e-mail address.")] = None
    phone_number: Annotated[Phone | None, Field(description="Their phone number, as +358401234567.")] = None
    klaviyo_id: Annotated[Id | None, Field(description="Their profile's id at Klaviyo.")] = None
    whole_profile: Annotated[
        bool, Field(description="Also where the email is a further address of a profile that has another one first.")
    ] = False

    @model_validator(mode="after")
    def _one(self) -> "Deleting":
        if len(self.given("email", "phone_number", "klaviyo_id")) != 1:
            raise wrong("Give one of email, phone_number and klaviyo_id.", field="email")
        if self.phone_number:
            people.phone(self.phone_number, None)
        return self


@action(
    "merge_profiles",
    asks="Two profiles become one, which nobody can undo.",
    reaches=True,
    examples=({"klaviyo_id": "01JABC", "from_id": "01JXYZ"},),
)
def merge_profiles(task: Task, given: Merging) -> dict[str, Any]:
    """Merge a profile into another one.

    https://developers.klaviyo.com/en/reference/merge_profiles
    """
    relationships = {"profiles": {"data": [{"type": "profile", "id": given.from_id}]}}
    body = {"data": {"type": "profile-merge", "id": given.klaviyo_id, "relationships": relationships}}
    task.call("merge_profiles", body=body)
    return {"klaviyo_id": given.klaviyo_id, "from_id": given.from_id, "accepted": True}


@action(
    "request_profile_deletion",
    sometimes=("get_profiles",),
    asks="Klaviyo deletes the person with all of their addresses and all that it knows of them, for good.",
    examples=({"email": "ann@shop.example"},),
)
def request_profile_deletion(task: Task, given: Deleting) -> dict[str, Any]:
    """Have a person deleted at Klaviyo.

    It is done there within days. Sorae itself keeps what it knows: erase the person on their page to end that as well.
    """
    who: dict[str, Any] = {"type": "profile", "attributes": {}}
    if given.klaviyo_id:
        who["id"] = given.klaviyo_id
    elif given.phone_number:
        who["attributes"]["phone_number"] = people.phone(given.phone_number, None)
    else:
        who["attributes"]["email"] = given.email
        if not given.whole_profile:
            _refuse_further(task, str(given.email))
    task.call("request_profile_deletion", body=resource("data-privacy-deletion-job", {"profile": {"data": who}}))
    return {"accepted": True} | given.given("email", "phone_number", "klaviyo_id")


def _refuse_further(task: Task, email: str) -> None:
    """A profile can have five addresses, and is deleted as a whole, whichever of them is named.

    https://help.klaviyo.com/hc/en-us/articles/48274807144475
    """
    query = {"filter": filters.any_of("email", sorted({email, email.lower()})), "fields[profile]": "email"}
    found = task.call("get_profiles", query=query).data
    if task.is_dry:
        return
    if not isinstance(found, list):
        raise answers.Unreadable("people")
    first = [values.address(words(members(members(one).get("attributes")).get("email"))).lower() for one in found]
    if first and email.lower() not in first:
        raise Refused(
            FURTHER_ADDRESS,
            HAS_ANOTHER,
            pointer="/email",
            data={"profile_ids": [words(members(one).get("id")) for one in found]},
        )
