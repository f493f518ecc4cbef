"""The sandbox's table of operations is that of the official specification, where its file is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from klaviyo.sandbox.protocol.limits import Limit
from klaviyo.sandbox.protocol.queries import FIELDS
from klaviyo.sandbox.resources.operations import OPERATIONS, Operation
from tests import schemas

# The specification has 100 a day for both ways to upload; the page of this one has 500.
OTHER_LIMITS = {"upload_image_from_file": Limit(3, 100, 500)}


def test_every_operation_is_as_specified() -> None:
    assert [told for one in OPERATIONS for told in differences(one)] == []


def test_no_operation_is_there_twice() -> None:
    assert len({one.id for one in OPERATIONS}) == len({one.call for one in OPERATIONS}) == len(OPERATIONS)


def differences(operation: Operation) -> Iterator[str]:
    document = schemas.specification()
    if document is None:
        return
    published = document["paths"].get(operation.path, {}).get(operation.method.lower())
    if published is None or published["operationId"] != operation.id:
        yield f"{operation.id} is no operation of the specification."
        return
    parameters = {one["name"]: one["schema"] for one in published.get("parameters", []) if one.get("in") == "query"}
    for what, ours, theirs in (
        ("scopes", set(operation.scopes), set(published["x-klaviyo-scopes"])),
        ("limit", operation.limit, OTHER_LIMITS.get(operation.id) or limit(published["description"])),
        ("page", operation.rules.page, page(parameters)),
        ("sort", operation.rules.sort, set(parameters.get("sort", {}).get("enum", []))),
        ("include", operation.rules.include, words(parameters.get("include"))),
        ("filter", operation.rules.filter, "filter" in parameters),
        ("media type", {operation.media_type}, set(published.get("requestBody", {}).get("content", {}))),
    ):
        if ours != theirs and not (what == "media type" and not theirs):
            yield f"{operation.id}: {what} {ours}, and not {theirs}"
    for kind in operation.rules.fields:
        ours = operation.rules.words.get(kind) or FIELDS[kind]
        theirs = words(parameters.get(f"fields[{kind}]"))
        if any("." in one for one in ours) and ours != theirs:
            yield f"{operation.id}: fields[{kind}] {set(ours) ^ theirs}"


def limit(description: str) -> Limit:
    """The one without any parameter, which comes first."""
    told = dict(reversed(re.findall(r"(Burst|Steady|Daily): `(\d+)/[smd]`", description)))
    return Limit(int(told["Burst"]), int(told["Steady"]), int(told["Daily"]) if "Daily" in told else None)


def page(parameters: dict[str, Any]) -> tuple[int, int] | None:
    size = parameters.get("page[size]")
    return (size["default"], size["maximum"]) if size else None


def words(schema: dict[str, Any] | None) -> set[str]:
    return set(schema["items"]["enum"]) if schema else set()
