"""Newsletter opt-in: a subscribe job, sent once and never replayed blindly, as it could undo a later opt-out."""

import random
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.utils import timezone

from integrations import outcomes
from integrations.errors import PermanentError, TemporaryError
from integrations.models import Attempt, Delivery
from integrations.outbox import leasing
from integrations.outcomes import Accepted, CalledOff, Outcome, Retry, Skipped
from integrations.pauses import message_hold
from integrations.reasons import Who, declare
from klaviyo.api import subscriptions
from klaviyo.api.subscriptions import Subscriber
from klaviyo.consent import check, gate, opt_outs
from klaviyo.delivery.newsletter import consent_there, enqueue, newsletter_list, requests
from klaviyo.mapping.contents import Subscribe
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch

ONE_JOB = timedelta(minutes=30)  # for a profile: https://developers.klaviyo.com/en/reference/profiles_api_overview
SAID_NO = Skipped(enqueue.WITHDRAWN)
WITHDRAWN = Skipped(
    declare(
        "withdrawn_since",
        "Said no since",
        "The person has said no at Klaviyo after this opt-in.",
        because="they have said no at Klaviyo since",
        means="The later word counts.",
        who=Who.PERSON,
    )
)
PENDING = Accepted(opt_outs.PENDING)
ONE_AT_A_TIME = declare(
    "one_at_a_time",
    "One at a time",
    "Another yes or no of the person is being forwarded.",
    because="another opt-in of theirs is being forwarded",
    means="It goes on by itself, in half an hour at most.",
    who=Who.ITSELF,
)
ONE_IN_HALF_AN_HOUR = declare(
    "one_job_in_30_minutes",
    "One in half an hour",
    "Klaviyo takes one opt-in of a person in half an hour.",
    because="Klaviyo takes one opt-in of a person in half an hour",
    means="It goes on by itself, in half an hour at most.",
    who=Who.ITSELF,
)
NO_TEXT_MESSAGES = "Text messages were left out: the phone number cannot be used, or is somebody else's at Klaviyo."


class OutcomeUnknown(PermanentError):
    """Klaviyo may have subscribed the person, or not. The delivery notes which request is in doubt."""

    def __init__(self, delivery: Delivery, attempt: Attempt) -> None:
        sentence = "Klaviyo's answer did not come, so the person may be subscribed. It is not repeated by itself."
        super().__init__(outcomes.UNKNOWN.saying(sentence))
        content = replace(Subscribe.of(delivery), unanswered_attempt=attempt.pk)
        delivery.options = content.as_options()


def subscribe(batch: Batch, delivery: Delivery) -> Outcome:
    """Subscribe the person of an opt-in, if nothing has changed since."""
    setting = batch.setting(delivery)
    if requests.was_taken(delivery, requests.SUBSCRIBE):
        return _accepted(setting)
    if attempt := requests.unanswered(delivery, requests.SUBSCRIBE):
        raise OutcomeUnknown(delivery, attempt)
    if obstacle := _obstacle(delivery, setting):
        return obstacle
    person = consent_there.person(batch, delivery)
    channels, list_id = Subscribe.of(delivery).channels, setting.newsletter_list_id
    if person and consent_there.is_no(person, delivery.occurred_at, channels, list_id):
        return WITHDRAWN
    newsletter_list.note_opt_in_process(batch, setting)
    leasing.check([delivery])
    batch.people.bring(delivery, setting)
    _send(batch, delivery, setting)
    return _accepted(setting)


def one_at_a_time() -> Retry:
    """Another worker is forwarding something of the same person; both may step back, and not meet again."""
    after = timedelta(seconds=random.uniform(5, 15))  # noqa: S311  (spreads load; no secret)
    return Retry(ONE_AT_A_TIME, after, refund=True)


def _obstacle(delivery: Delivery, setting: StoreSetting) -> Outcome | None:
    """What can be known against it, or for its waiting, without asking Klaviyo."""
    if not setting.newsletter_list_id:
        return enqueue.NO_LIST
    if enqueue.has_said_no_since(delivery.source):
        return SAID_NO
    if message_hold.is_on():
        return message_hold.WAITS
    if requests.is_in_other_hands(delivery):
        return one_at_a_time()
    job = requests.latest(delivery, ONE_JOB)
    if job is None:
        return None
    after = job.started_at + ONE_JOB - timezone.now()
    return Retry(ONE_IN_HALF_AN_HOUR, after, refund=True)


def _send(batch: Batch, delivery: Delivery, setting: StoreSetting) -> None:
    """Make the one request. Where its answer stays away, those behind it wait rather than meet the same."""
    person = _subscriber(batch, delivery)
    last_look = partial(_last_look, batch, delivery)
    list_id, place = setting.newsletter_list_id, Subscribe.of(delivery).place
    try:
        with newsletter_list.required(setting):
            subscriptions.subscribe(batch.client, [person], list_id, place, [delivery], last_look=last_look)
    except TemporaryError as error:
        attempt = requests.unanswered(delivery, requests.SUBSCRIBE)
        if attempt is None:
            raise
        batch.stopped[delivery.kind] = error
        raise OutcomeUnknown(delivery, attempt) from error


def _subscriber(batch: Batch, delivery: Delivery) -> Subscriber:
    """The channels that the person chose; text messages only to a number that is nobody else's."""
    channels = frozenset(Subscribe.of(delivery).channels)
    phone = batch.people.phone_of(delivery) if "sms" in channels else ""
    if "sms" in channels and not phone:
        channels -= {"sms"}
        if not channels:
            raise PermanentError(subscriptions.NO_PHONE.saying(NO_TEXT_MESSAGES))
        delivery.warnings.append(NO_TEXT_MESSAGES)
    return Subscriber(delivery.subject, channels, phone_number=phone)


def _last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request, which is on record already: of two that look now, one at least sees the other."""
    leasing.check([delivery])
    if enqueue.has_said_no_since(delivery.source):
        raise CalledOff(SAID_NO)
    if requests.is_overtaken(delivery, ONE_JOB) or requests.is_in_other_hands(delivery):
        raise CalledOff(one_at_a_time())
    if check.is_stale(batch.people.lookup, delivery.subject):
        raise CalledOff(gate.STALE)
    told = opt_outs.has_recent_notice(batch.connection, [delivery.subject])
    if any((notice.happened_at or notice.received_at) > delivery.occurred_at for notice in told.values()):
        raise CalledOff(WITHDRAWN)
    message_hold.last_look()


def _accepted(setting: StoreSetting) -> Outcome:
    return PENDING if setting.is_double_opt_in else Accepted()
