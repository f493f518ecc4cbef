"""Schemas of bodies: an action's model, with what its operation takes as fields, filter and order, and `confirm`."""

import re
from collections.abc import Mapping
from types import new_class
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Reading, schema_of
from klaviyo.api.published import Published
from klaviyo.endpoints.inputs import CONFIRM, DRY

NULL = {"type": "null"}
_VALUE = r'("[^"\\]*"|[0-9TZ:.+-]+|true|false|null|\[("[^"\\]*"(,"[^"\\]*")*)?\])'


def model_of(action: Action) -> type[BaseModel]:
    """The model that the document shows for an action: each has one of its own name."""

    def said(schema: dict[str, Any], model: type[BaseModel]) -> None:
        schema_of(schema, model)
        if issubclass(action.inputs, Reading) and action.main:
            _askable(schema["properties"], action.main)
        schema["properties"][DRY] = {
            "type": "boolean",
            "default": False,
            "description": "true: answer with the requests as they would go, and send nothing.",
        }
        if action.asks:
            _confirmed(schema, always=not callable(action.asks))

    name = "".join(word.capitalize() for word in action.name.split("_"))
    config = ConfigDict(json_schema_extra=said, title=name)
    members = {"__module__": __name__, "model_config": config, "__doc__": action.description}
    return cast("type[BaseModel]", new_class(name, (action.inputs,), exec_body=lambda space: space.update(members)))


def _confirmed(schema: dict[str, Any], *, always: bool) -> None:
    words = "That it is to be done, although it cannot be taken back."
    schema["properties"][CONFIRM] = {"const": True} if always else {"type": "boolean"}
    schema["properties"][CONFIRM]["description"] = words
    if always:
        is_dry = {"required": [DRY], "properties": {DRY: {"const": True}}}
        schema.setdefault("allOf", []).append({"anyOf": [{"required": [CONFIRM]}, is_dry]})


def _askable(properties: dict[str, Any], asked: Published) -> None:
    """What is no parameter of the operation is not shown."""
    words = {
        "fields": asked.query.get(f"fields[{asked.resource}]"),
        "additional_fields": asked.query.get(f"additional-fields[{asked.resource}]"),
        "include": asked.query.get("include"),
        **{f"{one}_fields": asked.query.get(f"fields[{one}]") for one in ("event", "metric", "profile")},
    }
    for name, known in words.items():
        if name in properties and known:
            _list_in(properties[name])["items"] = {"enum": list(known)}
        elif name in properties:
            del properties[name]
    for name, pattern in (("sort", _sorts(asked)), ("filter", _filters(asked.filters))):
        if name in properties and pattern:
            _text_in(properties[name]).update(pattern)
        elif name in properties and "anyOf" in properties[name]:
            del properties[name]


def _list_in(about: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in (*about.get("anyOf", ()), about) if one.get("type") == "array")
    return found


def _text_in(about: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in about.get("anyOf", ()) if one.get("type") == "string"), {})
    return found


def _sorts(asked: Published) -> dict[str, Any]:
    known = asked.query.get("sort")
    return {"enum": list(known)} if known else {}


def _filters(filters: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Conditions as Klaviyo writes them, and several within and(…), or(…) or not(…)."""
    if not filters:
        return {}
    plain = {name: [one for one in operators if one != "has"] for name, operators in filters.items()}
    ones = [
        rf"({'|'.join(operators)})\({re.escape(name)},{_VALUE}\)"
        for name, operators in plain.items()
        if operators and re.fullmatch(r"[\w.-]+", name)
    ]
    one = f"({'|'.join(ones)})"
    return {"pattern": rf"^({one}|(and|or)\({one}(,{one})*\)|not\({one}\))(,{one})*$"}
