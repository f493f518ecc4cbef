"""Consent changed by hand: as the person, their mailbox or somebody at the merchant would."""

import sqlite3
from collections.abc import Callable, Mapping

from klaviyo.sandbox.protocol.errors import Problem, Refusal
from klaviyo.sandbox.resources import consent_changes
from klaviyo.sandbox.state import identifiers, people
from klaviyo.sandbox.state.consent import Channel, Consent
from klaviyo.sandbox.state.people import Person


def by_email(sql: sqlite3.Connection, account: str, email: str, to: str) -> Person:
    """Refusal with 404 when the account knows nobody of that address; ValueError for another `to`."""
    if to not in TO:
        raise ValueError(f"'{to}' is not a way to flip. Use one of: {', '.join(TO)}.")
    person = people.by_email(sql, account, email)
    if person is None:
        detail = f"Nobody in the account {account} has this e-mail address."
        raise Refusal(Problem(404, "not_found", "Not found.", detail, pointer="/email"))
    return flip(sql, person, to, email)


def flip(sql: sqlite3.Connection, person: Person, to: str, email: str | None = None) -> Person:
    """Changes what is to be changed, now; what is so already keeps its time and is not told again."""
    before = consent_changes.noted(person)
    _CHANGES[to](person.consent_of(email), identifiers.instant())
    if consent_changes.noted(person) != before:
        person.updated = identifiers.instant()
        people.save(sql, person)
        consent_changes.tell(sql, person, before)
    return person


def _subscribed(consent: Consent, at: str) -> None:
    if consent.email.consent != "SUBSCRIBED" or consent.is_liftable:
        consent.subscribe_email(at, list_id=None, detail=None, double=False, method="PREFERENCE_PAGE")


def _unsubscribed(consent: Consent, at: str) -> None:
    if consent.email.consent != "UNSUBSCRIBED":
        consent.unsubscribe_email(at, method="PREFERENCE_PAGE")


def _never_subscribed(consent: Consent, at: str) -> None:
    if consent.email.consent != "NEVER_SUBSCRIBED":
        consent.email = Channel(last_updated=at)
    consent.suppressions.pop("UNSUBSCRIBE", None)


def _unsuppressed(consent: Consent, _at: str) -> None:
    """Everything but their own unsubscribing is lifted, as the merchant can in Klaviyo's pages."""
    consent.suppressions = {why: when for why, when in consent.suppressions.items() if why == "UNSUBSCRIBE"}


def _suppressed(reason: str) -> Callable[[Consent, str], None]:
    def suppress(consent: Consent, at: str) -> None:
        consent.suppressions.setdefault(reason, at)

    return suppress


_CHANGES: Mapping[str, Callable[[Consent, str], None]] = {
    "subscribed": _subscribed,
    "unsubscribed": _unsubscribed,
    "suppressed": _suppressed("USER_SUPPRESSED"),
    "spam": _suppressed("SPAM_COMPLAINT"),
    "bounced": _suppressed("HARD_BOUNCE"),
    "unsuppressed": _unsuppressed,
    "never_subscribed": _never_subscribed,
}
TO = tuple(_CHANGES)
