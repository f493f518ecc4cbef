"""Actions that read profiles: they need none of the models of what writes, which take their time to be made."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from klaviyo.actions import appended, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Id, Listing, Reading, seed
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import answers, published
from klaviyo.api.answers import members, words

WITH_CONSENT = {"additional-fields[profile]": ["subscriptions"]}


class Getting(Reading):
    klaviyo_id: Annotated[
        Id, Field(description="The profile's id at Klaviyo.", json_schema_extra=seed("Profile ID", "Klaviyo Id"))
    ]
    with_lists: Annotated[bool, Field(description="Also the names of the lists they are on (60 a minute).")] = False


class OfProfile(Reading):
    klaviyo_id: Annotated[
        Id, Field(description="The profile's id at Klaviyo.", json_schema_extra=seed("Profile ID", "Klaviyo Id"))
    ]


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
    return answered(task, members(profile), [], with_lists=given.with_lists)


@action("get_profiles", seeds=("Prismatic: List Profile",), examples=({"limit": 20, "sort": "-created"},))
def list_profiles(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's profiles."""
    return Listed("get_profiles", query=reading.query(given, published.find("get_profiles")))


def answered(task: Task, profile: dict[str, Any], others: Sequence[str], *, with_lists: bool) -> dict[str, Any]:
    """A profile as it is answered, with the ids of others that were found."""
    names: list[str] | None = None
    if with_lists:
        lists = task.call("get_lists_for_profile", path={"id": words(profile.get("id"))}).data
        names = [words(members(one.get("attributes")).get("name")) for one in map(members, lists or [])]
    return appended.flat(profile, list_name=names) | ({"also_found": list(others)} if others else {})


@action("get_lists_for_profile", examples=({"klaviyo_id": "01JABC"},))
def list_lists_of_profile(task: Task, given: OfProfile) -> dict[str, Any]:
    """List the lists that a person is on."""
    return _all_of(task, "get_lists_for_profile", given)


@action("get_segments_for_profile", examples=({"klaviyo_id": "01JABC"},))
def list_segments_of_profile(task: Task, given: OfProfile) -> dict[str, Any]:
    """List the segments that a person is in."""
    return _all_of(task, "get_segments_for_profile", given)


def _all_of(task: Task, operation: str, given: OfProfile) -> dict[str, Any]:
    items = task.got(operation, given.klaviyo_id, given)
    if not isinstance(items, list):
        raise answers.Unreadable(operation)
    return {"items": items, "count": len(items), "next": None}
