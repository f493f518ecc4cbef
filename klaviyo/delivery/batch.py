"""The story of a batch: look its people up, decide about each, send, settle."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from integrations import draining, outbox, outcomes
from integrations.errors import IntegrationError, PermanentError, ReconnectRequired, Throttled
from integrations.models import Connection, Delivery
from integrations.outcomes import Accepted, CalledOff, Failed, Outcome, Retry, Skipped
from klaviyo import orders, withdrawals
from klaviyo.api.client import Client
from klaviyo.delivery import facts, mail, permission, privacy, subscribing, unsubscribing
from klaviyo.delivery.state import Batch, sends_of, syncs_of
from klaviyo.delivery.trouble import ItsOwn
from klaviyo.models import ProfileSync, Send
from klaviyo.people import People
from referrals import lifecycle

LONGEST_SECONDS = 12.0  # with the slowest last item still within the lease; and consent is never much older

SENDERS: dict[str, Callable[[Batch, Delivery, Any], Outcome | None]] = {
    "profile": facts.send_profile,
    "event": facts.send_event,
    "list": facts.send_list_add,
    "email": mail.send,
    "subscribe": subscribing.subscribe,
    "unsubscribe": unsubscribing.unsubscribe,
    "erase": privacy.erase,
}


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every delivery of a claimed batch. Raises IntegrationError when people could not be looked up.

    What needs no question to Klaviyo is settled before it is asked anything.
    """
    syncs, sends = syncs_of(connection), sends_of(deliveries)
    decided: dict[int, Outcome] = {}
    said_no = partial(permission.said_no_here, syncs, sends)
    for look in (_unusable, partial(mail.gone_out, sends), said_no, privacy.erased_first):
        decided |= look([delivery for delivery in deliveries if delivery.pk not in decided])
    draining.settle_each([d for d in deliveries if d.pk in decided], lambda delivery: decided[delivery.pk])
    open_ones = [delivery for delivery in deliveries if delivery.pk not in decided]
    if not open_ones:
        return
    client = Client(connection)
    people = People(client, open_ones)
    outbox.extend(open_ones)
    batch = Batch(client, people, syncs, sends, monotonic() + LONGEST_SECONDS)
    try:
        draining.settle_each(sorted(open_ones, key=_profiles_first), partial(_outcome, batch))
    finally:
        batch.mailer.close()


def _unusable(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """What failed when it was queued and was retried all the same: nothing of it may reach a request."""
    return {delivery.pk: outcome for delivery in deliveries if (outcome := _fault(delivery))}


def _fault(delivery: Delivery) -> Outcome | None:
    if outcome := orders.malformed(delivery.subject):
        return outcome
    if delivery.kind == "event" and not delivery.body:
        return Failed("unusable", f"The fact cannot be told as it is. {orders.CORRECT_IT}")
    return None


def _outcome(batch: Batch, delivery: Delivery) -> Outcome:
    if error := batch.stopped.get(delivery.kind):
        return _after(error)
    if error := batch.people.lookup.problem(delivery.subject):
        return Retry(error.code, error.sentence)  # whatever refuses the question says nothing about the person
    if monotonic() > batch.ends_at:
        return Retry("busy", "The batch took long; this one is next.", after=timedelta(0), refund=True)
    sync = batch.syncs.get(delivery.options.get("sync", 0))
    if delivery.kind != "erase" and (sync is None or not sync.is_enabled):
        return Skipped("sync_off", "The store is no longer joined to this account.")
    if batch.people.has_moved(delivery):
        return Retry("moved", "The person has another address by now.", after=timedelta(0), refund=True)
    try:
        return _tried(batch, delivery, sync)
    except CalledOff as reason:
        return reason.outcome
    except IntegrationError as error:
        _stop(batch, delivery, error)
        return outcomes.of(error)


def _tried(batch: Batch, delivery: Delivery, sync: ProfileSync | None) -> Outcome:
    if sync and (objection := permission.objection(batch, delivery, sync)):
        if objection.code in permission.A_PERSONS_NO:
            withdrawals.stop_reminding(batch.connection, delivery.subject)
        return objection
    outcome = SENDERS[delivery.kind](batch, delivery, sync) or Accepted()
    send = batch.sends.get(delivery.pk)
    if send and send.kind == Send.Kind.INVITE and isinstance(outcome, Accepted):
        lifecycle.went_out(send.invite)
    return outcome


def _stop(batch: Batch, delivery: Delivery, error: IntegrationError) -> None:
    """A refused item concerns itself; everything else would meet the next item of its kind as well."""
    if isinstance(error, ReconnectRequired):
        batch.stopped = dict.fromkeys(SENDERS, error)
    elif not isinstance(error, PermanentError | ItsOwn):
        batch.stopped[delivery.kind] = error


def _after(error: IntegrationError) -> Outcome:
    """The outcome of those behind one that met an error: held like it, or later, without having been tried."""
    outcome = outcomes.of(error)
    if not isinstance(outcome, Retry):
        return outcome
    wait = error.retry_after if isinstance(error, Throttled) else outcomes.SOON
    return Retry(outcome.code, outcome.sentence, after=wait, refund=True)


def _profiles_first(delivery: Delivery) -> tuple[bool, int]:
    return delivery.kind != "profile", delivery.pk
