"""Image formats: told by the first bytes of a picture, of a data URI, or by the end of an address."""

import base64
import binascii
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit

MOST_BYTES = 5 * 1024 * 1024
UNSUPPORTED = "Unsupported image format. Use one of: jpeg, png, gif."
TOO_LARGE = "An image may have at most 5 MB."

_FIRST_BYTES = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))
_SUFFIXES = {"": "jpeg", ".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".gif": "gif"}


class NoImage(Exception):
    """What was given is no image that may be uploaded; the sentence says why."""


def of_bytes(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise NoImage(TOO_LARGE)
    kind = next((kind for start, kind in _FIRST_BYTES if content.startswith(start)), None)
    if kind is None:
        raise NoImage(UNSUPPORTED)
    return kind


def of_data_uri(address: str) -> tuple[str, bytes]:
    """The format and the bytes of a picture that is its own address."""
    head, mark, data = address.partition(",")
    if not mark or not head.lower().startswith("data:image/"):
        raise NoImage("The data URI holds no image.")
    try:
        is_base64 = head.lower().endswith(";base64")
        content = base64.b64decode(data, validate=True) if is_base64 else unquote_to_bytes(data)
    except binascii.Error:
        raise NoImage("The data URI is not valid base64.") from None
    return of_bytes(content), content


def of_address(address: str) -> str:
    """Nothing is fetched: an address without an ending is taken for a jpeg, one in `.invalid` is out of reach."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme != "https" or not host or not address.isprintable() or " " in address:
        raise NoImage("This value must be an https URL or a data URI.")
    if host.endswith(".invalid"):
        raise NoImage("The image could not be reached.")
    kind = _SUFFIXES.get(PurePosixPath(parts.path).suffix.lower())
    if kind is None:
        raise NoImage(UNSUPPORTED)
    return kind
