"""Held messages: what waits while messages to people are held, and what becomes of it when an operator lets it go."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Least, Now

from integrations import outcomes, providers
from integrations.models import Delivery, MessageHold
from integrations.outbox import wake_ups
from integrations.outbox.waiting import TAKEN_BACK, cancel
from integrations.pauses import message_hold

State = Delivery.State

MAY_HAVE_GONE = TAKEN_BACK.saying(
    "An operator took it back: it may have gone out in the time that the restored copy lacks."
)
MAIL = "email"  # the kind of Sorae's own e-mails, which nobody drops when they come twice
MOST_AT_ONCE = 5_000
STEPS_ASIDE_FOR = timedelta(hours=1)


class Early(StrEnum):
    """What becomes of messages from before a restore, which may have gone out since the copy was made."""

    GO = "go"
    CANCEL_MAIL = "email"
    CANCEL_ALL = "all"


@dataclass(frozen=True)
class Waiting:
    """How many messages of a kind wait; `early` are those from before a restore."""

    kind: str
    early: int
    all: int


def waiting() -> "QuerySet[Delivery]":
    """Messages to people that wait: for their turn, or for a person."""
    waits = (State.QUEUED, State.HELD)
    return Delivery.objects.filter(providers.messages(), place__state__in=waits, state__in=waits)


def explain() -> int:
    """While messages are held, each that is due says why it waits, and steps aside for what may go; how many."""
    if not message_hold.is_on():
        return 0
    due = waiting().filter(state=State.QUEUED, place__next_try_at__lte=Now())
    with transaction.atomic():
        free = due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        rows = Delivery.objects.filter(pk__in=list(free[:MOST_AT_ONCE]), state=State.QUEUED)
        return rows.update(next_try_at=Now() + STEPS_ASIDE_FOR, **outcomes.words(message_hold.WAITS))


def counts(hold: MessageHold | None) -> list[Waiting]:
    """How many wait, by kind."""
    early = _early(hold)
    rows = waiting().order_by("kind").values("kind").annotate(early=Count("pk", filter=early), all=Count("pk"))
    return [Waiting(row["kind"], row["early"], row["all"]) for row in rows]


@transaction.atomic
def let_go(hold: MessageHold, by: User | None, early: Early = Early.GO) -> int | None:
    """End the hold; all that waits goes now, but for the `early` ones that are to be cancelled. How many were.

    None when somebody has let them go before.
    """
    if not message_hold.end(hold, by):
        return None
    count = 0
    if early != Early.GO:
        rows = waiting().filter(_early(hold))
        count = cancel(rows if early == Early.CANCEL_ALL else rows.filter(kind=MAIL), MAY_HAVE_GONE)
    held = waiting().filter(state=State.QUEUED, reason_code=message_hold.HELD_BACK.code)
    concerned = list(held.order_by().values_list("connection", flat=True).distinct())
    held.update(next_try_at=Least("next_try_at", Now()), reason_code="", reason="")
    for connection_id in concerned:
        wake_ups.on_commit(connection_id)
    return count


def _early(hold: MessageHold | None) -> Q:
    return Q(created_at__lte=hold.restored_at) if hold else Q(pk__in=[])
