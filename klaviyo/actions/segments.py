"""Actions on segments: groups of people that Klaviyo keeps by a rule, and who is in them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from klaviyo.actions import appended, people, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Changing,
    Id,
    Inputs,
    Listing,
    Name,
    Object,
    Reading,
    excludes,
    seed,
    wrong,
)
from klaviyo.actions.people import Who
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import answers, filters, published
from klaviyo.api.answers import members

CONDITIONS = (
    "profile-group-membership",
    "profile-metric",
    "profile-marketing-consent",
    "profile-property",
    "profile-postal-code-distance",
    "profile-region",
    "profile-predictive-analytics",
    "profile-has-custom-object",
    "profile-permissions",
    "profile-metric-funnel",
)
SHAPE: dict[str, Any] = {
    "properties": {
        "condition_groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "conditions": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {"type": {"enum": list(CONDITIONS)}},
                            "required": ["type"],
                        },
                    }
                },
                "required": ["conditions"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["condition_groups"],
    "additionalProperties": False,
}
SegmentId = Annotated[
    Id, Field(description="The segment's id at Klaviyo.", json_schema_extra=seed("Klaviyo Segment Id", "Segment ID"))
]


def _wrapped(value: Any) -> Any:
    """A bare list of groups becomes the object that holds it."""
    return {"condition_groups": value} if isinstance(value, list) else value


def _checked(value: Object) -> Object:
    groups = value.get("condition_groups")
    if set(value) != {"condition_groups"} or not isinstance(groups, list) or not groups:
        raise wrong('A definition is {"condition_groups": [{"conditions": […]}]}, with one group at least.')
    for number, group in enumerate(groups, 1):
        conditions = members(group).get("conditions")
        if not isinstance(conditions, list) or not conditions or set(group) != {"conditions"}:
            raise wrong(f'Group {number} of the definition is {{"conditions": […]}}, with one condition at least.')
        for condition in conditions:
            if members(condition).get("type") not in CONDITIONS:
                raise wrong(f"A condition of group {number} has no type of Klaviyo's: {', '.join(CONDITIONS)}.")
    return value


Definition = Annotated[
    Object,
    Field(
        description='{"condition_groups": [{"conditions": […]}]}: all groups hold, and in each one of its conditions.',
        json_schema_extra=seed("Segment Condition Groups") | SHAPE,
    ),
    BeforeValidator(_wrapped),
]


class OfSegment(Inputs):
    segment_id: SegmentId


class ReadingSegment(Reading):
    segment_id: SegmentId


class SegmentMembers(Listing):
    segment_id: SegmentId


class WhoInSegment(Who):
    segment_id: SegmentId


class NewSegment(Inputs):
    name: Annotated[Name, Field(description="The segment's name.", json_schema_extra=seed("Segment Name"))]
    definition: Definition
    is_starred: Annotated[
        bool, Field(description="Among the starred ones.", json_schema_extra=seed("Is Starred Segment"))
    ] = False

    @model_validator(mode="after")
    def _defined(self) -> "NewSegment":
        _checked(self.definition)
        return self


class ChangedSegment(Changing):
    RULES = (excludes("is_active", "name", "definition", "is_starred", value=False),)

    segment_id: SegmentId
    name: Annotated[
        Name | None, Field(description="The segment's new name.", json_schema_extra=seed("Segment Name"))
    ] = None
    definition: Annotated[Definition | None, Field(json_schema_extra=seed("Segment Condition Groups"))] = None
    is_starred: Annotated[
        bool | None, Field(description="Among the starred ones.", json_schema_extra=seed("Is Starred Segment"))
    ] = None
    is_active: Annotated[bool | None, Field(description="false lets it rest, and goes alone.")] = None

    @model_validator(mode="after")
    def _rests_alone(self) -> "ChangedSegment":
        # https://developers.klaviyo.com/en/reference/update_segment
        if self.is_active is False and self.given("name", "definition", "is_starred"):
            raise wrong("is_active false goes alone: change the rest before.", field="is_active")
        if self.definition:
            _checked(self.definition)
        return self


@action(
    "get_profiles_for_segment",
    sometimes=("get_profiles",),
    seeds=("LeadConduit: Get Segment Profiles",),
    examples=({"segment_id": "SsKqZr", "email": "ann@shop.example"},),
)
def get_segment_profiles(task: Task, given: WhoInSegment) -> dict[str, Any]:
    """Find out whether a person is in a segment, and who they are."""
    others: list[str] = []
    by, value = given.by, given.found_by
    if by == "external_id":  # no filter here: https://developers.klaviyo.com/en/reference/get_profiles_for_segment
        by, (value, others) = "klaviyo_id", people.id_of(task, given)
    field = {"klaviyo_id": "profile_id"}.get(by, by)
    spellings = list(dict.fromkeys([value, value.lower()])) if by == "email" else [value]
    query = {"filter": filters.any_of(field, spellings), "additional-fields[profile]": "subscriptions"}
    found = task.call("get_profiles_for_segment", path={"id": given.segment_id}, query=query).data
    if not isinstance(found, list):
        raise answers.Unreadable("people")
    told: dict[str, Any] = {"segment_id": given.segment_id, "is_member": bool(found)}
    if found:
        profile, more = people.choose(found, given.profile_handling)
        told |= appended.flat(profile)
        others = [*others, *more]
    return told | ({"also_found": others} if others else {})


@action("get_profiles_for_segment", examples=({"segment_id": "SsKqZr", "limit": 20},))
def list_segment_profiles(task: Task, given: SegmentMembers) -> Listed:  # noqa: ARG001
    """List who is in a segment."""
    query = reading.query(given, published.find("get_profiles_for_segment"))
    return Listed("get_profiles_for_segment", {"id": given.segment_id}, query)


@action(
    "create_segment",
    seeds=("Prismatic: Create Segment",),
    examples=(
        {
            "name": "Advocates",
            "definition": {
                "condition_groups": [
                    {
                        "conditions": [
                            {
                                "type": "profile-property",
                                "property": "properties['sorae_code']",
                                "filter": {"type": "existence", "operator": "is-set"},
                            }
                        ]
                    }
                ]
            },
        },
    ),
)
def create_segment(task: Task, given: NewSegment) -> Any:
    """Create a segment."""
    return task.made("create_segment", "segment", given.given("name", "definition", "is_starred"))


@action("get_segment", seeds=("Prismatic: Get Segment",), examples=({"segment_id": "SsKqZr"},))
def get_segment(task: Task, given: ReadingSegment) -> Any:
    """Get a segment."""
    return task.got("get_segment", given.segment_id, given)


@action("get_segments", seeds=("Prismatic: List Segments",), examples=({"all": True},))
def list_segments(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's segments."""
    return Listed("get_segments", query=reading.query(given, published.find("get_segments")))


@action("update_segment", seeds=("Prismatic: Update Segment",), examples=({"segment_id": "SsKqZr", "name": "Fans"},))
def update_segment(task: Task, given: ChangedSegment) -> Any:
    """Change a segment's name, rule or star, or let it rest."""
    changes = given.given("name", "definition", "is_starred", "is_active")
    return task.changed("update_segment", "segment", given.segment_id, changes)


@action(
    "delete_segment",
    seeds=("Prismatic: Delete Segment",),
    asks="The segment is gone for good. The people stay.",
    examples=({"segment_id": "SsKqZr"},),
)
def delete_segment(task: Task, given: OfSegment) -> dict[str, Any]:
    """Delete a segment."""
    return task.deleted("delete_segment", given.segment_id)
