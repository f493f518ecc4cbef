"""Actions on lists: their names, and who is on them. Membership is no consent."""

from typing import Annotated, Any, Literal

from pydantic import Field

from klaviyo.actions import people, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Changing, Id, Inputs, Listing, Name, Reading, seed
from klaviyo.actions.people import Who
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published

ListId = Annotated[
    Id, Field(description="The list's id at Klaviyo.", json_schema_extra=seed("Klaviyo List Id", "List ID"))
]
OptInProcess = Annotated[
    Literal["single_opt_in", "double_opt_in"] | None, Field(description="If not given, as the account has it.")
]


class OfList(Inputs):
    list_id: ListId


class ReadingList(Reading):
    list_id: ListId


class Members(Listing):
    list_id: ListId


class WhoOnList(Who):
    list_id: ListId


class NewList(Inputs):
    name: Annotated[Name, Field(description="The list's name.", json_schema_extra=seed("List Name"))] = "Newsletter"
    opt_in_process: OptInProcess = None


class ChangedList(Changing):
    list_id: ListId
    name: Annotated[Name | None, Field(description="The list's new name.", json_schema_extra=seed("List Name"))] = None
    opt_in_process: OptInProcess = None


@action(
    "add_profiles_to_list",
    sometimes=("get_profiles",),
    seeds=("LeadConduit: Add Profile to List",),
    reaches=True,
    examples=({"list_id": "Y6nRLr", "email": "ann@shop.example"},),
)
def add_profile_to_list(task: Task, given: WhoOnList) -> dict[str, Any]:
    """Add a person to a list.

    It changes no consent, but flows that listen to the list may start.
    """
    return _membership(task, "add_profiles_to_list", given)


@action(
    "remove_profiles_from_list",
    sometimes=("get_profiles",),
    examples=({"list_id": "Y6nRLr", "email": "ann@shop.example"},),
)
def remove_profile_from_list(task: Task, given: WhoOnList) -> dict[str, Any]:
    """Take a person off a list.

    Their consent stays: it is no unsubscribe.
    """
    return _membership(task, "remove_profiles_from_list", given)


@action("get_profiles_for_list", seeds=("Prismatic: List List Profiles",), examples=({"list_id": "Y6nRLr"},))
def list_list_profiles(task: Task, given: Members) -> Listed:  # noqa: ARG001
    """List who is on a list."""
    query = reading.query(given, published.find("get_profiles_for_list"))
    return Listed("get_profiles_for_list", {"id": given.list_id}, query)


@action("create_list", seeds=("Prismatic: Create List",), examples=({"name": "Newsletter"},))
def create_list(task: Task, given: NewList) -> Any:
    """Create a list."""
    attributes = {"name": given.name} | given.given("opt_in_process")
    return task.made("create_list", "list", attributes)


@action("get_list", seeds=("Prismatic: Get List",), examples=({"list_id": "Y6nRLr"},))
def get_list(task: Task, given: ReadingList) -> Any:
    """Get a list."""
    return task.got("get_list", given.list_id, given)


@action("get_lists", seeds=("Prismatic: List Lists",), examples=({"all": True},))
def list_lists(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's lists."""
    return Listed("get_lists", query=reading.query(given, published.find("get_lists")))


@action("update_list", seeds=("Prismatic: Update List",), examples=({"list_id": "Y6nRLr", "name": "News"},))
def update_list(task: Task, given: ChangedList) -> Any:
    """Rename a list, or change how people opt in to it."""
    return task.changed("update_list", "list", given.list_id, given.given("name", "opt_in_process"))


@action(
    "delete_list",
    seeds=("Prismatic: Delete List",),
    asks="The list and its memberships are gone for good. The people stay.",
    examples=({"list_id": "Y6nRLr"},),
)
def delete_list(task: Task, given: OfList) -> dict[str, Any]:
    """Delete a list."""
    return task.deleted("delete_list", given.list_id)


def _membership(task: Task, operation: str, given: WhoOnList) -> dict[str, Any]:
    id, others = people.id_of(task, given)
    body = {"data": [{"type": "profile", "id": id}]}
    task.call(operation, path={"id": given.list_id}, body=body)
    told = {"list_id": given.list_id, "profile_id": id, "accepted": True}
    return told | ({"also_found": others} if others else {})
