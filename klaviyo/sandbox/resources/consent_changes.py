"""Consent changes of a person, told as the webhook topics that Klaviyo has for them."""

import copy
import sqlite3
from collections.abc import Iterator
from typing import Any

from klaviyo.sandbox.resources import topics
from klaviyo.sandbox.state import webhook_deliveries
from klaviyo.sandbox.state.consent import Channel, Consent
from klaviyo.sandbox.state.people import Person

Told = tuple[str, dict[str, Any]]
Noted = dict[str, Consent]

_SUPPRESSED_BY = {
    "USER_SUPPRESSED": topics.SUPPRESSED,
    "SPAM_COMPLAINT": topics.SPAM,
    "HARD_BOUNCE": topics.BOUNCED,
    "INVALID_EMAIL": topics.DROPPED,
}
_EMAIL = {
    "SUBSCRIBED": topics.SUBSCRIBED,
    "UNSUBSCRIBED": topics.UNSUBSCRIBED,
    # Klaviyo has no topic for forgetting what somebody said; this is the nearest.
    "NEVER_SUBSCRIBED": topics.PREFERENCES,
}
_SMS = {"SUBSCRIBED": topics.SUBSCRIBED_TO_SMS, "UNSUBSCRIBED": topics.UNSUBSCRIBED_FROM_SMS}


def noted(person: Person) -> Noted:
    """The consent of each address as it is now, to be compared after the change; the first is called ''."""
    return {"": copy.deepcopy(person.consent)} | {
        other.email: copy.deepcopy(other.consent) for other in person.others.values()
    }


def tell(sql: sqlite3.Connection, person: Person, before: Noted, *, joined: str | None = None) -> None:
    """Records every difference to `before`; `joined` is a list that they have just come onto.

    The profile is told with its first address; which other one a change is about stands with the event.
    """
    for address, was in before.items():
        of_which = {"email": address} if address else {}
        for topic, properties in _differences(was, person.consent_of(address), None if address else joined):
            webhook_deliveries.record(sql, person.account, person.id, topic, properties | of_which)


def _differences(before: Consent, after: Consent, joined: str | None) -> Iterator[Told]:
    yield from _of_channel(before.email, after.email, _EMAIL)
    yield from _of_channel(before.sms, after.sms, _SMS)
    yield from _of_suppressions(before, after)
    for list_id in after.list_suppressions:
        if list_id not in before.list_suppressions:
            yield topics.UNSUBSCRIBED_FROM_LIST, {"list_id": list_id}
    if joined:
        yield topics.SUBSCRIBED_TO_LIST, {"list_id": joined}


def _of_channel(before: Channel, after: Channel, named: dict[str, str]) -> Iterator[Told]:
    if after.consent != before.consent and after.consent in named:
        yield named[after.consent], {"method": after.method} if after.method else {}


def _of_suppressions(before: Consent, after: Consent) -> Iterator[Told]:
    for reason, topic in _SUPPRESSED_BY.items():
        if reason in after.suppressions and reason not in before.suppressions:
            yield topic, {}
    if before.suppressions.keys() - after.suppressions.keys() - {"UNSUBSCRIBE"}:
        yield topics.UNSUPPRESSED, {}
