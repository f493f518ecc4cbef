"""Shapes of segments' and flows' definitions, taken out of the official specification in a short form.

`python -m tests.klaviyo.sandbox.definitions` writes them where the sandbox reads them.
"""

import json
from pathlib import Path
from typing import Any

from klaviyo.sandbox.resources import definition_shapes
from tests import schemas

ROOTS = ("SegmentDefinition", "FlowDefinition")
MOST_CHOICES = 100  # what has more of them is a time zone


def text(document: dict[str, Any]) -> str:
    """One line for each shape, in order of their names."""
    shapes = document["components"]["schemas"]
    found: dict[str, Any] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _short(shapes[name])
            waiting += _named(found[name])
    lines = (f"{json.dumps(name)}: {json.dumps(found[name], separators=(',', ':'))}" for name in sorted(found))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _short(schema: dict[str, Any]) -> Any:
    if schema.get("nullable"):
        rest = _short({name: value for name, value in schema.items() if name != "nullable"})
        return "null" if rest == "anything" else {"$null": rest}
    if "$ref" in schema:
        return "@" + schema["$ref"].rpartition("/")[2]
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return {"$one": [_short(one) for one in choices]}
    if "enum" in schema:
        return "timezone" if len(schema["enum"]) > MOST_CHOICES else {"$is": schema["enum"]}
    if schema.get("type") == "array":
        return [_short(schema["items"])]
    if "properties" in schema:
        required = schema.get("required", ())
        return {name + "*" * (name in required): _short(one) for name, one in schema["properties"].items()}
    return "moment" if schema.get("format") == "date-time" else schema.get("type", "anything")


def _named(shape: Any) -> list[str]:
    if isinstance(shape, str):
        return [shape[1:]] if shape.startswith("@") else []
    if isinstance(shape, dict) and "$is" in shape:
        return []
    return [name for one in (shape.values() if isinstance(shape, dict) else shape) for name in _named(one)]


if __name__ == "__main__":
    specification = schemas.specification()
    assert specification, "The specification is not here: see KLAVIYO_OPENAPI."
    Path(definition_shapes.FILE).write_text(text(specification))
