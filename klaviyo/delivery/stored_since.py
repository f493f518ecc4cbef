"""Facts stored since an account was allowed and before its store was joined: read from the facts, and told then.

The receivers queue what happens from the join on; whatever was queued already is not queued again, by its key.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Delivery
from klaviyo.delivery.newsletter import enqueue as newsletter
from klaviyo.mapping import events, orders
from klaviyo.mapping.events import Event
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Conversion, Invite, OptIn, Reward, Visit

AT_ONCE = 200
#: Facts bear their process's time, the account's the database's.
MARGIN = timedelta(minutes=1)
#: A transaction that had begun before the join, and saw no setting, has ended by then: the second look finds its facts.
#: https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
AGAIN_AFTER = timedelta(minutes=10)

Told = tuple[Advocate, list[Event]]

log = logging.getLogger(__name__)


def tell(setting: StoreSetting, since: datetime) -> None:
    """Have the account told of what the store's people did since then; saved with the setting."""
    setting.facts_since, setting.facts_due_at, setting.facts_are_told = since - MARGIN, None, False


def go_on(is_over: Callable[[], bool]) -> None:
    """Queue what is missing for each setting that is due, until it is over; one that fails keeps no other from it."""
    waiting = StoreSetting.objects.exclude(facts_since=None).filter(is_enabled=True)
    due = waiting.filter(Q(facts_due_at=None) | Q(facts_due_at__lte=Now()))
    for setting in due.select_related("store").order_by("pk"):
        try:
            if _all_told(setting, is_over):
                _note(setting)
        except Exception as error:
            log.error("Facts from before setting %s could not be queued: %s", setting.pk, type(error).__name__)


def _all_told(setting: StoreSetting, is_over: Callable[[], bool]) -> bool:
    """False where the time was up before."""
    for some in _chunks(setting):
        if is_over():
            return False
        _tell(setting, some)
    for opt_in in _stored(OptIn, Q(store=setting.store_id), setting):
        if is_over():
            return False
        with transaction.atomic():
            newsletter.subscribe(opt_in)
    return True


@transaction.atomic
def _tell(setting: StoreSetting, some: Sequence[Told]) -> None:
    keys = [event.key for _advocate, told in some for event in told]
    known = set(Delivery.objects.filter(connection=setting.connection_id, key__in=keys).values_list("key", flat=True))
    for advocate, told in some:
        missing = [event for event in told if event.key not in known]
        if missing or not told:
            outbox.add(setting.connection_id, orders.of_facts(advocate, missing, setting))


def _note(setting: StoreSetting) -> None:
    """Once more later, and then never again."""
    mine = StoreSetting.objects.filter(pk=setting.pk, facts_since=setting.facts_since)
    if setting.facts_are_told:
        mine.update(facts_since=None, facts_due_at=None)
    else:
        mine.update(facts_are_told=True, facts_due_at=Now() + AGAIN_AFTER)


def _chunks(setting: StoreSetting) -> Iterator[list[Told]]:
    some: list[Told] = []
    for one in _facts(setting):
        some.append(one)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _facts(setting: StoreSetting) -> Iterator[Told]:
    """Of each fact, whose it is and what there is to tell; nothing of it where only the profile has changed."""
    here = Q(advocate__program__store=setting.store_id)
    since = Q(reversed_at__gte=setting.facts_since)
    for advocate in _stored(Advocate, Q(program__store=setting.store_id), setting, "program__store"):
        yield advocate, events.advocate_joined(advocate)
    for visit in _stored(Visit, here, setting, "advocate__program__store"):
        yield visit.advocate, events.visit_recorded(visit)
    for conversion in _stored(Conversion, here & Q(kind=Conversion.Kind.ORDER), setting, "advocate__program__store"):
        yield conversion.advocate, events.conversion_recorded(conversion)
    for reward in _stored(Reward, here, setting, "advocate__program__store"):
        yield reward.advocate, events.reward_issued(reward)
    for reward in Reward.objects.filter(here & since).select_related("advocate__program__store").iterator(AT_ONCE):
        yield reward.advocate, events.reward_reversed(reward)
    went_out = Invite.objects.filter(here, went_out_at__gte=setting.facts_since)
    for invite in went_out.select_related("advocate__program__store").iterator(AT_ONCE):
        yield invite.advocate, events.invite_went_out(invite)


def _stored(model: Any, where: Q, setting: StoreSetting, *related: str) -> Iterator[Any]:
    """Rows of the store's that were stored since, found from the newest back by their ids: nothing else is read."""
    older = (
        model.objects.filter(created_at__lt=setting.facts_since).order_by("-pk").values_list("pk", flat=True).first()
    )
    rows = model.objects.filter(where, pk__gt=older or 0, created_at__gte=setting.facts_since).order_by("pk")
    yield from (rows.select_related(*related) if related else rows).iterator(AT_ONCE)
