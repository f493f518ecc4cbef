"""Profile deliveries: one upsert, or many in one bulk import, which `klaviyo.imports` follows to its end.

For an import people are looked up first where it matters who they are: where nobody may be made, where newcomers join a
list, and where a name or a phone number fills in what Klaviyo lacks. Newcomers go in an import of their own.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from integrations.outcomes import Outcome, Skipped
from integrations.reasons import Who, declare
from integrations.workers import in_bulk
from integrations.workers.in_bulk import Pack
from klaviyo.api import bulk
from klaviyo.api.client import Client
from klaviyo.consent import gate
from klaviyo.delivery import bulk as bulk_delivery
from klaviyo.delivery import preflight
from klaviyo.mapping.contents import Profile
from klaviyo.models import StoreSetting
from klaviyo.profiles import advocates, import_job
from klaviyo.profiles.batch import UNKNOWN_PERSON, Batch
from klaviyo.profiles.joined_stores import setting_of, settings_of
from klaviyo.profiles.people import People

SHARED = Skipped(
    declare(
        "shared_profile",
        "Profile of another address",
        "At Klaviyo this address is a further one of a profile whose first address is another advocate's. The profile "
        "says what that one has done.",
        because="Klaviyo has them and another advocate as one profile, which says what the other one has done",
        means="A profile with several addresses has one set of properties: they are those of its first address. Events "
        "are told of each.",
        who=Who.ACCOUNT,
        do="If they are two people, take this address off the profile in Klaviyo, and retry.",
    )
)

wait = bulk_delivery.until_room(bulk.BULK_IMPORT_PROFILES)

Items = list[tuple[Delivery, dict[str, Any], int]]  # with what is said of the person, and its size in bytes


def send(batch: Batch, delivery: Delivery) -> Outcome | None:
    """Upsert one person."""
    if batch.people.is_anothers(delivery):
        return SHARED
    gate.last_look(batch, delivery)
    batch.people.bring(delivery, batch.setting(delivery))
    return None


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Hand a claimed batch over as imports."""
    open_ones = preflight.without_the_hopeless(deliveries)
    if not open_ones:
        return
    client, store_settings = Client(connection, is_backlog=True), settings_of(connection)
    people = bulk_delivery.look_up(client, open_ones, unasked(store_settings, open_ones))
    if people is None:
        return
    objections, lists = sort(store_settings, people, open_ones)
    in_bulk.settle_alike(objections, open_ones)
    for list_id, group in lists.items():
        for pack in packs(said(people, group)):
            _send(client, pack, list_id)


def unasked(store_settings: dict[int, StoreSetting], deliveries: Sequence[Delivery]) -> set[str]:
    """Addresses of those for whom it makes no difference whether Klaviyo knows them."""
    careless = {store: one for store, one in store_settings.items() if one.creates_profiles and not one.list_id}
    who = {d.pk: Profile.of(d).advocate for d in deliveries if setting_of(careless, d) and not Profile.of(d).person}
    nameless = advocates.nameless(who.values())
    found = {d.subject for d in deliveries if who.get(d.pk) in nameless}
    before = Delivery.objects.filter(kind=Profile.kind, reason_code=SHARED.code, subject__in=found)
    return {address.lower() for address in found.difference(before.values_list("subject", flat=True))}


def sort(
    store_settings: dict[int, StoreSetting], people: People, deliveries: Sequence[Delivery]
) -> tuple[dict[int, Outcome], dict[str, list[Delivery]]]:
    """What keeps a profile from being imported, by delivery id; and the others by the list that they are to join."""
    return bulk_delivery.sort(store_settings, people, deliveries, partial(place, people))


def place(people: People, setting: StoreSetting, delivery: Delivery) -> Outcome | str:
    """What speaks against bringing the person; or the list that they are to join, or a word for going alone."""
    person = people.known(delivery)
    is_new = person is None
    if objection := people.refuses(delivery):
        return objection
    if is_new and not setting.creates_profiles:
        return UNKNOWN_PERSON
    if people.has_moved(delivery) or people.is_gone(delivery) or (is_new and people.has_said_no(delivery)):
        return in_bulk.ALONE
    if person and person.is_named_otherwise:
        return SHARED if people.is_anothers(delivery) else in_bulk.ALONE
    return setting.list_id if is_new else ""


def said(people: People, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, dict[str, Any], int]]:
    """What is said of each, with its size in bytes."""
    for delivery in deliveries:
        data = people.request(delivery)["data"]
        yield delivery, data, len(json.dumps(data))


def packs(items: Iterable[tuple[Delivery, dict[str, Any], int]]) -> Iterator[Items]:
    """As many as one request may hold."""
    return bulk_delivery.packs(items, lambda item: item[2], most=bulk.MOST_PROFILES, most_bytes=bulk.MOST_BYTES)


def _send(client: Client, pack: Items, list_id: str) -> None:
    data_of = {delivery.pk: data for delivery, data, _ in pack}

    def request(now: Pack) -> None:
        # An import adds people to lists: https://developers.klaviyo.com/en/reference/bulk_import_profiles
        told = bulk.import_profiles(client, [data_of[delivery.pk] for delivery in now], list_id, now)
        import_job.begin(client.connection, told, now)

    in_bulk.send(client.connection, [delivery for delivery, _, _ in pack], request, _blame)


def _blame(error: PermanentError, pack: Pack) -> Pack:
    places = {first for first, _ in bulk.named(error, bulk.PROFILE_OF_JOB)}
    return [pack[place] for place in sorted(places) if place < len(pack)]
