"""Newsletter opt-out: from the store's newsletter list, or from everything the account sends."""

from datetime import timedelta
from functools import partial

from integrations.models import Delivery
from integrations.outbox import leasing
from integrations.outcomes import Accepted, CalledOff, Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.api import profiles, subscriptions
from klaviyo.api.profiles import Profile
from klaviyo.consent import heard_noes
from klaviyo.consent.owed_noes import NOT_THERE, SAID_NO_BEFORE, SAID_YES_SINCE
from klaviyo.delivery.newsletter import consent_there, enqueue, newsletter_list, requests, subscribe
from klaviyo.mapping.contents import Unsubscribe
from klaviyo.mapping.property_names import NO_INVITES
from klaviyo.models import StoreSetting
from klaviyo.profiles import upsert
from klaviyo.profiles.batch import Batch
from klaviyo.profiles.joined_stores import setting_of
from referrals import noes
from referrals.models import OptOut

SHOWS_WITHIN = timedelta(minutes=5)  # an opt-in that Klaviyo took; how soon it shows is not published
NOT_ON_LIST = Skipped(
    declare(
        "not_on_list",
        "Not on the list",
        "The person is not on the newsletter list. Unsubscribing them all the same would end all of the account's "
        "e-mail, which they did not ask for.",
        because="they are not on the newsletter list",
        means="There was nothing to take them off.",
        who=Who.NOBODY,
    )
)
NOTED = Accepted(
    declare(
        "noted",
        "Noted on their profile",
        f"Noted on the person's profile at Klaviyo as {NO_INVITES}: they are on no newsletter list that they could "
        "leave, and the rest of the account's e-mail they did not end.",
        because="their no to invites stands on their profile at Klaviyo",
        means="They are on no newsletter list that they could leave; ending everything else they did not ask for.",
        who=Who.PERSON,
    )
)
NOT_SHOWN_YET = Retry(
    subscribe.ONE_AT_A_TIME.saying("Their opt-in was forwarded a moment ago, and Klaviyo does not show it yet."),
    after=timedelta(minutes=1),
    refund=True,
)


def unsubscribe(batch: Batch, delivery: Delivery) -> Outcome:
    """End what the person ended; a yes of theirs that is on its way comes first, or it would undo this."""
    if requests.was_taken(delivery, requests.UNSUBSCRIBE, after=Unsubscribe.of(delivery).told_anew_after):
        return Accepted()
    if _is_taken_back(delivery):
        return SAID_YES_SINCE
    if requests.is_in_other_hands(delivery):
        return subscribe.one_at_a_time()
    person = consent_there.person(batch, delivery)
    if person and (consent_there.said_yes_after(person, delivery.occurred_at) or _is_outdone(delivery, person)):
        return SAID_YES_SINCE
    is_shown = person is not None and consent_there.consent(person) == "SUBSCRIBED"
    is_settled = _is_settled(delivery)
    if not (is_shown or is_settled):
        return NOT_SHOWN_YET
    outcome = _end(batch, delivery, setting_of(batch.store_settings, delivery), person)
    if outcome is NOT_ON_LIST and not is_settled:
        return NOT_SHOWN_YET
    if outcome in (NOT_ON_LIST, SAID_NO_BEFORE) and requests.unanswered(delivery, requests.UNSUBSCRIBE):
        return Accepted()
    if person and outcome in (NOT_ON_LIST, enqueue.NO_LIST) and Unsubscribe.of(delivery).scope == OptOut.Scope.INVITES:
        return _note(batch, delivery, person)
    return outcome


def _end(batch: Batch, delivery: Delivery, setting: StoreSetting | None, person: Profile | None) -> Outcome:
    """`setting` may be off, or gone: what the person ended is ended all the same."""
    if person is None:
        return NOT_THERE
    if consent_there.consent(person) == "UNSUBSCRIBED":
        return SAID_NO_BEFORE
    email = delivery.subject if person.is_named_otherwise else person.address or delivery.subject
    last_look = partial(_last_look, delivery)
    if Unsubscribe.of(delivery).scope == OptOut.Scope.EVERYTHING:
        subscriptions.unsubscribe(batch.client, email, None, [delivery], last_look=last_look)
        return Accepted()
    if setting is None or not setting.newsletter_list_id:
        return enqueue.NO_LIST
    if not newsletter_list.has(batch, setting, person, email, delivery):
        return NOT_ON_LIST
    with newsletter_list.required(setting):
        subscriptions.unsubscribe(batch.client, email, setting.newsletter_list_id, [delivery], last_look=last_look)
    return Accepted()


def _note(batch: Batch, delivery: Delivery, person: Profile) -> Outcome:
    """Klaviyo has nothing narrower to end than all of the account's e-mail, so marketers are told on the profile."""
    upsert.update(batch.client, delivery, person.id, profiles.body_of({"properties": {NO_INVITES: True}}))
    return NOTED


def _is_settled(delivery: Delivery) -> bool:
    """Whether Klaviyo shows by now what came of their last yes; one that they must confirm changes nothing."""
    job = requests.latest(delivery, SHOWS_WITHIN)
    return job is None or job.deliveries.filter(reason_code=subscribe.PENDING.code).exists()


def _is_outdone(delivery: Delivery, person: Profile) -> bool:
    """Whether the no was said at another account, and the person has said yes to this one since."""
    no = OptOut.objects.filter(uid=delivery.source, place=heard_noes.PLACE).first()
    told = None if consent_there.is_of_another(person) else person.subscriptions.email
    return no is not None and heard_noes.is_outdone(no, told)


def _last_look(delivery: Delivery) -> None:
    leasing.check([delivery])
    if _is_taken_back(delivery):
        raise CalledOff(SAID_YES_SINCE)


def _is_taken_back(delivery: Delivery) -> bool:
    """Whether the person has certainly said yes since; a no that a host has not stored stands, too."""
    no = OptOut.objects.filter(uid=delivery.source).first()
    return no is not None and noes.is_taken_back(no)
