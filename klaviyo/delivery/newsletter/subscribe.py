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
from integrations.outcomes import Accepted, CalledOff, Failed, Outcome, Retry, Skipped
from integrations.pauses import message_hold
from integrations.reasons import Reason, Who, declare
from klaviyo.api import partial_success, subscriptions
from klaviyo.api.profiles import Profile
from klaviyo.api.subscriptions import Subscriber
from klaviyo.consent import check, gate, opt_outs
from klaviyo.delivery.newsletter import consent_there, enqueue, newsletter_list, requests
from klaviyo.mapping.contents import Subscribe
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch
from referrals import noes, phones
from referrals.models import OptIn

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
NOT_PROVED = declare(
    "not_proved",
    "Not proved to be them",
    "The person has said no before, and nothing proves that this yes is theirs: {why}.",
    because="they have said no before, and nothing proves that they asked for it now",
    means="Anybody can type an address into a form. Whoever has said no is asked for again only when their mailbox "
    "confirms it, or (but for complaints and erased people) when they were signed in.",
    who=Who.PERSON_OR_MERCHANT,
    do="Choose a list with double opt-in for the newsletter: then Klaviyo asks the person by e-mail, and retry.",
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
    "One opt-in in half an hour",
    "Klaviyo takes one opt-in of a person in half an hour.",
    because="Klaviyo takes one opt-in of a person in half an hour",
    means="It goes on by itself, in half an hour at most.",
    who=Who.ITSELF,
)
NUMBER_NOT_CONFIRMED = declare(
    "number_not_confirmed",
    "Number not confirmed",
    "Text messages were left out: Klaviyo has no such number for the person, and nothing proves that it is theirs.",
    because="nothing proves that the phone number is theirs",
    means="Anybody can type a number into a form. Onto a profile that is there already it is written only for somebody "
    "who was signed in, or has confirmed it from their mailbox.",
    who=Who.PERSON,
    do="Ask the person to opt in to text messages while they are signed in at the shop.",
)
NOT_PROVED_OF_ADDRESS = NOT_PROVED.saying(
    "Klaviyo knows this address as a further one of somebody, and does not tell whether it has said no or complained. "
    "Only their mailbox can say that it wants the newsletter."
)
PHONE_IGNORED = partial_success.warning(partial_success.PHONE)
NUMBER_IGNORED = Failed(
    declare(
        "number_ignored",
        "Number not taken",
        "Klaviyo took the request without the phone number, so they are not subscribed to text messages.",
        because="Klaviyo did not take the phone number, and nothing else was agreed to",
        means="The account may have no number to send from where this one is, or Klaviyo finds it malformed.",
        who=Who.ACCOUNT,
        do="Set up text messages for that country in Klaviyo and retry, or ask the person for another number.",
    )
)
LEFT_OUT = "Text messages were left out"
NO_TEXTS = f"{LEFT_OUT}: {{why}}."
BOUNCED = (
    "Klaviyo holds a bounce for this address ({reason}), which no opt-in lifts: no e-mail reaches it until that is "
    "removed in Klaviyo."
)
SUPPRESSED = "Klaviyo has suppressed this address ({reason}), which no opt-in lifts: no e-mail reaches it until then."
BOUNCES = ("HARD_BOUNCE", "INVALID_EMAIL")


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
    if requests.was_taken(delivery, requests.SUBSCRIBE, after=Subscribe.of(delivery).ignored_attempt):
        return _taken(delivery, setting, None)
    if attempt := requests.unanswered(delivery, requests.SUBSCRIBE):
        raise OutcomeUnknown(delivery, attempt)
    if obstacle := _obstacle(delivery, setting):
        return obstacle
    person = consent_there.person(batch, delivery)
    channels, list_id = Subscribe.of(delivery).channels, setting.newsletter_list_id
    if person and consent_there.is_no(person, delivery.occurred_at, channels, list_id):
        return WITHDRAWN
    newsletter_list.note_opt_in_process(batch, setting)
    yes = OptIn.objects.get(uid=delivery.source)
    if unproved := _unproved(yes, setting, person):
        return Skipped(unproved)
    leasing.check([delivery])
    if yes.proof or not person:
        batch.people.bring(delivery, setting)
    is_own = person is not None and not consent_there.is_of_another(person)
    if person and is_own and "email" in channels and (reason := consent_there.stays_unreachable(person)):
        _warn(delivery, (BOUNCED if reason in BOUNCES else SUPPRESSED).format(reason=reason))
    return _taken(delivery, setting, _send(batch, delivery, setting, yes))


def one_at_a_time() -> Retry:
    """Another worker is forwarding something of the same person; both may step back, and not meet again."""
    after = timedelta(seconds=random.uniform(5, 15))  # noqa: S311  (spreads load; no secret)
    return Retry(ONE_AT_A_TIME, after, refund=True)


def _unproved(yes: OptIn, setting: StoreSetting, person: Profile | None) -> Reason | None:
    """Why this yes cannot undo what the person has said before; None when it may go.

    A list with double opt-in has the mailbox confirm it, and until then Klaviyo leaves everything as it was.
    https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api
    """
    channels, list_id = yes.channels, setting.newsletter_list_id
    said_no = noes.said_before(yes) or (person and consent_there.has_said_no(person, channels, list_id))
    is_unknown = person is not None and consent_there.is_of_another(person)
    if not (said_no or is_unknown) or setting.is_double_opt_in or yes.proof == OptIn.Proof.CONFIRMED:
        return None
    if yes.proof == OptIn.Proof.NONE and said_no:
        return NOT_PROVED.about(why="it comes from a form that anybody can fill in")
    if is_unknown and (yes.proof == OptIn.Proof.NONE or "email" in channels):
        return NOT_PROVED_OF_ADDRESS
    if noes.needs_mailbox(yes) or (person and consent_there.is_for_good(person)):
        return NOT_PROVED.about(why="only their mailbox can take that back")
    return None


def _obstacle(delivery: Delivery, setting: StoreSetting) -> Outcome | None:
    """What can be known against it, or for its waiting, without asking Klaviyo."""
    if not setting.newsletter_list_id:
        return enqueue.NO_LIST
    if _has_said_no_since(delivery):
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


def _has_said_no_since(delivery: Delivery) -> bool:
    """Whether the person has turned the store down after their yes; who was erased has."""
    yes = OptIn.objects.filter(uid=delivery.source).first()
    return yes is None or noes.said_after(yes)


def _send(batch: Batch, delivery: Delivery, setting: StoreSetting, yes: OptIn) -> Reason | None:
    """Subscribe them; why text messages were left out, if so. What Klaviyo refuses with these may go without.

    It refuses the whole of a request for a region that it has no number for, or an age that it was not told.
    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    delivery.warnings = [one for one in delivery.warnings if not one.startswith(LEFT_OUT)]  # by an earlier try
    person, left_out = _subscriber(batch, delivery, yes)
    try:
        _ask(batch, delivery, setting, person)
    except OutcomeUnknown:
        raise
    except PermanentError as error:
        by_mail = person.channels - {"sms"}
        if by_mail in (frozenset(), person.channels):
            raise
        _warn(delivery, f"{LEFT_OUT}. {error.sentence}")
        _ask(batch, delivery, setting, replace(person, channels=by_mail))
    return left_out


def _ask(batch: Batch, delivery: Delivery, setting: StoreSetting, person: Subscriber) -> None:
    """Make a request. Where its answer stays away, those behind it wait rather than meet the same."""
    last_look = partial(_last_look, batch, delivery)
    delivery.warnings = [one for one in delivery.warnings if one != PHONE_IGNORED]
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


def _subscriber(batch: Batch, delivery: Delivery, yes: OptIn) -> tuple[Subscriber, Reason | None]:
    """The channels that the person chose, and why text messages are not among them any more."""
    content = Subscribe.of(delivery)
    channels = frozenset(content.channels)
    left_out = _no_texts(batch, delivery, yes) if "sms" in channels else None
    if left_out is None:
        return Subscriber(delivery.subject, channels, phone_number=content.person.get("phone_number", "")), None
    if channels == {"sms"}:
        if left_out is NUMBER_NOT_CONFIRMED:
            raise CalledOff(Skipped(left_out))
        raise PermanentError(left_out)
    _warn(delivery, left_out.sentence)
    return Subscriber(delivery.subject, channels - {"sms"}), left_out


def _no_texts(batch: Batch, delivery: Delivery, yes: OptIn) -> Reason | None:
    """Why the person gets none, if so: they need a number that gets them and is nobody else's.

    What is not proved to come from them writes no number onto a profile that exists.
    """
    number = Subscribe.of(delivery).person.get("phone_number", "")
    if not phones.gets_texts(number):
        return subscriptions.NO_PHONE.saying(NO_TEXTS.format(why=_unusable(yes)))
    known = batch.people.known(delivery)
    if known and not yes.proof and number != known.attributes.get("phone_number"):
        return NUMBER_NOT_CONFIRMED
    if batch.people.phone_of(delivery) != number:
        why = "at Klaviyo the phone number belongs to somebody else, or is not taken"
        return subscriptions.NO_PHONE.saying(NO_TEXTS.format(why=why))
    return None


def _unusable(yes: OptIn) -> str:
    country = yes.store.country
    if phones.is_guess(yes.phone, country):
        return "without its country code (+49, say) the phone number could be somebody else's"
    if phones.e164(yes.phone, country):
        return "none reach this phone number"
    return "the phone number is not one that can be called"


def _warn(delivery: Delivery, sentence: str) -> None:
    """Once, however often it is tried."""
    if sentence not in delivery.warnings:
        delivery.warnings.append(sentence)


def _last_look(batch: Batch, delivery: Delivery) -> None:
    """Right before the request, which is on record already: of two that look now, one at least sees the other."""
    leasing.check([delivery])
    leasing.mine([delivery]).update(warnings=delivery.warnings)  # for a worker that does not live to say so
    if _has_said_no_since(delivery):
        raise CalledOff(SAID_NO)
    if requests.is_overtaken(delivery, ONE_JOB) or requests.is_in_other_hands(delivery):
        raise CalledOff(one_at_a_time())
    if check.is_stale(batch.people.lookup, delivery.subject):
        raise CalledOff(gate.STALE)
    told = opt_outs.has_recent_notice(batch.connection, [delivery.subject])
    since = delivery.occurred_at - noes.CLOCKS_DIFFER
    if any((notice.happened_at or notice.received_at) > since for notice in told.values()):
        raise CalledOff(WITHDRAWN)
    message_hold.last_look()


def _taken(delivery: Delivery, setting: StoreSetting, left_out: Reason | None) -> Outcome:
    """What a success is worth: consent to text messages is none without the number that they would go to."""
    if PHONE_IGNORED in delivery.warnings and Subscribe.of(delivery).channels == ["sms"]:
        last = delivery.attempts.filter(operation=requests.SUBSCRIBE).order_by("-pk").first()
        content = replace(Subscribe.of(delivery), ignored_attempt=last.pk if last else 0)
        delivery.options = content.as_options()  # a retry asks again
        return NUMBER_IGNORED
    if setting.is_double_opt_in:
        return PENDING
    return Accepted(left_out) if left_out is NUMBER_NOT_CONFIRMED else Accepted()
