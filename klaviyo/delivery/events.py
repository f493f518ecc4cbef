"""Event deliveries: one by one, or many in a bulk job where no consent is needed and none was tried before.

Klaviyo answers a job with no more than that it has it; so whatever is not certain goes through the single endpoint.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Q
from django.db.models.functions import Now

from integrations import outbox, pauses
from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled
from integrations.models import Connection, Delivery
from integrations.outcomes import Accepted, CalledOff, Outcome
from integrations.wire import attempts
from integrations.workers import in_bulk
from integrations.workers.in_bulk import Pack
from klaviyo.api import bulk
from klaviyo.api import events as events_api
from klaviyo.api.client import Client
from klaviyo.consent import gate
from klaviyo.delivery import bulk as bulk_delivery
from klaviyo.delivery import preflight
from klaviyo.delivery.sends import caps
from klaviyo.delivery.sends.caps import Place
from klaviyo.mapping import contents
from klaviyo.mapping.contents import message_of
from klaviyo.models import StoreSetting
from klaviyo.profiles.batch import UNKNOWN_PERSON, Batch
from klaviyo.profiles.errors import ProfileConflict
from klaviyo.profiles.joined_stores import settings_of
from klaviyo.profiles.people import People
from klaviyo.profiles.recently_sent import told_lately

wait = bulk_delivery.until_room(bulk.BULK_CREATE_EVENTS)


def send(batch: Batch, delivery: Delivery) -> Outcome | None:
    """Who acted themselves is brought in full; who was merely invited appears with the event alone, on no list."""
    if not batch.people.is_there(delivery):
        if message_of(delivery):
            batch.people.before_making(delivery)
        else:
            _bring(batch, delivery)
    record = partial(events_api.create, batch.client, delivery.body, [delivery])
    row = batch.sends.get(delivery.pk)
    if row is None and not message_of(delivery):  # what comes twice is dropped: less need be known
        record(is_told_with_outcome=True)
        return None
    if row is None:
        record(last_look=partial(gate.last_look, batch, delivery))
        return None
    place = caps.reserve(row, delivery, keeps=True)
    if not isinstance(place, Place):
        return place
    try:
        record(last_look=partial(gate.last_look, batch, delivery))
    except (IntegrationError, CalledOff) as reason:
        if _never_left(reason):
            place.give_back()
        raise
    return None


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Settle every event of a claimed batch, in jobs of many."""
    open_ones = preflight.without_the_hopeless(deliveries)
    if not open_ones:
        return
    client = Client(connection, is_backlog=True)
    people = bulk_delivery.look_up(client, open_ones)
    if people is None:
        return
    objections, groups = bulk_delivery.sort(settings_of(connection), people, open_ones, partial(place, people))
    in_bulk.settle_alike(objections, open_ones)
    for group in groups.values():
        for pack in _packs(group):
            in_bulk.send(connection, pack, partial(_request, client), _blame)


def behind_their_people(connection: Connection, pks: Sequence[int]) -> set[int]:
    """Those whose person's profile is about to go, which wait for it: each would bring the person once more."""
    claimable = Delivery.objects.filter(pk__among=pks)
    people = set(claimable.values_list("subject", flat=True))
    theirs = Delivery.objects.filter(connection=connection, kind=contents.Profile.kind, subject__in=people)
    about_to_go = Q(state=Delivery.State.QUEUED, next_try_at__lte=Now()) | Q(state=Delivery.State.SENDING, job=None)
    going = list(theirs.filter(about_to_go).only("pk", "lane", "subject"))
    if not going or pauses.is_in_trouble(connection, contents.Profile.kind):
        return set()
    held_up = outbox.behind_others(connection.pk, [(one.pk, one.lane) for one in going])
    soon = {one.subject.lower() for one in going if one.pk not in held_up}
    deliveries = list(claimable.only("pk", "kind", "subject", "options"))
    known = told_lately(connection, [delivery for delivery in deliveries if delivery.subject.lower() in soon])
    return {delivery.pk for delivery in deliveries if delivery.subject.lower() in soon - known}


def _bring(batch: Batch, delivery: Delivery) -> None:
    """The person in full; a conflict about their profile does not cost the event, which goes by their address."""
    try:
        batch.people.bring(delivery, batch.setting(delivery))
    except ProfileConflict as conflict:
        delivery.warnings.append(f"Told by the address alone. {conflict.sentence}")


def _never_left(reason: Exception) -> bool:
    """Whether no request about it can have arrived, or Klaviyo has refused it; of all others nobody knows."""
    if isinstance(reason, TemporaryError) and not isinstance(reason, Throttled):
        return reason.code in attempts.CODES_OF_WHAT_NEVER_LEFT
    return True


def place(people: People, setting: StoreSetting, delivery: Delivery) -> Outcome | str:
    """Who is yet to be brought goes alone, and a message that was queued before messages were told apart."""
    if objection := people.refuses(delivery):
        return objection
    if not people.is_there(delivery):
        return in_bulk.ALONE if setting.creates_profiles else UNKNOWN_PERSON
    return in_bulk.ALONE if message_of(delivery) else ""


def _packs(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """What one request may hold; no event twice in one, which would refuse them all."""
    # https://developers.klaviyo.com/en/reference/bulk_create_events
    rounds: list[dict[str, Delivery]] = []
    for delivery in deliveries:
        unique_id = delivery.body["data"]["attributes"]["unique_id"]
        free = next((one for one in rounds if unique_id not in one), None)
        if free is None:
            rounds.append(free := {})
        free[unique_id] = delivery
    for one in rounds:
        yield from bulk_delivery.packs(
            one.values(), lambda d: len(json.dumps(d.body)), most=bulk.MOST_EVENTS, most_bytes=bulk.MOST_BYTES
        )


def _request(client: Client, pack: Pack) -> Outcome:
    body, _ = bulk.events_body([delivery.body for delivery in pack])
    bulk.create_events(client, body, pack)
    return Accepted()


def _blame(error: PermanentError, pack: Pack) -> Pack:
    _, places = bulk.events_body([delivery.body for delivery in pack])
    blamed: set[int] = set()
    for group, event in bulk.named(error, bulk.EVENT_OF_JOB):
        if group < len(places):
            blamed.update(places[group] if event is None else places[group][event : event + 1])
    return [pack[index] for index in sorted(blamed)]
