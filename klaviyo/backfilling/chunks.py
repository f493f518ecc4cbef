"""Some thousands of a store's advocates, handed over as one import or as few as they fit into."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from integrations import outbox
from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo import cleaning, orders
from klaviyo.api import bulk
from klaviyo.api.bulk import Import
from klaviyo.api.client import Client
from klaviyo.delivery import bulks, permission, profile_jobs
from klaviyo.imports import jobs
from klaviyo.models import Backfill, ProfileSync
from klaviyo.people import People
from referrals import suppressions
from referrals.models import Advocate

CHUNK = 5_000
LEASE = timedelta(minutes=2)

Taken = list[tuple[Import, int]]  # with how many are in each


def advocates(sync: ProfileSync) -> QuerySet[Advocate]:
    """Everybody in the store's programs, in the order of their ids."""
    return Advocate.objects.filter(program__store=sync.store_id).order_by("pk")


def tell(backfill: Backfill) -> bool:
    """Tell of the next chunk, and remember how far that was; False when nobody is left.

    Raises IntegrationError: a chunk of which nobody knows whether it arrived is told of again.
    """
    taken_at, sync = timezone.now(), backfill.sync
    people = advocates(sync).filter(pk__gt=backfill.reached, pk__lte=backfill.upto)
    rows = list(people.values_list("pk", "email")[:CHUNK])
    if not rows:
        return False
    usable = [(pk, email) for pk, email in rows if not (suppressions.is_erased(email) or cleaning.email_problem(email))]
    client = Client(sync.connection, is_backlog=True)
    groups, alone = _sorted(client, sync, usable)
    taken: Taken = []
    for list_id, items in groups.items():
        for pack in profile_jobs.packs(items):
            taken += _import(client, pack, list_id, alone)
    _remember(backfill, rows, taken_at, taken, alone)
    return True


def _sorted(
    client: Client, sync: ProfileSync, rows: Sequence[tuple[int, str]]
) -> tuple[dict[str, profile_jobs.Items], list[int]]:
    """What is said of each, by the list that they are to join; and ids of those who must go alone."""
    told = [_as_delivery(sync, pk, email) for pk, email in rows]
    syncs = {sync.pk: sync}
    people = People(client, told, unasked=profile_jobs.unasked(syncs, told), on_record=False)
    objections, lists = profile_jobs.sort(syncs, people, told)
    alone = [d.options["advocate"] for d in told if objections.get(d.pk, permission.UNKNOWN_PERSON) == bulks.ALONE]
    return {list_id: list(profile_jobs.said(people, group)) for list_id, group in lists.items()}, alone


def _as_delivery(sync: ProfileSync, pk: int, email: str) -> Delivery:
    """What the rules of profiles are asked about; it is never stored."""
    options = {"sync": sync.pk, "advocate": pk}
    return Delivery(
        pk=-pk, connection=sync.connection, kind="profile", subject=cleaning.address(email), options=options
    )


def _import(client: Client, pack: profile_jobs.Items, list_id: str, alone: list[int]) -> Taken:
    """Make an import. Whom it is refused for goes alone; where nobody is named, each half is tried."""
    try:
        return [(bulk.import_profiles(client, [data for _, data, _ in pack], list_id), len(pack))]
    except PermanentError as error:
        blamed = {first for first, _ in bulk.named(error, bulk.PROFILE_OF_JOB) if first < len(pack)}
    if blamed or len(pack) <= bulks.FEW:
        out = blamed or set(range(len(pack)))
        alone += [pack[place][0].options["advocate"] for place in sorted(out)]
        rest = [item for place, item in enumerate(pack) if place not in out]
        return _import(client, rest, list_id, alone) if rest else []
    half = len(pack) // 2
    return _import(client, pack[:half], list_id, alone) + _import(client, pack[half:], list_id, alone)


@transaction.atomic
def _remember(
    backfill: Backfill, rows: Sequence[tuple[int, str]], taken_at: datetime, taken: Taken, alone: Sequence[int]
) -> None:
    first, last = rows[0][0], rows[-1][0]
    note: dict[str, Any] = {"sync": backfill.sync_id, "first": first, "last": last, "taken_at": taken_at.isoformat()}
    for told, size in taken:
        jobs.watch(backfill.sync.connection, told, size, note)
    tell_alone(backfill.sync, alone)
    number = sum(size for _, size in taken) + len(alone)
    Backfill.objects.filter(pk=backfill.pk).update(
        reached=last, told=F("told") + number, left_out=F("left_out") + len(rows) - number, problem=""
    )


def tell_alone(sync: ProfileSync, ids: Sequence[int]) -> None:
    """Queue a delivery for each of these advocates, inside the caller's transaction."""
    people = Advocate.objects.filter(pk__in=ids).order_by("pk")
    outbox.add(sync.connection, [orders.of_profile(advocate, sync) for advocate in people])
