"""Many events in one job. Only such as need nobody's consent, and have never been tried before.

Klaviyo answers a job with no more than that it has it, and refuses a whole job for one event that it has twice; so
whatever is not certain goes through the single endpoint, which keeps the first event of an id.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Q

from integrations import outbox, outcomes, pauses
from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from integrations.outbox import no_room
from integrations.outcomes import Accepted, Outcome, Retry
from integrations.reasons import Who, declare
from klaviyo.api import bulk
from klaviyo.api import events as events_api
from klaviyo.api.client import Client
from klaviyo.consent import gate
from klaviyo.delivery import bulk as bulk_delivery
from klaviyo.delivery import preflight
from klaviyo.mapping import orders
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import Batch, settings_of
from klaviyo.profiles.people import People
from klaviyo.profiles.recently_sent import told_lately

PERSON_FIRST = Retry(
    declare(
        "person_first",
        "The profile goes first",
        "First the person's profile goes.",
        because="the person's profile is about to go, and this goes after it",
        means="Many wait at a time. An event is told when Klaviyo knows the person.",
        who=Who.ITSELF,
    ),
    after=outcomes.SOON,
    refund=True,
)

wait = bulk_delivery.until_room(bulk.BULK_CREATE_EVENTS)


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every event of a claimed batch."""
    open_ones = _after_their_people(connection, preflight.without_the_hopeless(deliveries))
    if not open_ones:
        return
    client = Client(connection, is_backlog=True)
    people = bulk_delivery.look_up(client, open_ones)
    if people is None:
        return
    objections = _objections(connection, people, open_ones)
    bulk_delivery.settle_alike(objections, open_ones)
    for pack in _packs([delivery for delivery in open_ones if delivery.pk not in objections]):
        _send(client, pack)


def _after_their_people(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
    """Without those whose person's profile is about to go, which wait for it: each would bring the person once more."""
    known = told_lately(connection, deliveries)
    unsure = {delivery.subject for delivery in deliveries if delivery.subject.lower() not in known}
    if not unsure or pauses.is_in_trouble(connection, "profile"):
        return deliveries
    theirs = Q(kind="profile", subject__in=unsure)
    in_hand = connection.deliveries.filter(theirs, state=Delivery.State.SENDING, job=None)
    going = (outbox.due(connection).filter(theirs), in_hand)
    soon = {subject.lower() for rows in going for subject in rows.values_list("subject", flat=True)}
    early = [delivery for delivery in deliveries if delivery.subject.lower() in soon]
    outbox.settle_all(early, PERSON_FIRST)
    early_pks = {delivery.pk for delivery in early}
    return [delivery for delivery in deliveries if delivery.pk not in early_pks]


def _objections(connection: Connection, people: People, deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """What keeps an event from going in a job, by delivery id; who is yet to be brought goes alone."""
    store_settings, found = settings_of(connection), dict[int, Outcome]()
    for delivery in deliveries:
        setting = bulk_delivery.setting_of(store_settings, delivery)
        if error := people.lookup.problem(delivery.subject):
            found[delivery.pk] = no_room.for_an_answer(error)
        elif setting is None:
            found[delivery.pk] = preflight.SETTING_OFF
        elif not people.is_there(delivery):
            found[delivery.pk] = bulk_delivery.ALONE if setting.creates_profiles else gate.UNKNOWN_PERSON
    return found


def _packs(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """As many as one request may hold, by number and bytes; no event twice in one."""
    pack: list[Delivery] = []
    ids: set[str] = set()
    size = 0
    for delivery in deliveries:
        unique_id = delivery.body["data"]["attributes"]["unique_id"]
        bytes = len(json.dumps(delivery.body))
        if len(pack) == bulk.MOST_EVENTS or size + bytes > bulk.MOST_BYTES or unique_id in ids:
            yield pack
            pack, ids, size = [], set(), 0
        pack.append(delivery)
        ids.add(unique_id)
        size += bytes
    if pack:
        yield pack


def _send(client: Client, pack: Sequence[Delivery]) -> None:
    def request(now: bulk_delivery.Pack) -> Outcome:
        body, _ = bulk.events_body([delivery.body for delivery in now])
        bulk.create_events(client, body, now)
        return Accepted()

    def blame(error: PermanentError, now: bulk_delivery.Pack) -> bulk_delivery.Pack:
        _, places = bulk.events_body([delivery.body for delivery in now])
        blamed: set[int] = set()
        for group, event in bulk.named(error, bulk.EVENT_OF_JOB):
            if group < len(places):
                blamed.update(places[group] if event is None else places[group][event : event + 1])
        return [now[index] for index in sorted(blamed)]

    bulk_delivery.send(client, pack, request, blame)


def send_event(batch: Batch, delivery: Delivery, setting: StoreSetting) -> None:
    """Who acted themselves is brought in full; who was merely invited appears with the event alone, on no list."""
    if orders.message_of(delivery) is None and batch.people.must_be_brought(delivery):
        batch.people.bring(delivery, setting)
    last_look = partial(gate.last_look, batch, delivery)
    events_api.create(batch.client, delivery.body, [delivery], last_look=last_look)
