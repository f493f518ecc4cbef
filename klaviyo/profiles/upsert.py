"""Profile upsert: creates the person at Klaviyo or updates them, without the fields that Klaviyo refuses."""

from typing import Any

from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo.api import answers, profiles
from klaviyo.api.client import Client
from klaviyo.profiles.errors import ProfileConflict

DUPLICATE = "duplicate_profile"  # https://developers.klaviyo.com/en/reference/create_profile
GONE = ("not_found", DUPLICATE)  # what an update says of a profile that was merged into another meanwhile
IDENTIFIERS = ("email", "phone_number")
FILLED_IN_ONLY = ("first_name", "last_name", "phone_number", "locale")


def upsert(client: Client, delivery: Delivery, body: dict[str, Any]) -> bool:
    """Whether the person is new. A phone or a locale that Klaviyo refuses costs just that, not the person.

    Raises ProfileConflict where Klaviyo names a profile that it does not know.
    """
    attributes = body["data"]["attributes"]
    try:
        return profiles.upsert(client, body, [delivery])[1]
    except PermanentError as error:
        refused = [name for name in FILLED_IN_ONLY if name in attributes and answers.points_at(error, name)]
        if answers.duplicate_of(error) and "phone_number" in attributes:
            refused = ["phone_number"]
        if not refused:
            return _update_the_other(client, delivery, body, error)
        for name in refused:
            del attributes[name]
            delivery.warnings.append(f"Left out: Klaviyo did not take the {name.replace('_', ' ')} for this person.")
        return _again(client, delivery, body)


def update(client: Client, delivery: Delivery, id: str, body: dict[str, Any]) -> None:
    """Update the profile of that id, and none of its identifiers. Raises ProfileConflict where it is gone."""
    attributes = {name: value for name, value in body["data"]["attributes"].items() if name not in IDENTIFIERS}
    try:
        profiles.update(client, id, {"data": body["data"] | {"attributes": attributes}}, [delivery])
    except PermanentError as error:
        if error.code not in GONE:
            raise
        raise ProfileConflict from error


def _again(client: Client, delivery: Delivery, body: dict[str, Any]) -> bool:
    """Without what was refused."""
    try:
        return profiles.upsert(client, body, [delivery])[1]
    except PermanentError as error:
        return _update_the_other(client, delivery, body, error)


def _update_the_other(client: Client, delivery: Delivery, body: dict[str, Any], error: PermanentError) -> bool:
    """Klaviyo says that the person is another profile: then that one is meant."""
    other = answers.duplicate_of(error)
    if other:
        update(client, delivery, other, body)
        return False
    if error.code == DUPLICATE:
        raise ProfileConflict from error
    raise error
