"""What Klaviyo's own publications say of a request: the official SDK's operations and models, and the specification.

The SDK (of the project's revision) is asked of every request. The specification is asked as well where its file is
named by KLAVIYO_OPENAPI or lies in a folder beside the checkout. Members that neither knows are refused.

Four `oneOf`s of the specification have branches of equal shapes, so that what fits one fits several: `send_options`,
`tracking_options`, the definitions of a push message, and a report's `timeframe`. They are read as `anyOf`, and of
answers the `content` of a message that got its template.
"""

import importlib
import importlib.util
import json
import os
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from openapi_schema_validator import OAS30WriteValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from klaviyo.sandbox import Exchange
from klaviyo.sandbox.protocol import multipart

REVISION = "2026-07-15"
JSON_API = "application/vnd.api+json"
MULTIPART = "multipart/form-data"

_SERIALIZER = re.compile(
    r"def _(?P<id>\w+)_serialize\((?P<text>.*?)"
    r"method='(?P<method>[A-Z]+)',\s+resource_path='(?P<path>[^']+)'",
    re.S,
)
_QUERY_NAME = re.compile(r"_query_params\.append\(\('([^']+)'")
_BODY_NAME = re.compile(r"_body_params = (\w+)")
_FORM_NAME = re.compile(r"(?:_files\['|_form_params\.append\(\(')(\w+)'")
_EQUAL_SHAPES = ("send_options", "tracking_options", "timeframe")
_EQUAL_BRANCHES = ("MobilePushMessageStandard", "EmailContentSubObject", "{'type': 'integer'}, {'type': 'number'}")


class Model(Protocol):
    """What every model of the SDK can do."""

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "Model": ...

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Published:
    """An operation as the SDK knows it; `body` names the model's module, `form` the fields of a form instead."""

    id: str
    method: str
    path: str
    query: frozenset[str]
    body: str | None
    form: frozenset[str] = frozenset()

    def matches(self, method: str, path: str) -> bool:
        return self.method == method and self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> "re.Pattern[str]":
        return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path)))


def check(exchange: Exchange) -> None:
    """AssertionError with a sentence, when a request is not one that Klaviyo has published."""
    where = f"{exchange.method} {exchange.path}"
    operation = find(exchange.method, exchange.path)
    assert operation, f"{where} is no operation of Klaviyo's."
    assert exchange.headers.get("revision") == REVISION, f"{where} names no revision, or another one."
    unknown = {name for name, _ in parse_qsl(exchange.query)} - operation.query
    assert not unknown, f"{where} has query parameters that Klaviyo does not know: {sorted(unknown)}"
    has_one = bool(operation.body or operation.form)
    assert bool(exchange.body) == has_one, f"{where} has a body and should not, or should and has not."
    if operation.form:
        _check_form(where, operation, exchange)
    elif operation.body:
        assert exchange.headers.get("content-type") == JSON_API, f"{where} is not sent as {JSON_API}."
        _check_body(where, operation, exchange.json)


def find(method: str, path: str) -> Published | None:
    """The operation of a request; a path without placeholders goes before one with."""
    found = [operation for operation in operations() if operation.matches(method, path)]
    return min(found, key=lambda operation: operation.path.count("{"), default=None)


@cache
def operations() -> list[Published]:
    """Every operation of the SDK, read from its source: to import all of it takes seconds."""
    spec = importlib.util.find_spec("openapi_client.api")
    assert spec is not None
    assert spec.origin is not None
    return [
        _published(match)
        for file in Path(spec.origin).parent.glob("*_api.py")
        for match in _SERIALIZER.finditer(file.read_text())
    ]


@cache
def specification() -> dict[str, Any] | None:
    """The official document, where this machine has it."""
    named = os.environ.get("KLAVIYO_OPENAPI")
    beside = Path(__file__).resolve().parents[2].glob(f"*/klaviyo/openapi-{REVISION}.json")
    path = Path(named) if named else next(beside, None)
    return corrected(json.loads(path.read_text())) if path else None


def corrected(document: Any, name: str = "") -> Any:
    """The same with `anyOf` where the branches of a `oneOf` have equal shapes."""
    if isinstance(document, list):
        return [corrected(one) for one in document]
    if not isinstance(document, dict):
        return document
    read = {key: corrected(value, key) for key, value in document.items()}
    if "oneOf" in read:
        branches = str(read["oneOf"])
        if name in _EQUAL_SHAPES or any(one in branches for one in _EQUAL_BRANCHES):
            read["anyOf"] = read.pop("oneOf")
    return read


def _check_body(where: str, operation: Published, body: Any) -> None:
    assert operation.body
    read = _model(operation.body).from_dict(body).to_dict()
    assert not (lost := _lost(body, read)), f"{where} has members that Klaviyo does not know: {lost}"
    if document := specification():
        schema = document["paths"][operation.path][operation.method.lower()]["requestBody"]["content"][JSON_API][
            "schema"
        ]
        problems = [f"{error.json_path}: {error.message}" for error in _validator(json.dumps(schema)).iter_errors(body)]
        assert not problems, f"{where} is not as specified: {problems}"


def _check_form(where: str, operation: Published, exchange: Exchange) -> None:
    sent_as = exchange.headers.get("content-type", "")
    assert sent_as.startswith(f"{MULTIPART}; boundary="), f"{where} is not sent as {MULTIPART}."
    named = multipart.parts(exchange.body, sent_as)
    assert set(named) <= operation.form, f"{where} has fields that Klaviyo does not know: {set(named) - operation.form}"
    assert "file" in named, f"{where} has no file."
    assert named["file"].filename, f"{where} has a file without a name."
    if document := specification():
        form = document["paths"][operation.path][operation.method.lower()]["requestBody"]["content"][MULTIPART]
        schema = document["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]
        missing = set(schema["required"]) - set(named)
        assert not missing, f"{where} is not as specified: {missing} are missing."


@cache
def _model(module: str) -> type[Model]:
    """The model of a module, whose name has the same letters but for their case."""
    models = vars(importlib.import_module(f"openapi_client.models.{module}"))
    found: type[Model] = next(one for name, one in models.items() if name.lower() == module.replace("_", ""))
    return found


@cache
def _validator(schema: str) -> Any:
    """A validator for one schema, whose references lead into the whole document."""
    document: Resource[Any] = Resource.from_contents(specification(), default_specification=DRAFT4)
    registry = Registry().with_resource("urn:klaviyo", document)
    return OAS30WriteValidator(json.loads(schema.replace('"#/', '"urn:klaviyo#/')), registry=registry)


def _published(match: "re.Match[str]") -> Published:
    body = _BODY_NAME.search(match["text"])
    query = frozenset(_QUERY_NAME.findall(match["text"]))
    form = frozenset(_FORM_NAME.findall(match["text"]))
    return Published(match["id"], match["method"], match["path"], query, body[1] if body else None, form)


def _lost(sent: Any, read: Any, path: str = "") -> list[str]:
    """The places of what was sent that are not in what was read."""
    if isinstance(sent, dict) and isinstance(read, dict):
        gone = [f"{path}/{key}" for key in sent if key not in read]
        return gone + [place for key in sent if key in read for place in _lost(sent[key], read[key], f"{path}/{key}")]
    if isinstance(sent, list) and isinstance(read, list):
        return [place for i, (a, b) in enumerate(zip(sent, read, strict=True)) for place in _lost(a, b, f"{path}/{i}")]
    return []
