"""Subscribe and unsubscribe jobs: a person's own opt-in or opt-out, told to Klaviyo.

Only ever because a person said so at Sorae: to subscribe somebody erases the no that they gave at Klaviyo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.errors import PermanentError
from integrations.models import Delivery
from integrations.reasons import Who, declare
from integrations.wire.attempts import LastLook
from klaviyo.api import ids
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

SCOPES = "lists:write profiles:write subscriptions:write"
BULK_SUBSCRIBE_PROFILES = Operation(
    "bulk_subscribe_profiles", "POST /api/profile-subscription-bulk-create-jobs", SCOPES, 75, 750, success=(202,)
)
BULK_UNSUBSCRIBE_PROFILES = Operation(
    "bulk_unsubscribe_profiles", "POST /api/profile-subscription-bulk-delete-jobs", SCOPES, 75, 750, success=(202,)
)
MOST_UNSUBSCRIBED = 100  # https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles
MOST_SUBSCRIBED = 1_000  # https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
NO_CHANNEL = declare(
    "no_channel",
    "No channel",
    "The opt-in names no channel that Klaviyo could subscribe.",
    because="the opt-in names no way to write to them",
    means="Neither e-mail nor text messages were agreed to.",
    who=Who.DATA,
    do="Correct it in your data and send the fact again.",
)
NO_PHONE = declare(
    "no_phone",
    "No phone number",
    "The opt-in is for text messages, but has no phone number.",
    because="there is no phone number that text messages could go to",
    means="The number that was given is none, gets no text messages, is not certain without its country code, or is "
    "somebody else's at Klaviyo.",
    who=Who.DATA,
    do="Ask the person for their mobile number, with its country code.",
)


@dataclass(frozen=True)
class Subscriber:
    """A person who opted in, to `channels` of "email" and "sms"; a text message needs a phone number (E.164)."""

    email: str
    channels: frozenset[str]
    id: str = ""
    phone_number: str = ""


def subscribe(
    client: Client,
    people: Sequence[Subscriber],
    list_id: str | None,
    source: str,
    deliveries: Sequence[Delivery] = (),
    *,
    last_look: LastLook | None = None,
) -> None:
    """Subscribe up to 1,000 people who have just asked for it, saying where (`source`).

    The list decides whether they are sent a confirmation mail first; without a list the account does. An answer
    that is a success says no more than that it was taken: who has subscribed shows on the profile, later. Klaviyo
    does it at most once in 30 minutes for one person, and (not published) never for an address that it does not know.

    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    attributes = {
        "custom_source": source,
        "profiles": {"data": [_resource(person.id, _asked_for(person)) for person in people]},
    }
    body = _job("profile-subscription-bulk-create-job", attributes, list_id)
    client.call(BULK_SUBSCRIBE_PROFILES, body=body, deliveries=deliveries, last_look=last_look)


def unsubscribe(
    client: Client,
    email: str,
    list_id: str | None,
    deliveries: Sequence[Delivery] = (),
    *,
    last_look: LastLook | None = None,
) -> None:
    """Unsubscribe one person from e-mail: from one list, or with None from everything the account sends.

    Whoever is not on the list is unsubscribed from everything, so ask `lists.is_member` first:
    https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles
    """
    attributes = {"email": email, "subscriptions": {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}}
    body = _job("profile-subscription-bulk-delete-job", {"profiles": {"data": [_resource("", attributes)]}}, list_id)
    client.call(BULK_UNSUBSCRIBE_PROFILES, body=body, deliveries=deliveries, last_look=last_look)


def unsubscribe_all(
    client: Client, emails: Sequence[str], list_id: str | None, *, last_look: LastLook | None = None
) -> None:
    """As `unsubscribe`, of up to a hundred people in a request."""
    told = {"subscriptions": {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}}
    people = [_resource("", {"email": email, **told}) for email in emails]
    body = _job("profile-subscription-bulk-delete-job", {"profiles": {"data": people}}, list_id)
    client.call(BULK_UNSUBSCRIBE_PROFILES, body=body, last_look=last_look)


def unsubscribe_numbers(client: Client, numbers: Sequence[str], *, last_look: LastLook | None = None) -> None:
    """From text messages, up to a hundred people by their phone numbers; of no list, as numbers are on none."""
    told = {"subscriptions": {"sms": {"marketing": {"consent": "UNSUBSCRIBED"}}}}
    people = [_resource("", {"phone_number": number, **told}) for number in numbers]
    body = _job("profile-subscription-bulk-delete-job", {"profiles": {"data": people}}, None)
    client.call(BULK_UNSUBSCRIBE_PROFILES, body=body, last_look=last_look)


def subscribe_all(
    client: Client,
    people: Sequence[dict[str, Any]],
    list_id: str | None,
    source: str,
    *,
    is_historical: bool = False,
    last_look: LastLook | None = None,
) -> None:
    """As `subscribe`, of people as requests have them. Of the past each says when, and nobody is asked to confirm it.

    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    attributes: dict[str, Any] = {"custom_source": source, "profiles": {"data": list(people)}}
    if is_historical:
        attributes["historical_import"] = True
    body = _job("profile-subscription-bulk-create-job", attributes, list_id)
    client.call(BULK_SUBSCRIBE_PROFILES, body=body, last_look=last_look)


def _asked_for(person: Subscriber) -> dict[str, Any]:
    """Consent on the channels that the person chose, and not a word about the others."""
    if not person.channels or person.channels - {"email", "sms"}:
        raise PermanentError(NO_CHANNEL)
    if "sms" in person.channels and not person.phone_number:
        raise PermanentError(NO_PHONE)
    attributes: dict[str, Any] = {
        "email": person.email,
        "subscriptions": {channel: {"marketing": {"consent": "SUBSCRIBED"}} for channel in sorted(person.channels)},
    }
    return attributes | ({"phone_number": person.phone_number} if "sms" in person.channels else {})


def _resource(id: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "profile"} | ({"id": ids.checked(id)} if id else {}) | {"attributes": attributes}


def _job(type: str, attributes: dict[str, Any], list_id: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {"type": type, "attributes": attributes}
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": ids.checked(list_id)}}}
    return {"data": data}
