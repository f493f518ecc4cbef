"""Backfill chunks: some thousands of a store's advocates, handed over as one bulk import or a few."""

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from integrations import outbox
from integrations.errors import PermanentError, Throttled
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Retry
from integrations.reasons import Who, declare
from integrations.workers import in_bulk
from klaviyo.api import bulk, values
from klaviyo.api.client import Client
from klaviyo.consent import owed_noes
from klaviyo.delivery import profiles
from klaviyo.delivery.erasure import deletion_request, older
from klaviyo.mapping import orders
from klaviyo.mapping.contents import Profile
from klaviyo.models import Backfill, StoreSetting
from klaviyo.profiles import import_job
from klaviyo.profiles.advocates import Advocates
from klaviyo.profiles.people import look_up
from referrals import suppressions
from referrals.models import Advocate

CHUNK = 5_000
LEASE = timedelta(minutes=2)
CHANGED = Retry(
    declare(
        "person_changed",
        "Read anew",
        "Somebody's address has changed since it was read; it is read anew.",
        because="somebody's address has changed since it was read",
        means="It was noticed right before the request; nothing has left.",
        who=Who.ITSELF,
    ),
    refund=True,
)


def advocates(setting: StoreSetting) -> QuerySet[Advocate]:
    """Everybody in the store's programs, in the order of their ids."""
    return Advocate.objects.filter(program__store=setting.store_id).order_by("pk")


def tell(backfill: Backfill) -> bool:
    """Tell of the next chunk, and remember how far that was; False when nobody is left.

    Raises IntegrationError, or CalledOff when somebody was erased or has another address since they were read: then
    nothing is remembered, and the chunk is read and told of again.
    """
    read_at, setting = timezone.now(), backfill.setting
    people = advocates(setting).filter(pk__gt=backfill.reached, pk__lte=backfill.upto)
    rows = list(people.values_list("pk", "email")[:CHUNK])
    if not rows:
        return False
    usable = [(pk, email) for pk, email in rows if not (suppressions.is_erased(email) or values.email_problem(email))]
    client = Client(setting.connection, is_backlog=True)
    groups, alone = _sorted(client, setting, usable)
    note = {"store": setting.store_id, "first": rows[0][0], "last": rows[-1][0], "taken_at": read_at.isoformat()}
    told = 0
    for list_id, items in groups.items():
        for pack in profiles.packs(items):
            told += _import(client, pack, list_id, note, alone)
    _remember(backfill, rows, told, alone)
    return True


def _sorted(
    client: Client, setting: StoreSetting, rows: Sequence[tuple[int, str]]
) -> tuple[dict[str, profiles.Items], list[int]]:
    """What is said of each, by the list that they are to join; and ids of those who must go alone."""
    everybody = list(_as_deliveries(setting, rows))
    waiting = deletion_request.erased_first(everybody)
    out = {delivery.pk for delivery in older.among(everybody)} | waiting.keys()
    told = [delivery for delivery in everybody if delivery.pk not in out]
    store_settings = {setting.store_id: setting}
    refusals = owed_noes.of(client.connection, (delivery.subject for delivery in told))
    source, unasked = Advocates(client.connection, told), profiles.unasked(store_settings, told)
    unasked = {address for address in unasked if not refusals.stand(address)}
    people = look_up(client, told, source, refusals, unasked, on_record=False)
    for delivery in told:
        if isinstance(problem := people.lookup.problem(delivery.subject), Throttled):
            raise problem  # the chunk is told of later, as a whole
    objections, lists = profiles.sort(store_settings, people, told)
    objections |= waiting
    alone = [Profile.of(d).advocate for d in everybody if isinstance(objections.get(d.pk), Retry)]
    return {list_id: list(profiles.said(people, group)) for list_id, group in lists.items()}, alone


def _as_deliveries(setting: StoreSetting, rows: Sequence[tuple[int, str]]) -> Iterator[Delivery]:
    """What the rules of profiles are asked about; none is ever stored. To copy one is faster than to make one."""
    pattern = Delivery(connection=setting.connection, kind=Profile.kind, occurred_at=timezone.now())
    for pk, email in rows:
        delivery = copy(pattern)
        delivery.pk, delivery.subject = -pk, values.address(email)
        delivery.options = Profile(store=setting.store_id, advocate=pk).as_options()
        yield delivery


def _import(client: Client, pack: profiles.Items, list_id: str, note: dict[str, Any], alone: list[int]) -> int:
    """Make an import: of how many. Whom it is refused for goes alone; where nobody is named, each half is tried.

    It is watched from here on: what comes next may fail, and whoever is to be deleted must wait for its end.
    """
    again = partial(_import, client, list_id=list_id, note=note, alone=alone)
    try:
        data, last_look = [item for _, item, _ in pack], partial(_check, pack)
        import_job.watch(
            client.connection, bulk.import_profiles(client, data, list_id, last_look=last_look), len(pack), note
        )
        return len(pack)
    except PermanentError as error:
        blamed = {first for first, _ in bulk.named(error, bulk.PROFILE_OF_JOB) if first < len(pack)}
    if blamed or len(pack) <= in_bulk.FEW:
        out = blamed or set(range(len(pack)))
        alone += [Profile.of(pack[place][0]).advocate for place in sorted(out)]
        rest = [item for place, item in enumerate(pack) if place not in out]
        return again(rest) if rest else 0
    half = len(pack) // 2
    return again(pack[:half]) + again(pack[half:])


def _check(pack: profiles.Items) -> None:
    """Raise CalledOff unless each still has the address that the request says."""
    said = {Profile.of(delivery).advocate: delivery.subject for delivery, _, _ in pack}
    now = dict(Advocate.objects.filter(pk__in=said).values_list("pk", "email"))
    if any(pk not in now or values.address(now[pk]).lower() != address.lower() for pk, address in said.items()):
        raise CalledOff(CHANGED)


@transaction.atomic
def _remember(backfill: Backfill, rows: Sequence[tuple[int, str]], told: int, alone: Sequence[int]) -> None:
    """Unless the account was replaced meanwhile: the new one has heard of nobody."""
    here = StoreSetting.objects.filter(pk=backfill.setting_id, connection=backfill.setting.connection_id)
    if not here.select_for_update(no_key=True).values_list("pk").first():
        return
    tell_alone(backfill.setting, alone)
    number = told + len(alone)
    Backfill.objects.filter(pk=backfill.pk).update(
        reached=rows[-1][0], told=F("told") + number, left_out=F("left_out") + len(rows) - number, problem=""
    )


def tell_alone(setting: StoreSetting, ids: Sequence[int]) -> None:
    """Queue a delivery for each of these advocates but the erased, inside the caller's transaction."""
    people = Advocate.objects.filter(pk__in=ids).order_by("pk")
    there = [advocate for advocate in people if not suppressions.is_erased(advocate.email)]
    outbox.add(setting.connection_id, [orders.of_profile(advocate, setting) for advocate in there])
