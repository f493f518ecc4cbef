"""Profiles API: people with their consent, and profile upserts; people are looked up in `profile_search`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo.api import answers, consent, filters, ids, paging, values
from klaviyo.api.answers import Unreadable, words
from klaviyo.api.client import Client
from klaviyo.api.consent import Subscriptions
from klaviyo.api.operation import LISTS_OF_A_PROFILE, PREDICTIVE_ANALYTICS, SEGMENTS_OF_A_PROFILE, Operation

LOOKED_UP_AT_ONCE = 100  # a page: https://developers.klaviyo.com/en/reference/get_profiles

GET_PROFILES = Operation("get_profiles", "GET /api/profiles", "profiles:read", 75, 750, extra=(PREDICTIVE_ANALYTICS,))
GET_PROFILE = Operation(
    "get_profile",
    "GET /api/profiles/{id}",
    "profiles:read",
    75,
    750,
    extra=(PREDICTIVE_ANALYTICS, LISTS_OF_A_PROFILE, SEGMENTS_OF_A_PROFILE),
)
CREATE_OR_UPDATE_PROFILE = Operation(
    "create_or_update_profile",
    "POST /api/profile-import",
    "profiles:write",
    75,
    750,
    success=(200, 201),
    extra=(PREDICTIVE_ANALYTICS,),
)
UPDATE_PROFILE = Operation(
    "update_profile", "PATCH /api/profiles/{id}", "profiles:write", 75, 750, extra=(PREDICTIVE_ANALYTICS,)
)


@dataclass(frozen=True)
class Profile:
    """A person as Klaviyo knows them; `attributes` holds `subscriptions` when they were asked for.

    `found_by` is the address by which they were asked for, where it was by one.
    """

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    found_by: str = ""

    @property
    def address(self) -> str:
        """Their e-mail address as Klaviyo spells it; empty where it has none."""
        return words(self.attributes.get("email"))

    @property
    def email(self) -> str:
        return values.address(self.address).lower()

    @property
    def is_named_otherwise(self) -> bool:
        """Whether they were found by an address that is not their first."""
        return bool(self.found_by) and self.email != values.address(self.found_by).lower()

    @property
    def subscriptions(self) -> Subscriptions:
        """Their consent, as far as it is about the address that was asked for.

        Each address has its own, and whose is told where it is not the first is nowhere published:
        https://help.klaviyo.com/hc/en-us/articles/48274807144475
        """
        told = consent.parse(self.attributes)
        return replace(told, of_another=self.email or self.id) if self.is_named_otherwise else told


@dataclass(frozen=True)
class Page:
    """Some of many profiles, and the query of the next page; None at the end."""

    profiles: list[Profile]
    next: paging.Query | None


def upsert(client: Client, body: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> tuple[str, bool]:
    """Create or update by e-mail, with a request as `body_of` makes it: the profile's id, and whether it is new."""
    answer = client.call(CREATE_OR_UPDATE_PROFILE, body=body, deliveries=deliveries)
    # Of an update it is 200: https://developers.klaviyo.com/en/reference/create_or_update_profile
    is_new = answer.status == 201
    return str(answer.data.get("id") or "") if isinstance(answer.data, dict) else "", is_new


def update(client: Client, id: str, body: dict[str, Any], deliveries: Sequence[Delivery] = ()) -> None:
    """Update one profile by its id, with a request as `body_of` makes it."""
    client.call(UPDATE_PROFILE, path={"id": id}, body={"data": body["data"] | {"id": id}}, deliveries=deliveries)


def body_of(attributes: dict[str, Any], unset: Sequence[str] = ()) -> dict[str, Any]:
    """The request of an upsert; `unset` names custom properties to be removed, which null or "" would not do.

    https://developers.klaviyo.com/en/reference/create_or_update_profile
    """
    data: dict[str, Any] = {"type": "profile", "attributes": attributes}
    if unset:
        data["meta"] = {"patch_properties": {"unset": list(unset)}}
    return {"data": data}


def get(client: Client, id: str, deliveries: Sequence[Delivery] = ()) -> Profile | None:
    """One person with their consent, by the profile's id; None when Klaviyo has no such profile (any more)."""
    query = {"additional-fields[profile]": "subscriptions"}
    try:
        return _profile(client.call(GET_PROFILE, path={"id": ids.checked(id)}, query=query, deliveries=deliveries).data)
    except PermanentError as error:
        # 404 (seen for malformed ids as well): https://developers.klaviyo.com/en/reference/get_profile
        if not answers.is_missing(error, "profile"):
            raise
        return None


def having(client: Client, field: str, asked_for: Sequence[str], deliveries: Sequence[Delivery] = ()) -> list[Profile]:
    """One question, for a hundred at most: whoever has one of these values in the field, with their consent."""
    query = {
        "filter": filters.any_of(field, asked_for),
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(LOOKED_UP_AT_ONCE),
    }
    document = client.call(GET_PROFILES, query=query, deliveries=deliveries).document
    links = document.get("links")
    if isinstance(links, dict) and links.get("next"):
        raise Unreadable("people")
    return _read_all(document["data"])


def of_ids(client: Client, wanted: Sequence[str]) -> dict[str, Profile]:
    """People with their consent, by the ids of their profiles, a hundred in a call; who is gone is missing."""
    found: dict[str, Profile] = {}
    for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
        asked = [ids.checked(id) for id in wanted[start : start + LOOKED_UP_AT_ONCE]]
        found |= {profile.id: profile for profile in having(client, "id", asked)}
    return found


def suppressed_since(client: Client, moment: datetime, goes_on: paging.Query | None = None) -> Iterator[Page]:
    """Whom the account has suppressed at `moment` or later, the earliest first, page by page; or on from a `next`."""
    when = "subscriptions.email.marketing.suppression.timestamp"
    query = goes_on or {
        "filter": f"greater-or-equal({when},{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})",
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(LOOKED_UP_AT_ONCE),
        "sort": when,
    }
    for document in paging.walk(lambda query: client.call(GET_PROFILES, query=query).document, query, "people"):
        following = paging.next_query(document, "people")
        yield Page(_read_all(document["data"]), following)


def _read_all(data: Any) -> list[Profile]:
    if not isinstance(data, list):
        raise Unreadable("people")
    return [_profile(item) for item in data]


def _profile(item: Any) -> Profile:
    if (
        not isinstance(item, dict)
        or not isinstance(item.get("id"), str)
        or not isinstance(item.get("attributes"), dict)
    ):
        raise Unreadable("people")
    return Profile(item["id"], item["attributes"])
