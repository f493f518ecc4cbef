"""Channels of consent: e-mail, texts and more; each needs an address of its kind."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from klaviyo.actions.inputs import Rule, one_of_them, seed, wrong
from klaviyo.api import values

Channel = Literal[
    "email",
    "sms",
    "email.open_tracking",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
]
Ended = Literal[
    "email",
    "sms",
    "email.open_tracking",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "whatsapp.conversational",
]
Channels = Annotated[
    list[Channel],
    Field(
        min_length=1,
        max_length=6,
        description="What they asked for: email, sms and more.",
        json_schema_extra=seed("Klaviyo Channels"),
    ),
]


_MAIL = [one for one in get_args(Ended) if one.startswith("email")]
_PHONE = [one for one in get_args(Ended) if not one.startswith("email")]


def addressed(*looked_up: str) -> tuple[Rule, ...]:
    """In a schema: what `check_channels` checks of somebody who has an address, or is looked up by one of these."""
    return by_address(one_of_them("email", *looked_up), one_of_them("phone_number", *looked_up))


def by_address(has_mail: dict[str, Any], has_phone: dict[str, Any]) -> tuple[Rule, ...]:
    """Rules: no channel of mail, or what has an address; no other channel, or what has a number."""
    return {"anyOf": [_only(_PHONE), has_mail]}, {"anyOf": [_only(_MAIL), has_phone]}


def _only(channels: list[str]) -> dict[str, Any]:
    return {"properties": {"channels": {"items": {"enum": channels}}}}


def check_channels(channels: Iterable[str], *, has_mail: bool, has_phone: bool) -> None:
    """Each channel needs its address. Raises a validation error."""
    for channel in channels:
        if channel.startswith("email") and not has_mail:
            raise wrong(f"{channel} needs an email.", field="channels")
        if not channel.startswith("email") and not has_phone:
            raise wrong(f"{channel} needs a phone_number.", field="channels")


def check_number(channels: Iterable[str], number: str) -> None:
    """Whoever agrees to texts needs a number that gets them. Raises a validation error."""
    if not values.gets_texts(number) and (texts := [one for one in channels if not one.startswith("email")]):
        raise wrong(f"No text messages reach this phone number, and {texts[0]} needs one.", field="phone_number")


def block(channels: Iterable[str], said: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for channel in channels:
        name, _, purpose = channel.partition(".")
        word = {"consent": said["consent"]} if purpose == "open_tracking" else dict(said)
        made.setdefault(name, {})[purpose or "marketing"] = word
    return made
