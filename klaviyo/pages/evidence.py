"""Consent evidence: what Klaviyo said about a person, as a table that needs no knowledge of Klaviyo."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timesince import timesince

from integrations.pages import times

CONSENT = {
    "SUBSCRIBED": ("Subscribed", "The person asked for marketing e-mail."),
    "UNSUBSCRIBED": ("Unsubscribed", "The person said no to marketing e-mail."),
    "NEVER_SUBSCRIBED": ("Never subscribed", "The person has said neither yes nor no."),
}
SUPPRESSIONS = {
    "HARD_BOUNCE": "the address bounced",
    "INVALID_EMAIL": "the address is not valid",
    "SPAM_COMPLAINT": "the person reported an e-mail as spam",
    "UNSUBSCRIBE": "the person unsubscribed",
    "USER_SUPPRESSED": "somebody at the store suppressed it",
}
METHODS = {
    "PREFERENCE_PAGE": "Klaviyo's preference page",
    "API": "Another program, through Klaviyo's API",
    "FORM": "A sign-up form",
    "MANUAL_ADD": "Added by hand",
    "MANUAL_IMPORT": "An import by hand",
    "MANUAL_REMOVE": "Removed by hand",
    "INBOUND_MESSAGE": "A message that the person sent",
    "SPAM_COMPLAINT": "A spam report",
    "ONE_CLICK_UNSUBSCRIBE": "The mail program's unsubscribe button",
    "MAILBOX_PROVIDER": "The person's mail provider",
}


@dataclass(frozen=True)
class Word:
    """One thing that Klaviyo said: what it is, what was said, and what that means. `theirs` is Klaviyo's own word."""

    name: str
    said: str
    means: str = ""
    theirs: str = ""


def of(evidence: Any, decided_at: datetime) -> list[Word]:
    """The words of one decision's evidence; whatever has an odd form is shown as it came."""
    return list(_words(evidence, decided_at)) if isinstance(evidence, dict) else []


def _words(said: dict[str, Any], decided_at: datetime) -> Iterator[Word]:
    if said.get("suppressed_at"):
        since = f"Since {_when(said['suppressed_at'], decided_at)}. Klaviyo need not be asked."
        yield Word("Sorae's own list", "Is not written to", since)
    if said.get("address"):
        means = "All this is about the person's first address at Klaviyo, not about the one that was asked for."
        yield Word("Whose consent", str(said["address"]), means)
    if "consent" in said:
        words, means = CONSENT.get(str(said["consent"]), ("Unknown", "A word that we do not know."))
        yield Word("What the person said", words, means, str(said["consent"]))
    if "can_receive_email_marketing" in said:
        can = said["can_receive_email_marketing"] is True
        means = "Klaviyo would deliver to it." if can else "Klaviyo delivers nothing to this address."
        yield Word("Can be reached", "Yes" if can else "No", means)
    if "suppression" in said:
        yield from _suppressions("Suppressed", said["suppression"], decided_at)
    if said.get("list_suppressions"):
        yield from _suppressions("Left a list", said["list_suppressions"], decided_at)
    for name, key in (("Said at", "consent_timestamp"), ("Last changed", "last_updated")):
        if said.get(key):
            yield Word(name, _when(said[key], decided_at))
    if said.get("method"):
        method, detail = str(said["method"]), said.get("method_detail") or said.get("custom_method_detail")
        yield Word("How", METHODS.get(method, _plain(method)), f"{detail}" if detail else "", method)
    if said.get("double_optin") is not None:
        means = (
            "A confirmation e-mail was answered." if said["double_optin"] else "No confirmation e-mail was asked for."
        )
        yield Word("Confirmed", "Yes" if said["double_optin"] else "No", means)


def _suppressions(name: str, items: Any, decided_at: datetime) -> Iterator[Word]:
    if not items:
        yield Word(name, "No", "The address is on no list of those that cannot be reached.")
        return
    for item in items if isinstance(items, list) else [items]:
        if not isinstance(item, dict):
            yield Word(name, "Yes", "In a form that we do not know.", str(item))
            continue
        reason = str(item.get("reason") or "")
        words = SUPPRESSIONS.get(reason, "for a reason that we do not know")
        where = f"List {item['list_id']}. " if item.get("list_id") else ""
        since = f"Since {_when(item['timestamp'], decided_at)}." if item.get("timestamp") else ""
        yield Word(name, words.capitalize(), f"{where}{since}".strip(), reason)


def _when(said: Any, decided_at: datetime) -> str:
    """A time as a person reads it, and how long before the decision that was; what is none stays as it was said."""
    try:
        moment = parse_datetime(str(said))
        if moment is None:
            return str(said)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        written = times.written(moment)
    except (ValueError, OverflowError):  # no such day; or near the ends of the calendar
        return str(said)
    if decided_at - moment < timedelta(minutes=1):
        return written
    return f"{written} ({timesince(moment, decided_at)} before this decision)"


def _plain(word: str) -> str:
    return word.replace("_", " ").capitalize()
