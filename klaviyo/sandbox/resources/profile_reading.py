"""Profile read operation: one profile, with the lists and segments that hold it."""

from klaviyo.sandbox.protocol.calls import Answer, Call, Document
from klaviyo.sandbox.resources import lists, profiles, segments
from klaviyo.sandbox.state import list_store


def get_profile(call: Call) -> Answer:
    person = profiles.require(call, call.ids["id"])
    asked = call.query.include
    included: list[Document] = []
    if "lists" in asked:
        included += [lists.resource(call, row) for row in list_store.of_profile(call.sql, person.id)]
    if "segments" in asked:
        included += [segments.resource(call, row) for row in segments.holding(call, person)]
    resource = profiles.resource(call, person)
    for one in included:
        resource["relationships"][f"{one['type']}s"]["data"].append({"type": one["type"], "id": one["id"]})
    return call.one(resource, included=included if asked else None)
