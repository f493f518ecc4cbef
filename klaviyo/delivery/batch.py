"""Batch of claimed deliveries: look its people up, decide about each, send, settle."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.db.models import Q

from integrations import outbox
from integrations.errors import Throttled
from integrations.models import Connection, Delivery
from integrations.outbox import lock_timeout, rate_limited
from integrations.outcomes import Accepted, CalledOff, Outcome, Retry
from integrations.pauses import message_hold
from integrations.providers import Kind, Many
from integrations.reasons import Who, declare
from integrations.workers import batches, one_by_one
from klaviyo.api import bulk
from klaviyo.api.client import Client
from klaviyo.confirmation import in_doubt
from klaviyo.consent import gate, opt_outs, owed_noes
from klaviyo.delivery import events, lists, preflight, profiles
from klaviyo.delivery.erasure import deletion_request, older
from klaviyo.delivery.newsletter import subscribe, unsubscribe
from klaviyo.delivery.sends import mail
from klaviyo.mapping import contents, switches
from klaviyo.mapping.contents import Event, Subscribe, message_of
from klaviyo.models import Send
from klaviyo.profiles import people as people_of
from klaviyo.profiles.advocates import Advocates
from klaviyo.profiles.batch import UNKNOWN_PERSON, Batch, sends_of
from klaviyo.profiles.joined_stores import settings_of
from klaviyo.profiles.people import People
from klaviyo.profiles.recently_sent import told_lately
from referrals import lifecycle
from referrals.lifecycle.invites import reminder_went_out

TOLD_AT_MOST = 5
MOVED = Retry(
    declare(
        "moved",
        "New address",
        "The person has another address by now.",
        because="the person has another address by now",
        means="It goes on to the new address.",
        who=Who.ITSELF,
    ),
    after=timedelta(0),
    refund=True,
)

log = logging.getLogger(__name__)

EACH = Q(pk__isnull=False)

_ALL = (
    Kind(
        "profile",
        profiles.send,
        Many(bulk.MOST_PROFILES, profiles.deliver, profiles.wait),
        order=0,
        needs_profile=True,
    ),
    Kind(
        "event",
        events.send,
        Many(bulk.MOST_EVENTS, events.deliver, events.wait, events.behind_their_people),
        needs_profile=True,
        messages=contents.NEEDS_CONSENT,
    ),
    Kind("list", lists.send, Many(bulk.MOST_MEMBERS, lists.deliver, lists.wait)),
    Kind("email", mail.send, begins_anew=True, messages=EACH),  # or, known as tried, it would not go again
    Kind("subscribe", subscribe.subscribe, messages=EACH),
    Kind("unsubscribe", unsubscribe.unsubscribe, is_a_persons_act=True),
    Kind("erase", deletion_request.erase, is_a_persons_act=True, names_nobody=True),
)
KINDS = {kind.name: kind for kind in _ALL}


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every delivery of a claimed batch. Raises IntegrationError when people could not be looked up.

    What needs no question to Klaviyo is settled before it is asked anything.
    """
    store_settings, sends = settings_of(connection), sends_of(deliveries)
    said_no = partial(gate.said_no_here, store_settings, sends)
    looks = (
        deletion_request.find_people,
        preflight.unusable,
        _gone_out,
        mail.broke_off,
        said_no,
        _held,
        older.call_off,
        deletion_request.erased_first,
        deletion_request.imports_first,
    )
    decided = preflight.decided(deliveries, looks)
    settled = [delivery for delivery in deliveries if delivery.pk in decided]
    one_by_one.settle_each(settled, lambda delivery: _told(sends, delivery, decided[delivery.pk]))
    open_ones = [delivery for delivery in deliveries if delivery.pk not in decided]
    if not open_ones:
        return
    client = Client(connection, is_backlog=batches.is_backlog(open_ones))
    people, going = _looked_up(client, open_ones)
    if not going:
        return
    outbox.keep(going)
    batch = Batch(connection=connection, client=client, people=people, store_settings=store_settings, sends=sends)
    try:
        one_by_one.through(batch, sorted(going, key=partial(_in_order, people)), partial(_send, batch))
    finally:
        batch.mailer.close()


def _looked_up(client: Client, deliveries: Sequence[Delivery]) -> tuple[People, Sequence[Delivery]]:
    """The people of a batch, and who may go: without a budget for questions, only what needs none."""
    source = Advocates(client.connection, deliveries)
    refusals = owed_noes.of(client.connection, (delivery.subject for delivery in deliveries))
    try:
        return people_of.look_up(client, deliveries, source, refusals), deliveries
    except Throttled as error:
        news = [delivery for delivery in deliveries if _is_news(delivery)]
        known = told_lately(client.connection, news)
        sure = [delivery for delivery in news if delivery.subject.lower() in known]
        rate_limited.for_budget(client.connection, [d for d in deliveries if d not in sure], error, going=sure)
        return people_of.look_up(client, sure, source, refusals), sure


def _gone_out(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Sends that were taken from a worker that did not live to write it down."""
    gone = in_doubt.taken([delivery for delivery in deliveries if message_of(delivery)])
    return dict.fromkeys(gone, Accepted())


def _held(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Messages to people while these are held: Klaviyo need not be asked about anybody."""
    messages = [delivery.pk for delivery in deliveries if message_of(delivery) or delivery.kind == Subscribe.kind]
    return dict.fromkeys(messages, message_hold.WAITS) if messages and message_hold.is_on() else {}


def _send(batch: Batch, delivery: Delivery) -> Outcome:
    try:
        outcome = _tried(batch, delivery)
    except CalledOff as reason:
        outcome = reason.outcome
    return _told(batch.sends, delivery, outcome)


def _tried(batch: Batch, delivery: Delivery) -> Outcome:
    if error := batch.people.lookup.problem(delivery.subject):
        return rate_limited.for_an_answer(error)
    kind = KINDS[delivery.kind]
    objection = _objection(batch, delivery, kind) if not kind.is_a_persons_act else None
    return objection or kind.send(batch, delivery) or Accepted()


def _objection(batch: Batch, delivery: Delivery, kind: Kind) -> Outcome | None:
    """What speaks against a delivery: another address, an unknown person, or (of a message) the person's own will."""
    setting = batch.setting(delivery)
    if off := switches.objection_to(setting, delivery):
        return off
    if batch.people.has_moved(delivery):
        return MOVED
    if delivery.kind != contents.Email.kind and (no_first := batch.people.refuses(delivery)):
        return no_first
    if kind.needs_profile and not setting.creates_profiles and not batch.people.is_there(delivery):
        return UNKNOWN_PERSON
    message = message_of(delivery)
    objection = gate.objection(batch, delivery, setting, message) if message else None
    if objection and objection.code in gate.A_PERSONS_NO:
        store = setting.store_id if objection.code == "list_suppressed" else None
        opt_outs.stop_reminding(batch.connection, delivery.subject, store)
    return objection


def _told(sends: dict[int, Send], delivery: Delivery, outcome: Outcome) -> Outcome:
    """An invite that was taken has gone out, which others may hear of; if that goes wrong, it is said again later.

    What is refused was not sent, as far as is known.
    """
    send = sends.get(delivery.pk)
    if send and isinstance(outcome, Accepted):
        try:
            with lock_timeout.short():
                left = lifecycle.went_out if send.kind == Send.Kind.INVITE else reminder_went_out
                left(send.invite)
        except lock_timeout.Busy:
            return lock_timeout.BUSY_HERE
        except Exception as error:
            if delivery.attempts_made < TOLD_AT_MOST:
                raise
            log.error("Nobody could be told that an invite went out: %s", type(error).__name__)
    return in_doubt.as_far_as_known(outcome, delivery) if send else outcome


def _in_order(people: People, delivery: Delivery) -> tuple[bool, bool, int, int]:
    """What people asked for themselves, then profiles before what may need them; but news of who is there first."""
    kind = KINDS.get(delivery.kind)  # None for one of another version, which is no reason to leave out the others
    is_an_act = kind is not None and kind.is_a_persons_act
    waits = not (_is_news(delivery) and people.is_there(delivery))
    return not is_an_act, waits, kind.order if kind else 1, delivery.pk


def _is_news(delivery: Delivery) -> bool:
    """Whether it tells of what somebody did, which needs nobody's consent."""
    return delivery.kind == Event.kind and not message_of(delivery)
