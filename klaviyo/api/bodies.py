"""Bodies of requests: JSON:API as nearly all, forms with files, plain forms, and bytes as they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

MEDIA_TYPE = "application/vnd.api+json"  # https://developers.klaviyo.com/en/reference/api_overview


@dataclass(frozen=True)
class Body:
    """The bytes of a request, and what they are."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class File:
    """One file of a form."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"


def of(value: Any) -> Body | None:
    """What a request carries: a body as it is, anything else as JSON:API, None as nothing."""
    if value is None or isinstance(value, Body):
        return value
    return Body(json.dumps(value, allow_nan=False, separators=(",", ":")).encode(), MEDIA_TYPE)


def read(value: Any) -> dict[str, Any]:
    """The object that a body is, however it is given; empty for what is none."""
    if isinstance(value, Body):
        try:
            value = json.loads(value.content)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def names_twice(text: str) -> bool:
    """Whether JSON that somebody has written gives a name twice in one object: which one counts is not certain.

    https://www.rfc-editor.org/rfc/rfc8259#section-4
    """
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        found.extend(["twice"] if len(made) < len(pairs) else [])
        return made

    try:
        json.loads(text, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return False
    return bool(found)


def multipart(fields: Mapping[str, str], files: Mapping[str, File]) -> Body:
    """A form with files (RFC 7578), as https://developers.klaviyo.com/en/reference/upload_image_from_file takes it."""
    from urllib3 import encode_multipart_formdata  # heavy

    parts: dict[str, Any] = dict(fields)
    parts |= {name: (file.name, file.content, file.media_type) for name, file in files.items()}
    content, media_type = encode_multipart_formdata(parts)
    return Body(content, media_type)


def form(fields: Mapping[str, str]) -> Body:
    return Body(urlencode(fields).encode(), "application/x-www-form-urlencoded")
