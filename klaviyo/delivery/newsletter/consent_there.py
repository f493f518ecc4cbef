"""Consent of a person as Klaviyo holds it now, and whether an opt-out there is later than the opt-in we hold."""

from collections.abc import Collection
from datetime import datetime

from django.utils.dateparse import parse_datetime

from integrations.models import Delivery
from integrations.outcomes import CalledOff, Retry
from integrations.wire import http
from klaviyo.api import values
from klaviyo.api.consent import Marketing
from klaviyo.api.profiles import Profile
from klaviyo.consent import check
from klaviyo.profiles.batch import Batch
from referrals import noes

BY_WORD = ("UNSUBSCRIBE", "USER_SUPPRESSED")  # all other suppressions are about the mailbox
# What an opt-in lifts: https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
LIFTED = (*BY_WORD, "SPAM_COMPLAINT")
UNREADABLE = Retry(http.UNREADABLE_ANSWER.saying("Klaviyo's answer about the person's consent could not be read."))


def person(batch: Batch, delivery: Delivery) -> Profile | None:
    """The person as Klaviyo knows them now; None when it does not. Raises CalledOff when that cannot be learnt."""
    lookup = batch.people.lookup
    if check.is_stale(lookup, delivery.subject):
        lookup.ask([delivery.subject], [delivery])
    if problem := lookup.problem(delivery.subject):
        raise CalledOff(Retry(problem.reason))
    return batch.people.known(delivery)


def is_of_another(known: Profile) -> bool:
    """Whether all that is told of their consent to e-mail is about another address of theirs."""
    return bool(known.subscriptions.of_another)


def consent(known: Profile) -> str:
    """Klaviyo's word for their consent to e-mail; empty where it cannot be read."""
    email = _email(known)
    return email.consent if email else ""


def is_no(known: Profile, since: datetime, channels: Collection[str], list_id: str) -> bool:
    """Whether they, or their mailbox, have said no later than `since`, as far as clocks can tell; then a no wins.

    A no without a readable time counts as later. A no to e-mail or to the list counts against every channel; one to
    text messages against those. Raises CalledOff when it cannot be read what Klaviyo holds.
    """
    return any(_is_later(time, since - noes.CLOCKS_DIFFER) for time in _noes(known, channels, list_id))


def has_said_no(known: Profile, channels: Collection[str], list_id: str) -> bool:
    """The same, at whatever time."""
    return bool(_noes(known, channels, list_id))


def is_for_good(known: Profile) -> bool:
    """Whether only their mailbox can take it back: a complaint, or an address that could not be reached."""
    email = _email(known)
    return email is not None and any(one.reason not in BY_WORD for one in email.suppressions)


def stays_unreachable(known: Profile) -> str:
    """The reason of a suppression that no opt-in lifts, such as a hard bounce; empty where there is none."""
    email = known.subscriptions.email
    staying = [one.reason for one in email.suppressions if one.reason not in LIFTED] if email else []
    return next(iter(staying), "")


def said_yes_after(known: Profile, moment: datetime) -> bool:
    """Whether their mailbox has certainly confirmed a yes at Klaviyo after that: a double opt-in."""
    email = _email(known)
    if email is None or email.consent != "SUBSCRIBED" or email.said.get("double_optin") is not True:
        return False
    confirmed_at = values.moment(email.said.get("consent_timestamp"))
    return confirmed_at is not None and confirmed_at > moment + noes.CLOCKS_DIFFER


def _email(known: Profile) -> Marketing | None:
    told = known.subscriptions
    return None if told.of_another else told.email


def _noes(known: Profile, channels: Collection[str], list_id: str) -> list[str]:
    """Their times, as Klaviyo writes them."""
    told, email = known.subscriptions, _email(known)
    if told.unreadable & {"email", *channels}:
        raise CalledOff(UNREADABLE)
    asked = [block for block in (email, told.sms if "sms" in channels else None) if block]
    said = [block.changed_at for block in asked if block.consent == "UNSUBSCRIBED"]
    if email:
        said += [one.since for one in email.suppressions]
        said += [one.since for one in email.list_suppressions if one.list_id in (list_id, "")]
    return said


def _is_later(time: str, than: datetime) -> bool:
    try:
        moment = parse_datetime(time)
    except ValueError:
        moment = None
    return moment is None or moment.tzinfo is None or moment > than
