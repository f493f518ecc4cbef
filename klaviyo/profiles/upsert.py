"""Profile upsert: creates the person at Klaviyo or updates them, without the fields that Klaviyo refuses."""

from typing import Any

from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo.api import answers, profiles
from klaviyo.api.client import Client

FILLED_IN_ONLY = ("first_name", "last_name", "phone_number", "locale")


def upsert(client: Client, delivery: Delivery, body: dict[str, Any]) -> bool:
    """Whether the person is new. A phone or a locale that Klaviyo refuses costs just that, not the person."""
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
        return profiles.upsert(client, body, [delivery])[1]


def _update_the_other(client: Client, delivery: Delivery, body: dict[str, Any], error: PermanentError) -> bool:
    """Klaviyo says that the person is another profile: then that one is meant."""
    other = answers.duplicate_of(error)
    if not other:
        raise error
    profiles.update(client, other, body, [delivery])
    return False
