"""Actions on tags: marks on campaigns, flows, lists and segments."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Id,
    Inputs,
    Listing,
    Name,
    one_of_them,
    wrong,
)
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published

THINGS = {"campaign_ids": "campaign", "flow_ids": "flow", "list_ids": "list", "segment_ids": "segment"}
TagId = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="The tag's id at Klaviyo.")
]
Ids = Annotated[list[Id] | None, Field(min_length=1, max_length=100)]


class NewTag(Inputs):
    name: Annotated[Name, Field(description="The tag's name.")]
    tag_group_id: Annotated[Id | None, Field(description="Its group; if not given, the account's own.")] = None


class OfTag(Inputs):
    tag_id: TagId


class Tagging(Inputs):
    RULES = (one_of_them(*THINGS),)

    tag_id: TagId
    campaign_ids: Ids = None
    flow_ids: Ids = None
    list_ids: Ids = None
    segment_ids: Ids = None

    @model_validator(mode="after")
    def _something(self) -> "Tagging":
        if not self.given(*THINGS):
            raise wrong(f"Give something: {', '.join(THINGS)}.", "missing", field="list_ids")
        return self


@action("get_tags", examples=({"all": True},))
def list_tags(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's tags."""
    return Listed("get_tags", query=reading.query(given, published.find("get_tags")))


@action("create_tag", examples=({"name": "Referral"},))
def create_tag(task: Task, given: NewTag) -> Any:
    """Create a tag."""
    related: dict[str, Any] = {"tag_group": ("tag-group", given.tag_group_id)} if given.tag_group_id else {}
    return task.made("create_tag", "tag", {"name": given.name}, **related)


@action("delete_tag", asks="The tag is gone for good, from all that it marks.", examples=({"tag_id": "abc-1"},))
def delete_tag(task: Task, given: OfTag) -> dict[str, Any]:
    """Delete a tag."""
    return task.deleted("delete_tag", given.tag_id)


@action(
    sometimes=("tag_campaigns", "tag_flows", "tag_lists", "tag_segments"),
    examples=({"tag_id": "abc-1", "list_ids": ["Y6nRLr"]},),
)
def tag_things(task: Task, given: Tagging) -> dict[str, Any]:
    """Put a tag on campaigns, flows, lists or segments."""
    return _each(task, "tag_{}s", given)


@action(
    sometimes=(
        "remove_tag_from_campaigns",
        "remove_tag_from_flows",
        "remove_tag_from_lists",
        "remove_tag_from_segments",
    ),
    examples=({"tag_id": "abc-1", "list_ids": ["Y6nRLr"]},),
)
def untag_things(task: Task, given: Tagging) -> dict[str, Any]:
    """Take a tag off campaigns, flows, lists or segments."""
    return _each(task, "remove_tag_from_{}s", given)


def _each(task: Task, operation: str, given: Tagging) -> dict[str, Any]:
    things = given.given(*THINGS)
    for name, ids in things.items():
        body = {"data": [{"type": THINGS[name], "id": id} for id in ids]}
        task.call(operation.format(THINGS[name]), path={"id": given.tag_id}, body=body)
    return {"tag_id": given.tag_id, "accepted": True} | things
