"""Segment changes: a new name or definition, a star, or an end to its being kept up."""

import json

from klaviyo.sandbox.protocol.calls import Answer, Call, same_id
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.validation import Boolean, Members, Text
from klaviyo.sandbox.protocol.variants import Null
from klaviyo.sandbox.resources import profiles, segments
from klaviyo.sandbox.state import identifiers

_UPDATE = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("segment",)),
                "id": Text(),
                "attributes": Members(
                    optional={
                        "name": Text(nullable=True, shortest=1),
                        "definition": Null(segments.DEFINITION),
                        "is_starred": Boolean(nullable=True),
                        "is_active": Boolean(nullable=True),
                    }
                ),
            }
        )
    }
)


def update_segment(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = segments.require(call, data["id"])
    attributes = data["attributes"]
    if attributes.get("is_active") is False and len(attributes) > 1:
        detail = "When deactivating a segment, is_active must be the only attribute."
        raise Refusal(invalid(detail, "/data/attributes/is_active"))
    said = {name: value for name, value in attributes.items() if value is not None}
    if "definition" in said:
        said["definition"] = json.dumps(said["definition"])
    said["updated"] = identifiers.instant()
    names = ", ".join(f"{name} = ?" for name in said)
    call.sql.execute(f"UPDATE segments SET {names} WHERE id = ?", (*said.values(), row["id"]))  # noqa: S608 - own names
    return call.one(segments.resource(call, segments.require(call, row["id"])))


def get_segments_for_profile(call: Call) -> Answer:
    person = profiles.require(call, call.ids["id"])
    return call.many([segments.resource(call, row) for row in segments.holding(call, person)])


def get_segment_ids_for_profile(call: Call) -> Answer:
    person = profiles.require(call, call.ids["id"])
    return call.many([{"type": "segment", "id": row["id"]} for row in segments.holding(call, person)])
