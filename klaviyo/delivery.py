"""The story of a batch: look its people up, decide about each, send, settle."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic

from integrations import draining, outcomes
from integrations.errors import IntegrationError, PermanentError, ReconnectRequired, Throttled
from integrations.models import Connection, Delivery
from integrations.outcomes import Accepted, Outcome, Retry, Skipped
from klaviyo import consent, events
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
    """Settle every delivery of a claimed batch. Raises IntegrationError when nobody could be looked up."""
    ends_at = monotonic() + LONGEST_SECONDS
    client = Client(connection)
    batch = Batch(client, People(client, deliveries), _syncs(connection), ends_at)
    draining.settle_each(sorted(deliveries, key=_profiles_first), partial(_outcome, batch))


def _outcome(batch: Batch, delivery: Delivery) -> Outcome:
    if error := batch.stopped.get(delivery.kind):
        return _after(error)
    if monotonic() > batch.ends_at:
        return Retry("busy", "The batch took long; this one is next.", after=timedelta(0), refund=True)
    sync = batch.syncs.get(delivery.options.get("sync", 0))
    if sync is None or not sync.is_enabled:
        return Skipped("sync_off", "The store is no longer joined to this account.")
    if objection := _objection(batch, delivery, sync):
        return objection
    try:
        _send(batch, delivery, sync)
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


def _send(batch: Batch, delivery: Delivery, sync: ProfileSync) -> None:
    if delivery.kind == "profile":
        batch.people.bring(delivery, sync)
        return
    if _message(delivery) is None and batch.people.must_be_brought(delivery):
        # Who acted themselves is brought in full; who was merely invited appears with the event alone, on no list.
        batch.people.bring(delivery, sync)
    events_api.create(batch.client, delivery.body, [delivery])


def _stop(batch: Batch, delivery: Delivery, error: IntegrationError) -> None:
    """A refused item concerns itself; everything else would meet the next item of its kind as well."""
    if isinstance(error, ReconnectRequired):
        batch.stopped = dict.fromkeys(("profile", "event"), error)
    elif not isinstance(error, PermanentError):
        batch.stopped[delivery.kind] = error


def _after(error: IntegrationError) -> Outcome:
    """The outcome of those behind one that met an error: held like it, or later, without having been tried."""
    outcome = outcomes.of(error)
    if not isinstance(outcome, Retry):
        return outcome
    wait = error.retry_after if isinstance(error, Throttled) else timedelta(seconds=5)
    return Retry(outcome.code, outcome.sentence, after=wait, refund=True)


def _message(delivery: Delivery) -> str | None:
    """Which message, "invite" or "reminder", for what needs the person's consent."""
    metric = METRICS.get(delivery.options.get("metric", ""))
    return metric.consent if metric else None


def _syncs(connection: Connection) -> dict[int, ProfileSync]:
    return {sync.pk: sync for sync in ProfileSync.objects.filter(connection=connection)}


def _profiles_first(delivery: Delivery) -> tuple[bool, int]:
    return delivery.kind != "profile", delivery.pk
