"""Facts stored since an account was allowed and before its store was joined: read from the facts, and told then.

The receivers queue what happens from the join on; whatever was queued already is not queued again, by its key. What
happens while the store is switched off is nobody's to tell: from the first time on, what is stored is left to them.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, DataError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Delivery
from integrations.outbox import Order
from klaviyo.delivery.newsletter import enqueue as newsletter
from klaviyo.delivery.sends import missed
from klaviyo.mapping import contents, events, orders
from klaviyo.mapping.events import Event
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Conversion, Invite, OptIn, Reward, Visit

AT_ONCE = 100
#: Facts bear their process's time, the account's the database's.
MARGIN = timedelta(minutes=1)
#: A transaction that had begun before the join, and saw no setting, has ended by then: the second look finds its facts.
#: https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
AGAIN_AFTER = timedelta(minutes=10)
CLOCKS = timedelta(hours=1)  # that hosts may differ by, so that one's slow clock hides no other's facts

Tell = Callable[[Any], list[Event]]
Make = Callable[[Advocate, list[Event], StoreSetting], list[Order]]  # what is queued of an advocate's events

log = logging.getLogger(__name__)


def tell(setting: StoreSetting, since: datetime) -> None:
    """Have the account told of what the store's people did since then; saved with the setting."""
    setting.facts_since, setting.facts_due_at, setting.facts_are_told = since - MARGIN, None, False
    setting.facts_reached, setting.facts_until = {}, None


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
    """False where the time was up before; then it goes on from there."""
    for kind in KINDS:
        while rows := list(kind.stored(setting).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
            if is_over():
                return False
            tell_all(setting, kind, rows)
            setting.facts_reached[kind.name] = rows[-1]
            StoreSetting.objects.filter(pk=setting.pk).update(facts_reached=setting.facts_reached)
    missed.go_on_with(setting, is_over)
    return not is_over()


def tell_all(setting: StoreSetting, kind: "Kind", rows: Sequence[int], make: Make = orders.of_facts) -> int:
    """Together; where that fails, one by one, so that an odd fact keeps no other from its way. How many events.

    Errors of the database come out (but for those about odd values): nothing is passed over by them.
    """
    try:
        return _tell(setting, kind, rows, make)
    except Exception as error:
        if _is_of_the_database(error):
            raise
        return sum(_tell_one(setting, kind, pk, make) for pk in rows)


def _tell_one(setting: StoreSetting, kind: "Kind", pk: int, make: Make) -> int:
    try:
        return _tell(setting, kind, [pk], make)
    except Exception as error:
        if _is_of_the_database(error):
            raise
        log.error("A fact (%s %s) could not be queued: %s", kind.name, pk, type(error).__name__)
        return 0


def _is_of_the_database(error: Exception) -> bool:
    return isinstance(error, DatabaseError) and not isinstance(error, DataError)


@transaction.atomic
def _tell(setting: StoreSetting, kind: "Kind", rows: Sequence[int], make: Make) -> int:
    """Under the locks of their advocates, which whoever erases somebody in them waits for, or has had before."""
    found = kind.facts().filter(pk__in=rows)
    if kind.model is OptIn:
        for opt_in in found.select_related("store").select_for_update(of=("self",)).order_by("pk"):
            newsletter.subscribe(opt_in)
        return 0
    advocates = found.order_by().values("pk" if kind.model is Advocate else "advocate")
    list(Advocate.objects.filter(pk__in=advocates).order_by("pk").only("pk").select_for_update(no_key=True))
    facts = list(found.select_related(kind.store).order_by("pk"))
    told = [(fact, kind.tell(fact)) for fact in facts]
    keys = [event.key for _fact, some in told for event in some]
    known = set(Delivery.objects.filter(connection=setting.connection_id, key__in=keys).values_list("key", flat=True))
    count = 0
    for fact, some in told:
        missing = [event for event in some if event.key not in known]
        if missing or not some:
            made = make(fact if isinstance(fact, Advocate) else fact.advocate, missing, setting)
            outbox.add(setting.connection_id, made)
            count += sum(order.kind == contents.Event.kind for order in made)
    return count


def _note(setting: StoreSetting) -> None:
    """Once more later, and then never again."""
    mine = StoreSetting.objects.filter(pk=setting.pk, facts_since=setting.facts_since)
    if setting.facts_are_told:
        mine.update(facts_since=None, facts_until=None, facts_due_at=None, facts_reached={})
    else:
        mine.update(facts_are_told=True, facts_due_at=Now() + AGAIN_AFTER, facts_reached={})


@dataclass(frozen=True)
class Kind:
    """A kind of fact: which rows there are, by what time they are late enough, and what is told of one."""

    name: str
    model: Any
    tell: Tell
    where: Q = field(default_factory=Q)
    at: str = "created_at"
    store: str = "advocate__program__store"

    def facts(self) -> "QuerySet[Any]":
        found: QuerySet[Any] = self.model.objects.filter(self.where)
        return found

    def stored(self, setting: StoreSetting) -> "QuerySet[Any]":
        """Rows of the store's since then that were not reached yet.

        What is found by when it was stored is looked for from the newest back by its id: nothing older is read.
        """
        reached = setting.facts_reached.get(self.name)
        if reached is None and self.at == "created_at" and setting.facts_since:
            older = self.model.objects.filter(created_at__lt=setting.facts_since - CLOCKS)
            reached = older.order_by("-pk").values_list("pk", flat=True).first()
        mine = {self.store: setting.store_id, f"{self.at}__gte": setting.facts_since}
        if setting.facts_until:
            mine[f"{self.at}__lte"] = setting.facts_until
        return self.facts().filter(pk__gt=reached or 0, **mine)


KINDS = (
    Kind("joined", Advocate, events.advocate_joined, store="program__store"),
    Kind("visited", Visit, events.visit_recorded),
    Kind("bought", Conversion, events.conversion_recorded, Q(kind=Conversion.Kind.ORDER, is_own=False)),
    Kind("refunded", Conversion, events.conversion_refunded, Q(kind=Conversion.Kind.REFUND, is_own=False)),
    Kind("rewarded", Reward, events.reward_issued),
    Kind("reversed", Reward, events.reward_reversed, at="reversed_at"),
    Kind("went out", Invite, events.invite_went_out, Q(is_own=False), at="went_out_at"),
    Kind("opted in", OptIn, lambda _: [], store="store"),
)
