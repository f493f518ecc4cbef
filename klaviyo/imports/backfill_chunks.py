"""Backfill chunks: some thousands of a store's advocates, handed over as one bulk import or a few."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from integrations import outbox
from integrations.errors import PermanentError, Throttled
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Outcome, Retry
from integrations.pauses import by_hand
from integrations.reasons import Who, declare
from integrations.workers import in_bulk
from klaviyo.api import bulk, values
from klaviyo.api.client import Client
from klaviyo.consent import owed_noes
from klaviyo.delivery import profiles
from klaviyo.delivery.erasure import deletion_request, older
from klaviyo.delivery.erasure.erase import ERASED
from klaviyo.imports import backfill_problems
from klaviyo.mapping import orders
from klaviyo.mapping.contents import Profile
from klaviyo.models import Backfill, StoreSetting
from klaviyo.profiles import import_job
from klaviyo.profiles.advocates import Advocates
from klaviyo.profiles.people import People, look_up
from referrals import suppressions
from referrals.models import Advocate

CHUNK, FEWEST = 5_000, 250
PARTS = 20  # of a walk, at least, where that makes no chunk smaller than the fewest
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


Row = tuple[int, str]  # an advocate's id and address


def advocates(setting: StoreSetting) -> QuerySet[Advocate]:
    """Everybody in the store's programs, in the order of their ids."""
    return Advocate.objects.filter(program__store=setting.store_id).order_by("pk")


def tell(backfill: Backfill) -> bool:
    """Tell of the next chunk, and remember how far that was; False when nobody is left.

    Raises IntegrationError, or CalledOff when somebody was erased or has another address since they were read, or an
    operator has stopped it: then nothing is remembered, and the chunk is read and told of again.
    """
    read_at, setting = timezone.now(), backfill.setting
    people = advocates(setting).filter(pk__gt=backfill.reached, pk__lte=backfill.upto)
    rows = list(people.values_list("pk", "email")[: size(backfill)])
    if not rows:
        return False
    usable, left_out = without_the_unusable(rows)
    client = Client(setting.connection, is_backlog=True)
    chunk = decided(read(client, setting, usable))
    note = {"store": setting.store_id, "first": rows[0][0], "last": rows[-1][0], "taken_at": read_at.isoformat()}
    imports = _Imports(client, setting, note | {"backfill": backfill.pk}, list(chunk.alone))
    told = 0
    for list_id, items in chunk.groups.items():
        for pack in profiles.packs(items):
            told += imports.make(pack, list_id)
    _remember(backfill, rows, told, imports, left_out + chunk.left_out)
    return True


def size(backfill: Backfill) -> int:
    """How many are a chunk: the fewer there are, the smaller, so that one sees it go on, and a pause stands soon."""
    return min(CHUNK, max(FEWEST, backfill.people // PARTS))


def without_the_unusable(rows: Sequence[Row]) -> tuple[list[Row], Counter[str]]:
    """Whoever can be told of; and how many others there are, by the code of the reason."""
    usable, left_out = list[Row](), Counter[str]()
    for pk, email in rows:
        if suppressions.is_erased(email):
            left_out[ERASED.code] += 1
        elif values.email_problem(email):
            left_out[orders.MALFORMED_EMAIL.code] += 1
        else:
            usable.append((pk, email))
    return usable, left_out


@dataclass(frozen=True)
class Read:
    """A chunk's people with what Klaviyo says of them; `out` and `waiting` are about deliveries by their ids."""

    setting: StoreSetting
    everybody: Sequence[Delivery]
    told: Sequence[Delivery]
    people: People
    erased: Collection[int]
    waiting: Mapping[int, Outcome]


@dataclass(frozen=True)
class Chunk:
    """What is said of each, by the list that they are to join; why some must go alone; and what keeps others.

    Both are by the id of the advocate.
    """

    groups: dict[str, profiles.Items]
    alone: dict[int, Retry]
    objections: dict[int, Outcome]

    @property
    def left_out(self) -> Counter[str]:
        return Counter(outcome.code for outcome in self.objections.values())


def read(client: Client, setting: StoreSetting, rows: Sequence[Row]) -> Read:
    """Ask Klaviyo who they are, as far as that matters. Raises IntegrationError."""
    everybody = list(_as_deliveries(setting, rows))
    waiting = deletion_request.erased_first(everybody)
    erased = {delivery.pk for delivery in older.among(everybody)}
    told = [delivery for delivery in everybody if delivery.pk not in erased and delivery.pk not in waiting]
    refusals = owed_noes.of(client.connection, (delivery.subject for delivery in told))
    source, unasked = Advocates(client.connection, told), profiles.unasked({setting.store_id: setting}, told)
    unasked = {address for address in unasked if not refusals.stand(address)}
    people = look_up(client, told, source, refusals, unasked, on_record=False)
    for delivery in told:
        if isinstance(problem := people.lookup.problem(delivery.subject), Throttled):
            raise problem  # the chunk is told of later, as a whole
    return Read(setting, everybody, told, people, erased, waiting)


def decided(chunk: Read) -> Chunk:
    """What is said of each, and who is left out. Queues noes that the account is owed; Klaviyo is asked nothing."""
    found, lists = profiles.sort({chunk.setting.store_id: chunk.setting}, chunk.people, chunk.told)
    found |= chunk.waiting
    by_id = {delivery.pk: Profile.of(delivery).advocate for delivery in chunk.everybody}
    order = [(by_id[delivery.pk], found[delivery.pk]) for delivery in chunk.everybody if delivery.pk in found]
    objections: dict[int, Outcome] = {by_id[pk]: ERASED for pk in chunk.erased if pk not in found}
    objections |= {advocate: outcome for advocate, outcome in order if not isinstance(outcome, Retry)}
    alone = {advocate: outcome for advocate, outcome in order if isinstance(outcome, Retry)}
    groups = {list_id: list(profiles.said(chunk.people, group)) for list_id, group in lists.items()}
    return Chunk(groups, alone, objections)


def _as_deliveries(setting: StoreSetting, rows: Sequence[tuple[int, str]]) -> Iterator[Delivery]:
    """What the rules of profiles are asked about; none is ever stored. To copy one is faster than to make one."""
    pattern = Delivery(connection=setting.connection, kind=Profile.kind, occurred_at=timezone.now())
    for pk, email in rows:
        delivery = copy(pattern)
        delivery.pk, delivery.subject = -pk, values.address(email)
        delivery.options = Profile(store=setting.store_id, advocate=pk).as_options()
        yield delivery


@dataclass
class _Imports:
    """The imports of one chunk. Whom one is refused for goes alone; where nobody is named, each half is tried."""

    client: Client
    setting: StoreSetting
    note: dict[str, Any]
    alone: list[int]
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)  # in Klaviyo's words, by advocate

    def make(self, pack: profiles.Items, list_id: str) -> int:
        """Make an import: of how many.

        It is watched from here on: what comes next may fail, and whoever is to be deleted must wait for its end.
        """
        try:
            data, last_look = [item for _, item, _ in pack], partial(_check, self.setting, pack)
            told = bulk.import_profiles(self.client, data, list_id, last_look=last_look)
            import_job.watch(self.client.connection, told, len(pack), self.note)
            return len(pack)
        except PermanentError as error:
            said = {place: words for place, words in _blamed(error).items() if place < len(pack)}
        if said or len(pack) <= in_bulk.FEW:
            who = [Profile.of(delivery).advocate for delivery, _, _ in pack]
            out = set(said) or set(range(len(pack)))
            self.alone += [who[place] for place in sorted(out)]
            self.refused |= {who[place]: words for place, words in said.items()}
            rest = [item for place, item in enumerate(pack) if place not in out]
            return self.make(rest, list_id) if rest else 0
        half = len(pack) // 2
        return self.make(pack[:half], list_id) + self.make(pack[half:], list_id)


def _blamed(error: PermanentError) -> dict[int, tuple[str, str]]:
    return bulk.words_about(error, bulk.PROFILE_OF_JOB)


def _check(setting: StoreSetting, pack: profiles.Items) -> None:
    """Raise CalledOff unless the account is still told of the store, and each has the address that the request says."""
    is_on = StoreSetting.objects.filter(pk=setting.pk, connection=setting.connection_id, is_enabled=True).exists()
    if not is_on or by_hand.of(setting.connection):
        raise CalledOff(by_hand.WAITS)
    said = {Profile.of(delivery).advocate: delivery.subject for delivery, _, _ in pack}
    now = dict(Advocate.objects.filter(pk__in=said).values_list("pk", "email"))
    if any(pk not in now or values.address(now[pk]).lower() != address.lower() for pk, address in said.items()):
        raise CalledOff(CHANGED)


@transaction.atomic
def _remember(
    backfill: Backfill, rows: Sequence[Row], told: int, imports: "_Imports", left_out: Mapping[str, int]
) -> None:
    """Unless the account was replaced meanwhile, and has heard of nobody; or another has told of the chunk as well."""
    here = StoreSetting.objects.filter(pk=backfill.setting_id, connection=backfill.setting.connection_id)
    if not here.select_for_update(no_key=True).values_list("pk").first():
        return
    backfill_problems.note(backfill, imports.refused)
    tell_alone(backfill.setting, imports.alone)
    row = Backfill.objects.select_for_update().get(pk=backfill.pk)
    if row.reached != backfill.reached:
        return
    number = told + len(imports.alone)
    Backfill.objects.filter(pk=backfill.pk).update(
        reached=rows[-1][0],
        told=F("told") + number,
        left_out=F("left_out") + len(rows) - number,
        left_out_for=dict(Counter(row.left_out_for) + Counter(left_out)),
        problem="",
    )


def tell_alone(setting: StoreSetting, ids: Sequence[int]) -> None:
    """Queue a delivery for each of these advocates but the erased, inside the caller's transaction."""
    people = Advocate.objects.filter(pk__in=ids).order_by("pk")
    there = [advocate for advocate in people if not suppressions.is_erased(advocate.email)]
    outbox.add(setting.connection_id, [orders.of_profile(advocate, setting) for advocate in there])
