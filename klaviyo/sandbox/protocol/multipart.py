"""Multipart bodies (RFC 7578): the fields and files of a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value

from klaviyo.sandbox.protocol.errors import Refusal, invalid


@dataclass(frozen=True)
class Part:
    """One field of a form; a file has a filename."""

    filename: str | None
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


def parts(body: bytes, content_type: str) -> Mapping[str, Part]:
    """The form's parts by their names; Refusal where the body is no form, or names one twice."""
    boundary = _parameter(content_type, "boundary")
    if not boundary:
        raise _unreadable("The media type names no boundary.")
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _unreadable("The form does not end with its boundary.")
    found: dict[str, Part] = {}
    for piece in pieces[1:-1]:
        name, part = _part(piece)
        if name in found:
            raise _unreadable(f"'{name}' is given twice.")
        found[name] = part
    return found


def _part(piece: bytes) -> tuple[str, Part]:
    head, mark, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    for line in head.decode("utf-8", "replace").split("\r\n"):
        title, _, value = line.partition(":")
        if mark and title.strip().lower() == "content-disposition":
            name = _parameter(value, "name")
            if name:
                return name, Part(_parameter(value, "filename"), content)
    raise _unreadable("A part has no name.")


def _parameter(header: str, name: str) -> str | None:
    """A parameter of a header is read as a mail has it."""
    read = Message()
    read["Content-Disposition"] = header.strip()
    found = read.get_param(name, header="content-disposition")
    return None if found is None else collapse_rfc2231_value(found)


def _unreadable(detail: str) -> Refusal:
    return Refusal(invalid(f"The form cannot be read: {detail}", "/data"))
