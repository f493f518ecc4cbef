"""Many profiles in one import. Klaviyo works on it at its own pace; `klaviyo.imports` sees how it ends.

People are looked up first where it matters who they are: where nobody may be made, where newcomers join a list, and
where a name or a phone number fills in what Klaviyo lacks. Newcomers go in an import of their own, with the list.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from integrations.outbox import no_room
from integrations.outcomes import Outcome
from klaviyo.api import bulk
from klaviyo.api.client import Client
from klaviyo.consent import gate
from klaviyo.delivery import bulk as bulk_delivery
from klaviyo.delivery import preflight
from klaviyo.models import StoreSetting
from klaviyo.profiles import import_job
from klaviyo.profiles.batch import Batch, settings_of
from klaviyo.profiles.people import People
from referrals.models import Advocate

wait = bulk_delivery.until_room(bulk.BULK_IMPORT_PROFILES)

Items = list[tuple[Delivery, dict[str, Any], int]]  # with what is said of the person, and its size in bytes


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
    bulk_delivery.settle_alike(objections, open_ones)
    for list_id, group in lists.items():
        for pack in packs(said(people, group)):
            _send(client, pack, list_id)


def unasked(store_settings: dict[int, StoreSetting], deliveries: Sequence[Delivery]) -> set[str]:
    """Addresses of those for whom it makes no difference whether Klaviyo knows them."""
    careless = {pk for pk, setting in store_settings.items() if setting.creates_profiles and not setting.list_id}
    asked = [d for d in deliveries if d.options.get("sync") in careless]
    nameless = Advocate.objects.filter(first_name="", last_name="", phone="", locale="")
    nameless = nameless.filter(pk__in=[d.options.get("advocate") for d in asked])
    known = set(nameless.values_list("pk", flat=True))
    return {d.subject.lower() for d in asked if d.options.get("advocate") in known}


def sort(
    store_settings: dict[int, StoreSetting], people: People, deliveries: Sequence[Delivery]
) -> tuple[dict[int, Outcome], dict[str, list[Delivery]]]:
    """What keeps a profile from being imported, by delivery id; and the others by the list that they are to join."""
    objections, lists = dict[int, Outcome](), defaultdict[str, list[Delivery]](list)
    for delivery in deliveries:
        setting, is_new = bulk_delivery.setting_of(store_settings, delivery), people.known(delivery) is None
        if error := people.lookup.problem(delivery.subject):
            objections[delivery.pk] = no_room.for_an_answer(error)
        elif setting is None:
            objections[delivery.pk] = preflight.SETTING_OFF
        elif is_new and not setting.creates_profiles:
            objections[delivery.pk] = gate.UNKNOWN_PERSON
        elif people.has_moved(delivery) or people.is_gone(delivery):
            objections[delivery.pk] = bulk_delivery.ALONE
        else:
            lists[setting.list_id if is_new else ""].append(delivery)
    return objections, lists


def said(people: People, deliveries: Iterable[Delivery]) -> Iterator[tuple[Delivery, dict[str, Any], int]]:
    """What is said of each, with its size in bytes."""
    for delivery in deliveries:
        data = people.request(delivery)["data"]
        yield delivery, data, len(json.dumps(data))


def packs(items: Iterable[tuple[Delivery, dict[str, Any], int]]) -> Iterator[Items]:
    """As many as one request may hold, by number and bytes."""
    pack: Items = []
    size = 0
    for item in items:
        if len(pack) == bulk.MOST_PROFILES or size + item[2] > bulk.MOST_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += item[2] + 2
    if pack:
        yield pack


def _send(client: Client, pack: Items, list_id: str) -> None:
    data_of = {delivery.pk: data for delivery, data, _ in pack}

    def request(now: bulk_delivery.Pack) -> Outcome | None:
        told = bulk.import_profiles(client, [data_of[delivery.pk] for delivery in now], list_id, now)
        import_job.begin(client.connection, told, now)
        return None

    def blame(error: PermanentError, now: bulk_delivery.Pack) -> bulk_delivery.Pack:
        places = {first for first, _ in bulk.named(error, bulk.PROFILE_OF_JOB)}
        return [now[place] for place in sorted(places) if place < len(now)]

    bulk_delivery.send(client, [delivery for delivery, _, _ in pack], request, blame)


def send_profile(batch: Batch, delivery: Delivery, setting: StoreSetting) -> None:
    gate.last_look(batch, delivery)
    batch.people.bring(delivery, setting)
