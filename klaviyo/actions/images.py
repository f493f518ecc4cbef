"""Actions on images: pictures in the account's library."""

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import Field, model_validator

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Changing,
    Id,
    Inputs,
    Listing,
    Name,
    Reading,
    only_one_of,
    seed,
    wrong,
)
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import bodies, published
from klaviyo.api.answers import members, words

LARGEST = 5 * 1024 * 1024  # bytes: https://developers.klaviyo.com/en/reference/upload_image_from_file
BEGINNINGS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif"}
ADDRESS = r"https://[^\s/?#@\\]+([/?#][^\s\\]*)?"
DATA = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.I)
ImageId = Annotated[Id, Field(description="The image's id at Klaviyo.", json_schema_extra=seed("Image ID"))]


class Uploading(Inputs):
    RULES = (only_one_of("image_url", "file"),)

    image_url: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=8_000_000,
            description="An https address, or a data:image/…;base64, address.",
            json_schema_extra=seed("Image URL")
            | {"pattern": rf"^({ADDRESS}|data:image/[A-Za-z0-9.+-]+;base64,[\s\S]*)$"},
        ),
    ] = None
    file: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=8_000_000,
            description="The file itself, as base64.",
            json_schema_extra=seed("File Data") | {"contentEncoding": "base64"},
        ),
    ] = None
    name: Annotated[
        Name | None, Field(description="Its name; a taken one gets a suffix.", json_schema_extra=seed("Image Name"))
    ] = None
    hidden: Annotated[bool, Field(description="Not shown in the library.")] = False

    @model_validator(mode="after")
    def _one_picture(self) -> "Uploading":
        if (self.image_url is None) == (self.file is None):
            raise wrong("Give either image_url or file.", field="file")
        if self.image_url and not DATA.match(self.image_url) and not re.fullmatch(ADDRESS, self.image_url):
            raise wrong("This must be an address that begins with https:// or data:image/…;base64,.", field="image_url")
        if self.content is not None:
            kind_of(self.content)
        return self

    @property
    def content(self) -> bytes | None:
        """The picture itself, where it is given and not an address."""
        text = self.file
        if self.image_url and (match := DATA.match(self.image_url)):
            text = self.image_url[match.end() :]
        if text is None:
            return None
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise wrong("This is not base64.", field="file") from None


class ReadingImage(Reading):
    image_id: ImageId


class ChangedImage(Changing):
    image_id: ImageId
    name: Annotated[Name | None, Field(description="Its new name.", json_schema_extra=seed("Image Name"))] = None
    hidden: Annotated[
        bool | None, Field(description="Not shown in the library.", json_schema_extra=seed("Image Hidden"))
    ] = None


@action(
    sometimes=("upload_image_from_url", "upload_image_from_file"),
    seeds=("Prismatic: Upload Image",),
    examples=({"image_url": "https://shop.example/cup.png", "name": "Cup"},),
)
def upload_image(task: Task, given: Uploading) -> Any:
    """Put a picture into the account's library, from an address or a file.

    jpeg, png and gif, 5 MB at most.
    """
    content = given.content
    if content is None:
        attributes = {"import_from_url": given.image_url, "hidden": given.hidden} | given.given("name")
        return task.made("upload_image_from_url", "image", attributes)
    # As JSON a picture of 5 MB would be larger than Klaviyo's limit for a body.
    kind = kind_of(content)
    fields = {"hidden": "true" if given.hidden else "false"} | given.given("name")
    form = bodies.multipart(fields, {"file": bodies.File(f"{given.name or 'image'}.{kind}", content, f"image/{kind}")})
    return task.call("upload_image_from_file", body=form).data


@action("get_image", seeds=("Prismatic: Get Image",), examples=({"image_id": "12345"},))
def get_image(task: Task, given: ReadingImage) -> Any:
    """Get an image."""
    return task.got("get_image", given.image_id, given)


@action("get_images", seeds=("Prismatic: List Images",), examples=({"limit": 20},))
def list_images(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's images."""
    return Listed("get_images", query=reading.query(given, published.find("get_images")))


@action(
    "get_image",
    "update_image",
    seeds=("Prismatic: Update Image",),
    examples=({"image_id": "12345", "name": "Cup, blue"},),
)
def update_image(task: Task, given: ChangedImage) -> Any:
    """Rename an image, or hide it."""
    told = members(members(task.call("get_image", path={"id": given.image_id}).data).get("attributes"))
    # What is left out becomes null (seen live), so both are sent.
    attributes = {"name": words(told.get("name")), "hidden": told.get("hidden") is True} | given.given("name", "hidden")
    return task.changed("update_image", "image", given.image_id, attributes)


def kind_of(content: bytes) -> str:
    """jpeg, png or gif, by its first bytes. Raises a validation error for anything else, and what is too large."""
    if len(content) > LARGEST:
        raise wrong("The image is larger than 5 MB.", field="file")
    for beginning, kind in BEGINNINGS.items():
        if content.startswith(beginning):
            return kind
    raise wrong("This is no jpeg, png or gif.", field="file")
