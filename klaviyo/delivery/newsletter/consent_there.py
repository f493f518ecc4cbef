"""What a person has said at Klaviyo: asked for freshly, and whether it is a later no than the yes we hold."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from integrations.models import Delivery
from integrations.outcomes import CalledOff, Retry
from integrations.wire import http
from klaviyo.api import answers
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
    subscribed = answers.members(known.attributes.get("subscriptions"))
    return answers.words(answers.members(answers.members(subscribed.get("email")).get("marketing")).get("consent"))


def is_no(known: Profile, since: datetime, channels: Collection[str], list_id: str) -> bool:
    """Whether they, or their mailbox, have said no later than `since`; a no without a readable time counts as later.

    A no to e-mail or to the list counts against every channel; one to text messages against those. Raises CalledOff
    when it cannot be read what Klaviyo holds.
    """
    told = _marketing(known, "email")
    noes = [_consented_at(told), *_times(told.get("suppression")), *_times(told.get("list_suppressions"), list_id)]
    if "sms" in channels:
        noes.append(_consented_at(_marketing(known, "sms")))
    return any(_is_later(time, since) for time in noes if time is not None)


def _marketing(known: Profile, channel: str) -> dict[str, Any]:
    """The block about marketing on a channel; empty where Klaviyo holds none."""
    block: Any = known.attributes.get("subscriptions")
    if not isinstance(block, dict):
        raise CalledOff(UNREADABLE)
    for name in (channel, "marketing"):
        block = block.get(name)
        if block is None:
            return {}
        if not isinstance(block, dict):
            raise CalledOff(UNREADABLE)
    return dict(block)


def _consented_at(told: dict[str, Any]) -> str | None:
    """When they unsubscribed; None when they have not."""
    if told.get("consent") != "UNSUBSCRIBED":
        return None
    return answers.words(told.get("last_updated") or told.get("consent_timestamp"))


def _times(suppressions: Any, list_id: str = "") -> Iterator[str]:
    """When each suppression began, of all or of one list; empty where that cannot be read."""
    if not suppressions:
        return
    for one in suppressions if isinstance(suppressions, list) else [suppressions]:
        told = answers.members(one)
        if not list_id or told.get("list_id") in (list_id, None):
            yield answers.words(told.get("timestamp"))


def _is_later(time: str, than: datetime) -> bool:
    try:
        moment = parse_datetime(time)
    except ValueError:
        moment = None
    return moment is None or moment.tzinfo is None or moment > than
