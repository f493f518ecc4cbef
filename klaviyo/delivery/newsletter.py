"""A person's yes goes to the store's newsletter list, their no to where they said it; neither is replayed blindly."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.errors import IntegrationError, PermanentError, TemporaryError
from integrations.models import Attempt, Delivery
from integrations.outcomes import Accepted, Outcome, Retry, Skipped
from klaviyo import asking, newsletter
from klaviyo.api import answers, lists, subscriptions
from klaviyo.api.subscriptions import Subscriber
from klaviyo.delivery.state import Batch
from klaviyo.delivery.trouble import ListTrouble
from klaviyo.models import ProfileSync
from referrals.models import OptOut

ONE_JOB = timedelta(
    minutes=30
)  # Klaviyo's limit for one profile: https://developers.klaviyo.com/en/reference/profiles_api_overview
OPERATION = subscriptions.BULK_SUBSCRIBE_PROFILES.id
NOT_PROCESSED = {"unreachable", "edge_refused", "throttled", "unauthorized"}  # errors that say so
WITHDRAWN = Skipped("withdrawn_since", "The person has said no at Klaviyo after this opt-in.")
SAID_NO = Skipped(*newsletter.WITHDRAWN)
NOT_THERE = Skipped(
    "not_at_klaviyo", "Klaviyo does not know the person: there is nothing to end, and no profile is made."
)
NOT_ON_LIST = Skipped(
    "not_on_list",
    "The person is not on the newsletter list. Unsubscribing them all the same would end all of the account's e-mail, "
    "which they did not ask for.",
)
SAID_NO_BEFORE = Skipped("unsubscribed_before", "The person was unsubscribed at Klaviyo already.")
SAID_YES_SINCE = Skipped("opted_in_since", "The person has asked for the newsletter since.")
PENDING = Accepted("pending_opt_in", "Klaviyo has asked the person by e-mail to confirm; until then nothing changes.")


class OutcomeUnknown(PermanentError):
    """Klaviyo may have subscribed the person, or not. Repeated later, it could undo a no that came in between."""

    def __init__(self) -> None:
        sentence = "Klaviyo's answer did not come, so the person may be subscribed. It is not repeated by itself."
        super().__init__("outcome_unknown", sentence)


def subscribe(batch: Batch, delivery: Delivery, sync: ProfileSync) -> Outcome:
    """Subscribe the person of an opt-in, if nothing has changed since."""
    if not sync.newsletter_list_id:
        return newsletter.NO_LIST
    if delivery.attempts.filter(operation=OPERATION, status=202).exists():
        return Accepted()
    if delivery.attempts_made > 1 and _unsure(delivery.attempts.filter(operation=OPERATION)).exists():
        raise OutcomeUnknown
    if wait := _wait(delivery):
        return wait
    if newsletter.has_said_no_since(delivery.source):
        return SAID_NO
    _ask_again_if_stale(batch, delivery)
    person = batch.people.known(delivery)
    if person and _withdrew(person.attributes, delivery.occurred_at):
        return WITHDRAWN
    is_double = _list(batch, sync).opt_in_process != "single_opt_in"
    batch.people.bring(delivery, sync)
    _subscribe(batch, delivery, sync)
    return PENDING if is_double and "email" in delivery.options["channels"] else Accepted()


def unsubscribe(batch: Batch, delivery: Delivery, sync: ProfileSync) -> Outcome | None:
    """End what the person ended: the newsletter list where they are on it; everything only where they said so."""
    if newsletter.has_said_yes_since(delivery.source):
        return SAID_YES_SINCE
    person = batch.people.known(delivery)
    if person is None:
        return NOT_THERE
    if answers.members(_email_marketing(person.attributes)).get("consent") == "UNSUBSCRIBED":
        return SAID_NO_BEFORE
    scope, list_id = delivery.options.get("scope"), sync.newsletter_list_id
    if scope == OptOut.Scope.NEWSLETTER and not list_id:
        return newsletter.NO_LIST
    if scope == OptOut.Scope.EVERYTHING or not list_id:
        subscriptions.unsubscribe(batch.client, delivery.subject, None, [delivery])
    elif lists.is_member(batch.client, list_id, delivery.subject, [delivery]):
        subscriptions.unsubscribe(batch.client, delivery.subject, list_id, [delivery])
    else:
        return NOT_ON_LIST
    return None


def _subscribe(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    phone = batch.people.phone_of(delivery)
    channels = frozenset(delivery.options["channels"]) - (frozenset() if phone else {"sms"})
    if not channels:
        raise PermanentError("no_phone", "The opt-in is for text messages, but its phone number cannot be used.")
    person = Subscriber(delivery.subject, channels, phone_number=phone if "sms" in channels else "")
    try:
        subscriptions.subscribe(batch.client, [person], sync.newsletter_list_id, delivery.options["place"], [delivery])
    except TemporaryError as error:
        if error.code in NOT_PROCESSED:
            raise
        raise OutcomeUnknown from error


def _wait(delivery: Delivery) -> Outcome | None:
    """Klaviyo does one subscribe job for a person in half an hour; others wait until it is over."""
    mine = Q(connection=delivery.connection_id, kind="subscribe", subject__iexact=delivery.subject)
    others = Delivery.objects.filter(mine, state=Delivery.State.SENDING, lease_until__gt=Now())
    if others.exclude(lease=delivery.lease).exists():
        after = timedelta(seconds=random.uniform(5, 15))  # noqa: S311  (spreads load; no secret)
        return Retry("one_at_a_time", "Another opt-in of the person is being forwarded.", after, True)
    made = Attempt.objects.filter(operation=OPERATION, deliveries__in=Delivery.objects.filter(mine))
    taken = made.filter(Q(status=None) | Q(status__lt=400) | Q(status__gte=500))
    last = taken.filter(started_at__gt=timezone.now() - ONE_JOB).order_by("-started_at").first()
    if last is None:
        return None
    after = last.started_at + ONE_JOB - timezone.now()
    return Retry("one_job_in_30_minutes", "Klaviyo takes one opt-in of a person in half an hour.", after, True)


def _unsure(attempts: Any) -> Any:
    """Requests of which nobody knows what became."""
    return attempts.filter(Q(finished_at=None) | Q(status=None) | Q(status__gte=500)).exclude(code__in=NOT_PROCESSED)


def _ask_again_if_stale(batch: Batch, delivery: Delivery) -> None:
    if asking.is_stale(batch.people.lookup, delivery.subject):
        batch.people.lookup.ask([delivery.subject], [delivery])
    if problem := batch.people.lookup.problem(delivery.subject):
        raise TemporaryError(problem.code, problem.sentence)


def _withdrew(attributes: dict[str, Any], opted_in_at: datetime) -> bool:
    """Whether Klaviyo holds a no that is newer than the opt-in; one without a readable time counts as newer."""
    marketing = answers.members(_email_marketing(attributes))
    said = [marketing] if marketing.get("consent") == "UNSUBSCRIBED" else []
    times = [answers.words(one.get("last_updated") or one.get("consent_timestamp")) for one in said]
    suppressions = marketing.get("suppression") or []
    for one in suppressions if isinstance(suppressions, list) else [suppressions]:
        times.append(answers.words(answers.members(one).get("timestamp")))
    return any(_is_newer(time, opted_in_at) for time in times)


def _is_newer(time: str, than: datetime) -> bool:
    try:
        moment = parse_datetime(time)
    except ValueError:
        moment = None
    return moment is None or moment.tzinfo is None or moment > than


def _email_marketing(attributes: dict[str, Any]) -> Any:
    subscribed = answers.members(attributes.get("subscriptions"))
    return answers.members(subscribed.get("email")).get("marketing")


def _list(batch: Batch, sync: ProfileSync) -> lists.List:
    """The newsletter list as it is now: its opt-in process may have been changed."""
    try:
        return lists.one(batch.client, sync.newsletter_list_id)
    except PermanentError as error:
        raise _gone(sync, error) from error


def _gone(sync: ProfileSync, error: PermanentError) -> IntegrationError:
    is_gone = error.code == "not_found" or answers.points_at(error, "id")
    return ListTrouble.gone(sync.newsletter_list_name or sync.newsletter_list_id) if is_gone else error
