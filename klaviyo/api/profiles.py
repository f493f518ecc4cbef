"""Profiles: https://developers.klaviyo.com/en/reference/profiles_api_overview."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.models import Delivery
from klaviyo.api import filters
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

LOOKED_UP_AT_ONCE = 100

GET_PROFILES = Operation("get_profiles", "GET", "/api/profiles", "profiles:read", 75, 750, needs_body=True)
CREATE_OR_UPDATE_PROFILE = Operation(
    "create_or_update_profile", "POST", "/api/profile-import", "profiles:write", 75, 750, success=(200, 201)
)
UPDATE_PROFILE = Operation("update_profile", "PATCH", "/api/profiles/{id}", "profiles:write", 75, 750)


@dataclass(frozen=True)
class Profile:
    """A person as Klaviyo knows them; `attributes` holds `subscriptions` when they were asked for."""

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)


def find(client: Client, emails: Iterable[str], deliveries: Sequence[Delivery] = ()) -> dict[str, Profile]:
    """Up to 100 people with their consent, in one call; keyed by lower-case e-mail, unknown people left out."""
    found = _find(client, "email", {email.lower() for email in emails}, deliveries)
    return {str(profile.attributes.get("email", "")).lower(): profile for profile in found}


def find_phones(client: Client, phones: Iterable[str], deliveries: Sequence[Delivery] = ()) -> set[str]:
    """Which of up to 100 phone numbers (E.164) belong to somebody already, in one call."""
    found = _find(client, "phone_number", set(phones), deliveries)
    return {str(profile.attributes.get("phone_number")) for profile in found}


def upsert(client: Client, attributes: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> tuple[str, bool]:
    """Create or update by e-mail: the profile's id (empty if the answer could not be read), and whether it is new."""
    body = {"data": {"type": "profile", "attributes": attributes}}
    answer = client.call(CREATE_OR_UPDATE_PROFILE, body=body, deliveries=deliveries)
    return _profile(answer.data).id, answer.status == 201


def update(client: Client, id: str, attributes: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> None:
    """Update one profile by its id."""
    body = {"data": {"type": "profile", "id": id, "attributes": attributes}}
    client.call(UPDATE_PROFILE, path={"id": id}, body=body, deliveries=deliveries)


def _find(client: Client, field: str, values: set[str], deliveries: Sequence[Delivery]) -> list[Profile]:
    if not values:
        return []
    if len(values) > LOOKED_UP_AT_ONCE:
        raise ValueError(f"At most {LOOKED_UP_AT_ONCE} people can be looked up at once.")
    query = {
        "filter": filters.any_of(field, sorted(values)),
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(LOOKED_UP_AT_ONCE),
    }
    data = client.call(GET_PROFILES, query=query, deliveries=deliveries).data
    return [_profile(item) for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _profile(item: Any) -> Profile:
    item = item if isinstance(item, dict) else {}
    attributes = item.get("attributes")
    return Profile(str(item.get("id") or ""), attributes if isinstance(attributes, dict) else {})
