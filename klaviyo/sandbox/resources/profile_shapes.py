"""Profile shapes in a request body; the consent fields are in none of these."""

from klaviyo.sandbox.protocol.formats import email, phone
from klaviyo.sandbox.protocol.validation import Anything, Items, Members, Number, Shape, Sized, Text
from klaviyo.sandbox.state.people import PLACES

PROFILE_BYTES = 100 * 1024
EVENT_PROFILE_BYTES = 95 * 1024

NAME = Text(nullable=True)
EMAIL = Text(nullable=True, form=email)
PHONE = Text(nullable=True, form=phone)
ID = Text(nullable=True)
TYPE = Text(choices=("profile",))

_LOCATION = Members(
    optional={
        name: Number(nullable=True, text_too=True) if name in ("latitude", "longitude") else NAME for name in PLACES
    }
)
_ATTRIBUTES: dict[str, Shape] = {
    "email": EMAIL,
    "phone_number": PHONE,
    "external_id": ID,
    "first_name": NAME,
    "last_name": NAME,
    "organization": NAME,
    "locale": NAME,
    "title": NAME,
    "image": NAME,
    "location": _LOCATION,
    "properties": Anything(nullable=True),
}


class _StringOrStrings:
    """One string or a list of them, as `meta.patch_properties.unset` takes."""

    def fits(self, value: object) -> bool:
        return type(value) is str

    def check(self, value: object, at: str, found: list) -> None:  # type: ignore[type-arg]
        shape: Shape = Items(Text()) if isinstance(value, list) else Text()
        shape.check(value, at, found)


META = Members(
    optional={
        "patch_properties": Members(
            optional={
                "append": Anything(nullable=True),
                "unappend": Anything(nullable=True),
                "unset": _StringOrStrings(),
            }
        ),
        "patch_identifiers": Members(
            optional={
                "append": Members(optional={"email": EMAIL, "phone_number": PHONE, "external_id": ID}),
                "unappend": Members(optional={"email": EMAIL, "phone_number": PHONE, "external_id": ID}),
            }
        ),
    }
)

CREATE = Members({"data": Sized(Members({"type": TYPE, "attributes": Members(optional=_ATTRIBUTES)}), PROFILE_BYTES)})
UPDATE = Members(
    {
        "data": Sized(
            Members({"type": TYPE, "id": Text(), "attributes": Members(optional=_ATTRIBUTES)}, {"meta": META}),
            PROFILE_BYTES,
        )
    }
)
UPSERTED = Members({"type": TYPE, "attributes": Members(optional={**_ATTRIBUTES, "_kx": ID})}, {"id": ID, "meta": META})
UPSERT = Members({"data": Sized(UPSERTED, PROFILE_BYTES)})

_EVENT_ATTRIBUTES: dict[str, Shape] = {**_ATTRIBUTES, "_kx": ID, "anonymous_id": ID}
# Until 2026-10-15 a single event has the profile's meta inside its attributes, a bulk job has it beside them.
OF_EVENT = Sized(
    Members({"type": TYPE, "attributes": Members(optional={**_EVENT_ATTRIBUTES, "meta": META})}, {"id": ID}),
    EVENT_PROFILE_BYTES,
)
OF_BULK_EVENT = Sized(
    Members({"type": TYPE, "attributes": Members(optional=_EVENT_ATTRIBUTES)}, {"id": ID, "meta": META}),
    EVENT_PROFILE_BYTES,
)
