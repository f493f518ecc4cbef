"""Shapes of templates in requests; of a drag-and-drop definition the frame is looked at, not each block's styles."""

from collections.abc import Mapping

from klaviyo.sandbox.protocol.validation import Items, Members, Shape, Text
from klaviyo.sandbox.protocol.variant_shapes import Free, Variants, Whole

TYPE = Text(choices=("template",))
EDITORS = ("CODE", "USER_DRAGGABLE", "SYSTEM_DRAGGABLE")
DRAGGED = "SYSTEM_DRAGGABLE"

_ID = Text(nullable=True)
_NAME = Text(shortest=1, longest=255)
_SECTION = Members(
    {
        "content_type": Text(choices=("section",)),
        "type": Text(choices=("section",)),
        "data": Members({"properties": Free(), "display_options": Free(), "styles": Free()}),
    },
    {
        "id": _ID,
        "data_id": _ID,
        "universal_id": _ID,
        "rows": Items(
            Members(
                {"data": Free()},
                {
                    "id": _ID,
                    "data_id": _ID,
                    "columns": Items(
                        Members(
                            optional={"id": _ID, "data_id": _ID, "data": Free(), "blocks": Items(Free())},
                        )
                    ),
                },
            )
        ),
    },
)
_STYLES = {"styles": Free()}
_STYLE: Mapping[str, Shape] = {
    **{
        f"{name}-styles": Members({"style_type": Text(), **_STYLES}, {"id": _ID})
        for name in ("text", "heading-1", "heading-2", "heading-3", "heading-4", "link")
    },
    **{
        f"{name}-styles": Members({"style_type": Text(), "properties": Free(), **_STYLES}, {"id": _ID})
        for name in ("base", "mobile")
    },
}
DEFINITION = Members(
    {
        "body": Members(
            {
                "properties": Members(optional={"id": _ID, "css_class": Text(nullable=True)}),
                "styles": Members(optional={"background_color": Text(nullable=True), "width": Whole(nullable=True)}),
            },
            {"id": _ID, "sections": Items(_SECTION)},
        ),
        "styles": Items(Variants("style_type", _STYLE)),
    },
    {"id": _ID, "template_id": _ID},
)
_TEXTS = {"text": Text(nullable=True), "amp": Text(nullable=True), "html": Text(nullable=True)}


def _one(attributes: Shape, *, has_id: bool = True) -> Members:
    named: dict[str, Shape] = {"id": Text()} if has_id else {}
    return Members({"data": Members({"type": TYPE, **named, "attributes": attributes})})


CREATE = _one(
    Members({"name": _NAME, "editor_type": Text(choices=EDITORS)}, {**_TEXTS, "definition": DEFINITION}), has_id=False
)
UPDATE = _one(
    Members(
        optional={"name": Text(nullable=True, shortest=1, longest=255), **_TEXTS, "definition": DEFINITION},
    )
)
RENDER = _one(Members({"context": Free()}))
CLONE = _one(Members(optional={"name": Text(nullable=True, shortest=1, longest=255)}))
