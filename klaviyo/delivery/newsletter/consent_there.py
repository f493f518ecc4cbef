"""What a person has said at Klaviyo: asked for freshly, and whether it is a later no than the yes we hold."""

from collections.abc import Collection
from datetime import datetime

from django.utils.dateparse import parse_datetime

from integrations.models import Delivery
from integrations.outcomes import CalledOff, Retry
from integrations.wire import http
from klaviyo.api.profiles import Profile
from klaviyo.consent import check
from klaviyo.profiles.batch import Batch

UNREADABLE = Retry(http.UNREADABLE_ANSWER.saying("Klaviyo's answer about the person's consent could not be read."))


def person(batch: Batch, delivery: Delivery) -> Profile | None:
    """The person as Klaviyo knows them now; None when it does not. Raises CalledOff when that cannot be learnt."""
    lookup = batch.people.lookup
    if check.is_stale(lookup, delivery.subject):
        lookup.ask([delivery.subject], [delivery])
    if problem := lookup.problem(delivery.subject):
        raise CalledOff(Retry(problem.reason))
    return batch.people.known(delivery)


def consent(known: Profile) -> str:
    """Klaviyo's word for their consent to e-mail; empty where it cannot be read."""
    email = known.subscriptions.email
    return email.consent if email else ""


def is_no(known: Profile, since: datetime, channels: Collection[str], list_id: str) -> bool:
    """Whether they, or their mailbox, have said no later than `since`; a no without a readable time counts as later.

    A no to e-mail or to the list counts against every channel; one to text messages against those. Raises CalledOff
    when it cannot be read what Klaviyo holds.
    """
    told = known.subscriptions
    if told.unreadable & {"email", *channels}:
        raise CalledOff(UNREADABLE)
    asked = [block for block in (told.email, told.sms if "sms" in channels else None) if block]
    noes = [block.changed_at for block in asked if block.consent == "UNSUBSCRIBED"]
    if told.email:
        noes += [one.since for one in told.email.suppressions]
        noes += [one.since for one in told.email.list_suppressions if one.list_id in (list_id, "")]
    return any(_is_later(time, since) for time in noes)


def _is_later(time: str, than: datetime) -> bool:
    try:
        moment = parse_datetime(time)
    except ValueError:
        moment = None
    return moment is None or moment.tzinfo is None or moment > than
