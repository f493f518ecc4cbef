"""The table of Klaviyo's operations, as made from its specification: `python -m tests.klaviyo.api.operations_table`.

Methods, paths, scopes, limits and what may be asked for, for what reaches operations by their name; no bodies.
"""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

from tests import schemas

TABLE = Path(__file__).parents[3] / "klaviyo" / "api" / "operations.json"


def made_from(specification: dict[str, Any]) -> str:
    """The table as text, one operation a line."""
    words: dict[str, int] = {}
    lines = []
    for path, methods in sorted(specification["paths"].items()):
        for method, operation in methods.items():
            if method in ("get", "post", "patch", "put", "delete"):
                row = _row(specification, method.upper(), path, operation, words)
                lines.append(f"{json.dumps(operation['operationId'])}: {json.dumps(row, separators=(',', ':'))}")
    lists = ",\n".join(sorted(words, key=words.__getitem__))
    return f'{{"words": [\n{lists}\n],\n"operations": {{\n' + ",\n".join(sorted(lines)) + "\n}}\n"


def _row(
    specification: dict[str, Any], method: str, path: str, operation: dict[str, Any], words: dict[str, int]
) -> dict[str, Any]:
    limits = operation.get("x-klaviyo-ratelimit") or {}
    row: dict[str, Any] = {
        "call": f"{method} {path}",
        "scopes": sorted(operation.get("x-klaviyo-scopes") or []),
        "limits": [_number(limits.get(name)) for name in ("burst", "steady", "daily")],
        "success": sorted(int(status) for status in operation["responses"] if status.startswith("2")),
    }
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    types = [type for answer in answers if (type := _type(answer, specification))]
    if any(answer.get("content") for answer in answers):
        row["answers"] = types[0] if types else ""
    if body := (operation.get("requestBody") or {}).get("content"):
        row["body"] = next(iter(body))
    query: dict[str, Any] = {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "query":
            continue
        schema = parameter["schema"]
        among = schema.get("enum") or (schema.get("items") or {}).get("enum")
        if among:
            query[parameter["name"]] = _kept(sorted(among), words)
        elif parameter["name"] == "page[size]":
            query["page[size]"] = [schema.get("default"), schema.get("maximum")]
        else:
            query[parameter["name"]] = None
    if query:
        row["query"] = query
    if filters := operation.get("x-klaviyo-filters"):
        row["filters"] = {name: sorted(_operators(one)) for name, one in _filters(filters).items()}
    return row


def _type(answer: dict[str, Any], specification: dict[str, Any]) -> str:
    """The type of the resource that an answer is about, or of those that it lists."""
    for content in (answer.get("content") or {}).values():
        data = _resolved(
            _resolved(content.get("schema") or {}, specification).get("properties", {}).get("data"), specification
        )
        item = _resolved(data.get("items"), specification) or data
        type = _resolved(item.get("properties", {}).get("type"), specification)
        return str((type.get("enum") or [""])[0])
    return ""


def _resolved(schema: Any, specification: dict[str, Any]) -> dict[str, Any]:
    while isinstance(schema, dict) and ("$ref" in schema or "allOf" in schema):
        if "allOf" in schema:
            schema = schema["allOf"][0]
            continue
        found: Any = specification
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema or {}


def _filters(told: Any) -> dict[str, Any]:
    return ast.literal_eval(told) if isinstance(told, str) else dict(told)


def _operators(one: dict[str, Any]) -> set[str]:
    return {operator for among in (one.get("operators") or {}).values() for operator in among}


def _number(limit: str | None) -> int:
    return int(re.match(r"\d+", limit).group()) if limit else 0  # type: ignore[union-attr]


def _kept(among: list[str], words: dict[str, int]) -> int:
    return words.setdefault(json.dumps(among, separators=(",", ":")), len(words))


if __name__ == "__main__":
    found = schemas.specification()
    if found is None:
        sys.exit("The specification is not here: name its file in KLAVIYO_OPENAPI.")
    TABLE.write_text(made_from(found))
