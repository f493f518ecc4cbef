"""The story of a batch: look its people up, decide about each, send, settle."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from integrations import outbox, outcomes, shutdown
from integrations.errors import IntegrationError, PermanentError, ReconnectRequired, Throttled
from integrations.models import Connection, Delivery
from integrations.outbox import lock_timeout, no_room
from integrations.outcomes import Accepted, CalledOff, Outcome, Retry
from integrations.pauses import circuit_breaker, provider_wide
from integrations.pauses.shared_trouble import BUSY_HERE, Frozen, ItsOwn
from integrations.reasons import Who, declare
from integrations.workers import batches, worker
from klaviyo.api.client import Client
from klaviyo.confirmation import in_doubt_requests
from klaviyo.consent import gate, opt_outs
from klaviyo.delivery import bulk, events, lists, preflight, profiles
from klaviyo.delivery.erasure import deletion
from klaviyo.delivery.newsletter import subscribe, unsubscribe
from klaviyo.delivery.sends import mail
from klaviyo.mapping import orders
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.batch import Batch, sends_of, setting_of, settings_of
from klaviyo.profiles.people import People
from klaviyo.profiles.recently_sent import told_lately
from referrals import lifecycle

TOLD_AT_MOST = 5
NOT_REACHED = Retry(bulk.BUSY.saying("The batch took long; this one is next."))
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
LONGEST_SECONDS = 12.0  # with the slowest last item still within the lease; and consent is never much older

log = logging.getLogger(__name__)

SENDERS: dict[str, Callable[[Batch, Delivery, Any], Outcome | None]] = {
    "profile": profiles.send_profile,
    "event": events.send_event,
    "list": lists.send_list_add,
    "email": mail.send,
    "subscribe": subscribe.subscribe,
    "unsubscribe": unsubscribe.unsubscribe,
    "erase": deletion.erase,
}


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every delivery of a claimed batch. Raises IntegrationError when people could not be looked up.

    What needs no question to Klaviyo is settled before it is asked anything.
    """
    store_settings, sends = settings_of(connection), sends_of(deliveries)
    said_no = partial(gate.said_no_here, store_settings, sends)
    looks = (preflight.unusable, _gone_out, said_no, deletion.erased_first, deletion.imports_first)
    decided = preflight.decided(deliveries, looks)
    settled = [delivery for delivery in deliveries if delivery.pk in decided]
    worker.settle_each(settled, lambda delivery: _told(sends, delivery, decided[delivery.pk]))
    open_ones = [delivery for delivery in deliveries if delivery.pk not in decided]
    if not open_ones:
        return
    client = Client(connection, is_backlog=batches.is_backlog(open_ones))
    people, going = _looked_up(client, open_ones)
    if not going:
        return
    outbox.keep(going)
    batch = Batch(client, people, store_settings, sends, monotonic() + LONGEST_SECONDS)
    try:
        _work_through(batch, sorted(going, key=partial(_profiles_first, people)))
    finally:
        batch.mailer.close()


def _looked_up(client: Client, deliveries: Sequence[Delivery]) -> tuple[People, Sequence[Delivery]]:
    """The people of a batch, and who may go: without a budget for questions, only what needs none."""
    try:
        return People(client, deliveries), deliveries
    except Throttled as error:
        known = told_lately(client.connection, [delivery for delivery in deliveries if delivery.kind == "event"])
        sure = [d for d in deliveries if d.kind == "event" and not orders.message_of(d) and d.subject.lower() in known]
        no_room.for_budget(client.connection, [d for d in deliveries if d not in sure], error, going=sure)
        return People(client, sure), sure


def _work_through(batch: Batch, deliveries: Sequence[Delivery]) -> None:
    """One after the other; what the batch cannot get to is given back together, as it was."""
    left: list[Delivery] = []
    for delivery in deliveries:
        if _is_not_reached(batch, delivery):
            left.append(delivery)
        else:
            worker.settle_each([delivery], partial(_outcome, batch))
    for kind, error in batch.stopped.items():
        if isinstance(error, Throttled) and not isinstance(error, Frozen):
            mine = [delivery for delivery in left if delivery.kind == kind]
            left = [delivery for delivery in left if delivery.kind != kind]
            no_room.for_budget(batch.connection, mine, error)
    outbox.give_back(left, NOT_REACHED)


def _is_not_reached(batch: Batch, delivery: Delivery) -> bool:
    is_over = monotonic() > batch.ends_at or shutdown.asked()
    return is_over or isinstance(batch.stopped.get(delivery.kind), Throttled)


def _gone_out(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Sends that were taken from a worker that did not live to write it down."""
    gone = in_doubt_requests.among([delivery for delivery in deliveries if orders.message_of(delivery)])
    return dict.fromkeys(gone, Accepted())


def _outcome(batch: Batch, delivery: Delivery) -> Outcome:
    if error := batch.stopped.get(delivery.kind):
        return _after(error)
    if error := batch.people.lookup.problem(delivery.subject):
        return no_room.for_an_answer(error)
    setting = setting_of(batch.store_settings, batch.sends, delivery)
    if delivery.kind != "erase" and (setting is None or not setting.is_enabled):
        return preflight.SETTING_OFF
    if batch.people.has_moved(delivery):
        return MOVED
    try:
        return _tried(batch, delivery, setting)
    except CalledOff as reason:
        return reason.outcome
    except IntegrationError as error:
        if frozen := provider_wide.note([delivery], error):
            error = batch.stopped[delivery.kind] = Frozen(frozen)
        _stop(batch, delivery, error)
        return outcomes.of(error)


def _tried(batch: Batch, delivery: Delivery, setting: StoreSetting | None) -> Outcome:
    if setting and (objection := gate.objection(batch, delivery, setting)):
        if objection.code in gate.A_PERSONS_NO:
            store = setting.store_id if objection.code == "list_suppressed" else None
            opt_outs.stop_reminding(batch.connection, delivery.subject, store)
        return objection
    outcome = SENDERS[delivery.kind](batch, delivery, setting) or Accepted()
    return _told(batch.sends, delivery, outcome)


def _told(sends: dict[int, Send], delivery: Delivery, outcome: Outcome) -> Outcome:
    """An invite that was taken has gone out, which others may hear of; if that goes wrong, it is said again later."""
    send = sends.get(delivery.pk)
    if send and send.kind == Send.Kind.INVITE and isinstance(outcome, Accepted):
        try:
            with lock_timeout.short():
                lifecycle.went_out(send.invite)
        except lock_timeout.Busy:
            return BUSY_HERE
        except Exception as error:
            if delivery.attempts_made < TOLD_AT_MOST:
                raise
            log.error("Nobody could be told that an invite went out: %s", type(error).__name__)
    return outcome


def _stop(batch: Batch, delivery: Delivery, error: IntegrationError) -> None:
    """A refused item concerns itself; everything else would meet the next item of its kind as well."""
    if isinstance(error, ReconnectRequired):
        batch.stopped = dict.fromkeys(SENDERS, error)
    elif not isinstance(error, PermanentError | ItsOwn):
        batch.stopped[delivery.kind] = error
        circuit_breaker.note(batch.connection, error)


def _after(error: IntegrationError) -> Outcome:
    """The outcome of those behind one that met an error: held like it, or later, without having been tried."""
    outcome = outcomes.of(error)
    if not isinstance(outcome, Retry):
        return outcome
    wait = error.retry_after if isinstance(error, Throttled) else outcomes.SOON
    return Retry(outcome.reason, after=wait, refund=True)


def _profiles_first(people: People, delivery: Delivery) -> tuple[bool, bool, int]:
    """Before what may need them; but what has just happened to somebody who is there waits for nothing."""
    is_news = delivery.kind == "event" and not orders.message_of(delivery) and people.is_there(delivery)
    return not is_news, delivery.kind != "profile", delivery.pk
