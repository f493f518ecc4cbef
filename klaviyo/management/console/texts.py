"""Texts of the command line, read as the fields that they are for: without blanks around, as JSON, or from a file."""

import base64
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from integrations.api import reading
from klaviyo.management.console.refusals import Unusable

Kind = Literal["flag", "list", "object", "file", "any", "text"]
_UNIONS = (typing.Union, types.UnionType)


def kind_of(field: FieldInfo) -> Kind:
    """What a field takes, as the command line tells them apart."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra.get("contentEncoding") == "base64":
        return "file"
    kinds = {_kind_of_one(one) for one in _alternatives(field.annotation)}
    return kinds.pop() if len(kinds) == 1 else "any"


def word_of(field: FieldInfo) -> str:
    """What stands for a value in help."""
    words = [word for one in _alternatives(field.annotation) for word in _words_of(one)]
    return "|".join(dict.fromkeys(words)) or "TEXT"


def value_of(option: str, kind: Kind, given: Sequence[str]) -> Any:
    """The value of an option that was given so often; None where it is blank, which leaves the field. May be Unusable.

    A list may be repeated or be one JSON list, an object be JSON or `name=value` repeated; both may be `@` and a file.
    """
    texts = [text.strip() for text in given]
    if kind == "text":
        return texts[0] or None
    if kind == "file":
        return _file(option, texts[0]) or None
    texts = [_content(option, text) if text.startswith("@") else text for text in texts]
    if kind == "object":
        return _object(option, texts)
    if kind == "any":
        return _json(option, texts[0]) if texts[0][:1] in ("{", "[") else texts[0] or None
    if len(texts) == 1 and texts[0].startswith("["):
        return _json(option, texts[0])
    items = [_json(option, text) if text.startswith("{") else text for text in texts if text]
    is_whole = len(items) == 1 and isinstance(items[0], dict) and "data" in items[0]  # in Klaviyo's own wrapper
    return items[0] if is_whole else items or None


def stripped(given: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose texts lost the blanks around them; one of which nothing is left was not given."""
    found = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
    return {name: value for name, value in found.items() if value != ""}


def read(option: str, raw: bytes) -> dict[str, Any]:
    """The one JSON object of these bytes. May be Unusable, with line and column."""
    try:
        return reading.read_object(raw)
    except reading.Unreadable as problem:
        raise Unusable(_about(option, problem)) from None


def content_of(option: str, name: str) -> bytes:
    """What is in a file. May be Unusable."""
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no name of a file"
        raise Unusable(f"{option}: the file cannot be read: {why}.") from None


def _content(option: str, text: str) -> str:
    return content_of(option, text[1:]).decode("utf-8", "surrogateescape").strip()


def _file(option: str, text: str) -> str:
    return base64.b64encode(content_of(option, text[1:])).decode() if text.startswith("@") else text


def _object(option: str, texts: Sequence[str]) -> Any:
    if len(texts) == 1 and (not texts[0] or texts[0][:1] in ("{", "[", '"')):
        return read(option, _bytes(texts[0])) if texts[0] else None
    pairs = [text.partition("=") for text in texts]
    if any(not name or not equals for name, equals, _ in pairs):
        raise Unusable(f"{option}: give a JSON object, @ and a file that holds one, or name=value.")
    found = {name.strip(): value for name, _, value in pairs}
    if len(found) < len(pairs):
        raise Unusable(f"{option}: a name is given twice.")
    return found


def _json(option: str, text: str) -> Any:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(f"{option}: this is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except (RecursionError, ValueError):
        pass  # which is said below
    return read(option, b'{"it":' + _bytes(text) + b"}")["it"]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _about(option: str, problem: reading.Unreadable) -> str:
    return f"{option}: {str(problem).replace('The body', 'this', 1)}"


def _alternatives(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in _UNIONS:
        return [found for one in typing.get_args(annotation) for found in _alternatives(one)]
    return [] if annotation is type(None) else [annotation]


def _kind_of_one(annotation: Any) -> Kind:
    origin = typing.get_origin(annotation) or annotation
    if origin is bool:
        return "flag"
    if origin is list:
        return "list"
    is_object = origin is dict or (isinstance(origin, type) and issubclass(origin, BaseModel))
    return "object" if is_object else "text"


def _words_of(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is Literal:
        return [str(one) for one in typing.get_args(annotation)]
    named = {int: "NUMBER", float: "NUMBER", str: "TEXT", list: "LIST", dict: "OBJECT"}
    origin = typing.get_origin(annotation) or annotation
    if origin is list:
        inner = [word for one in _alternatives(typing.get_args(annotation)[0]) for word in _words_of(one)]
        return ["|".join(dict.fromkeys(inner))] if inner else ["LIST"]
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return ["OBJECT"]
    return [named.get(origin, "TIME" if getattr(origin, "__name__", "") == "datetime" else "TEXT")]
