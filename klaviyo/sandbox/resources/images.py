"""Image operations; there is none that deletes."""

import sqlite3
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from klaviyo.sandbox.protocol import multipart
from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.filters import EXACT, RANGE, Column, Where, boolean, moment, number
from klaviyo.sandbox.protocol.multipart import Part
from klaviyo.sandbox.protocol.validation import Boolean, Members, Text
from klaviyo.sandbox.resources import image_formats
from klaviyo.sandbox.resources.image_formats import NoImage
from klaviyo.sandbox.state import image_store

_TYPE = Text(choices=("image",))
_NAME = Text(nullable=True, shortest=1, longest=255)
_CREATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "attributes": Members(
                    {"import_from_url": Text(shortest=1)}, {"name": _NAME, "hidden": Boolean(nullable=True)}
                ),
            }
        )
    }
)
_UPDATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "id": Text(),
                "attributes": Members(optional={"name": _NAME, "hidden": Boolean(nullable=True)}),
            }
        )
    }
)
_AT = "/data/attributes"
_FILTERS = {
    "id": Column("CAST(i.seq AS TEXT)", EXACT),
    "updated_at": Column("substr(i.updated_at, 1, 19) || '+00:00'", RANGE, moment),
    "format": Column("i.format", EXACT),
    "name": Column("i.name", EXACT | {"contains", "ends-with", "starts-with"}),
    "size": Column("i.size", RANGE, number),
    "hidden": Column("i.hidden", EXACT, boolean),
}
_SORTS = {
    "": "''",
    "format": "i.format",
    "id": "i.seq",
    "name": "i.name",
    "size": "i.size",
    "updated_at": "i.updated_at",
}


def get_images(call: Call) -> Answer:
    where = Where(("i.account = ?",), (call.account,))
    listing = Listing(
        "SELECT i.* FROM images i", where, "i.seq", _SORTS, "", _FILTERS, never_null=frozenset({"i.seq", "i.size"})
    )
    page = call.page(listing)
    return call.many([resource(call, row) for row in page.rows], page)


def get_image(call: Call) -> Answer:
    return call.one(resource(call, require(call, call.ids["id"])))


def upload_image_from_url(call: Call) -> Answer:
    attributes = call.parse(_CREATE)["data"]["attributes"]
    address = attributes["import_from_url"]
    content = b""
    try:
        if address[:5].lower() == "data:":
            kind, content = image_formats.of_data_uri(address)
            own_name = "image"
        else:
            kind = image_formats.of_address(address)
            own_name = PurePosixPath(unquote(urlsplit(address).path)).stem or "image"
    except NoImage as wrong:
        raise Refusal(invalid(str(wrong), f"{_AT}/import_from_url")) from None
    name = attributes.get("name") or own_name
    return _added(call, name, kind, content, hidden=bool(attributes.get("hidden")))


def upload_image_from_file(call: Call) -> Answer:
    parts = multipart.parts(call.body, call.content_type)
    _check_form(parts)
    file = parts["file"]
    try:
        kind = image_formats.of_bytes(file.content)
    except NoImage as wrong:
        raise Refusal(invalid(str(wrong), f"{_AT}/file")) from None
    name = parts["name"].text if "name" in parts else PurePosixPath(file.filename or "").stem or "image"
    return _added(call, name, kind, file.content, hidden="hidden" in parts and parts["hidden"].text.lower() == "true")


def update_image(call: Call) -> Answer:
    """Replaces both: a name that is left out becomes null, as was seen of the real one."""
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    attributes = data["attributes"]
    image_store.replace(call.sql, row["seq"], attributes.get("name"), hidden=bool(attributes.get("hidden")))
    return call.one(resource(call, require(call, data["id"])))


def require(call: Call, image_id: str) -> sqlite3.Row:
    return known("image", image_id, image_store.get(call.sql, call.account, image_id))


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes = {name: row[name] for name in ("name", "image_url", "format", "size")}
    attributes |= {"hidden": bool(row["hidden"]), "updated_at": call.moment(row["updated_at"])}
    return {
        "type": "image",
        "id": str(row["seq"]),
        "attributes": call.query.sparse("image", attributes),
        "links": {"self": call.address(f"/api/images/{row['seq']}")},
    }


def _added(call: Call, name: str, kind: str, content: bytes, *, hidden: bool) -> Answer:
    made = image_store.add(call.sql, call.account, name, kind, content, hidden=hidden)
    return call.one(resource(call, require(call, str(made))), 201)


def _check_form(parts: Mapping[str, Part]) -> None:
    wrong: list[Problem] = [
        invalid(f"'{name}' is not a valid field.", f"{_AT}/{name}")
        for name in parts
        if name not in ("file", "name", "hidden")
    ]
    if "file" not in parts or parts["file"].filename is None:
        wrong.append(invalid("'file' is a required field.", f"{_AT}/file"))
    if "name" in parts:
        _NAME.check(parts["name"].text, f"{_AT}/name", wrong)
    if "hidden" in parts and parts["hidden"].text.lower() not in ("true", "false"):
        wrong.append(invalid("This value must be true or false.", f"{_AT}/hidden"))
    if wrong:
        raise Refusal(*wrong)
