"""The story of a batch: look its people up, decide about each, send, settle."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic

from integrations import draining, outbox, outcomes
from integrations.errors import (
    IntegrationError,
    OperatorRequired,
    PermanentError,
    ReconnectRequired,
    TemporaryError,
    Throttled,
)
from integrations.models import Connection, Delivery
from integrations.outcomes import Accepted, Failed, Outcome, Retry, Skipped
from klaviyo import cleaning, consent, events
from klaviyo.api import answers, lists
from klaviyo.api import events as events_api
from klaviyo.api.client import Client
from klaviyo.models import ProfileSync
from klaviyo.people import People

LONGEST_SECONDS = 12.0  # with the slowest last item still within the lease; and consent is never much older

METRICS = {metric.key: metric for metric in events.CATALOGUE}


@dataclass
class Batch:
    """What is known about a batch while it is worked through; `stopped` says why a kind cannot go on."""

    client: Client
    people: People
    syncs: dict[int, ProfileSync]
    ends_at: float
    stopped: dict[str, IntegrationError] = field(default_factory=dict)


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every delivery of a claimed batch. Raises IntegrationError when people could not be looked up."""
    unusable = {delivery.pk: outcome for delivery in deliveries if (outcome := _unusable(delivery))}
    draining.settle_each([d for d in deliveries if d.pk in unusable], lambda delivery: unusable[delivery.pk])
    usable = [delivery for delivery in deliveries if delivery.pk not in unusable]
    if not usable:
        return
    client = Client(connection)
    people = People(client, usable)
    outbox.extend(usable)
    batch = Batch(client, people, _syncs(connection), monotonic() + LONGEST_SECONDS)
    draining.settle_each(sorted(usable, key=_profiles_first), partial(_outcome, batch))


def _unusable(delivery: Delivery) -> Outcome | None:
    """What failed when it was queued and was retried all the same: nothing of it may reach a request."""
    if problem := cleaning.email_problem(delivery.subject):
        return Failed("malformed_email", f"{problem} Correct it in your data and send the fact again.")
    if delivery.kind == "event" and not delivery.body:
        return Failed("unusable", "The fact cannot be told as it is. Correct it in your data and send it again.")
    return None


def _outcome(batch: Batch, delivery: Delivery) -> Outcome:
    if error := batch.stopped.get(delivery.kind):
        return _after(error)
    if error := batch.people.problem(delivery):
        return Retry(error.code, error.sentence)  # whatever refuses the question says nothing about the person
    if monotonic() > batch.ends_at:
        return Retry("busy", "The batch took long; this one is next.", after=timedelta(0), refund=True)
    sync = batch.syncs.get(delivery.options.get("sync", 0))
    if sync is None or not sync.is_enabled:
        return Skipped("sync_off", "The store is no longer joined to this account.")
    if batch.people.has_moved(delivery):
        return Retry("moved", "The person has another address by now.", after=timedelta(0), refund=True)
    if objection := _objection(batch, delivery, sync):
        return objection
    try:
        SENDERS[delivery.kind](batch, delivery, sync)
    except IntegrationError as error:
        _stop(batch, delivery, error)
        return outcomes.of(error)
    return Accepted()


def _objection(batch: Batch, delivery: Delivery, sync: ProfileSync) -> Outcome | None:
    """What speaks against telling: an unknown person, or the person's own will."""
    person = batch.people.known(delivery)
    if person is None and not sync.creates_profiles:
        return Skipped(
            "unknown_person",
            "Klaviyo does not know this person, and the store's setting is to update existing profiles only.",
        )
    message = _message(delivery)
    if message is None:
        return None
    decision = consent.decide(person is not None, person.attributes if person else None, sync.policy(message))
    delivery.evidence = decision.as_record()
    return None if decision.allowed else Skipped(decision.code, decision.sentence)


def _send_profile(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    batch.people.bring(delivery, sync)


def _send_event(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    if _message(delivery) is None:
        # Who acted themselves is brought in full; who was merely invited appears with the event alone, on no list.
        if batch.people.must_be_brought(delivery):
            batch.people.bring(delivery, sync)
    elif not outbox.is_ours(delivery):
        raise TemporaryError("lease_lost", "Another worker has taken this over, and decides anew.")
    events_api.create(batch.client, delivery.body, [delivery])


def _send_list_add(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    person = batch.people.known(delivery)
    if not sync.list_id:
        raise PermanentError("no_list", "The store has no list any more.")
    if person is None:
        raise PersonNotThereYet
    try:
        lists.add(batch.client, sync.list_id, [person.id], [delivery])
    except PermanentError as error:
        raise _list_trouble(sync, error) from error


SENDERS = {"profile": _send_profile, "event": _send_event, "list": _send_list_add}


class PersonNotThereYet(TemporaryError):
    """What Klaviyo has taken shows after a while."""

    def __init__(self) -> None:
        super().__init__("not_there_yet", "Klaviyo does not show the new profile yet.")


class ListTrouble(OperatorRequired):
    """One store's list; other stores' lists have nothing to do with it."""


def _list_trouble(sync: ProfileSync, error: PermanentError) -> IntegrationError:
    """A list that is gone answers 404, a malformed id of one 400; an unknown profile is one that shows later."""
    if error.code == "not_found" or answers.points_at(error, "id"):
        name = sync.list_name or sync.list_id
        sentence = f"The list “{name}” is no longer in the account. Choose another one in the store's settings."
        return ListTrouble("list_gone", sentence)
    return PersonNotThereYet()


def _stop(batch: Batch, delivery: Delivery, error: IntegrationError) -> None:
    """A refused item concerns itself; everything else would meet the next item of its kind as well."""
    if isinstance(error, ReconnectRequired):
        batch.stopped = dict.fromkeys(SENDERS, error)
    elif not isinstance(error, PermanentError | PersonNotThereYet | ListTrouble):
        batch.stopped[delivery.kind] = error


def _after(error: IntegrationError) -> Outcome:
    """The outcome of those behind one that met an error: held like it, or later, without having been tried."""
    outcome = outcomes.of(error)
    if not isinstance(outcome, Retry):
        return outcome
    wait = error.retry_after if isinstance(error, Throttled) else outcomes.SOON
    return Retry(outcome.code, outcome.sentence, after=wait, refund=True)


def _message(delivery: Delivery) -> str | None:
    """Which message, "invite" or "reminder", for what needs the person's consent."""
    metric = METRICS.get(delivery.options.get("metric", ""))
    return metric.consent if metric else None


def _syncs(connection: Connection) -> dict[int, ProfileSync]:
    return {sync.pk: sync for sync in ProfileSync.objects.filter(connection=connection)}


def _profiles_first(delivery: Delivery) -> tuple[bool, int]:
    return delivery.kind != "profile", delivery.pk
