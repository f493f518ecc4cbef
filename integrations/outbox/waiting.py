"""Waiting deliveries, which no worker has claimed: held, released, retried, cancelled."""

import time
from collections.abc import Sequence

from django.db import models, transaction
from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Least, Now

from integrations import providers, reasons
from integrations.models import Chore, Connection, Delivery, Place
from integrations.outbox import chores, wake_ups
from integrations.reasons import Reason, Who, access_ended, declare

State = Delivery.State
WAITING = (State.QUEUED, State.HELD)

RECONNECT = access_ended(
    "reconnect",
    "Reconnect",
    "The account must be connected again.",
    because="the account must be connected again",
)
DISCONNECTING = access_ended(
    "disconnecting",
    "Being disconnected",
    "The account is disconnected.",
    because="the account is being disconnected",
)
DISCONNECTED = access_ended(
    "disconnected",
    "Disconnected",
    "The account is disconnected.",
    because="the account is disconnected",
)
UNDECIDED = declare(
    "undecided",
    "Decide",
    "A person must decide first what this account is for.",
    because="a person must decide first what this account is for",
    means="A different account came back from the provider's consent screen.",
    who=Who.OPERATOR,
    do="Decide, on the account's page.",
)
EXPIRED = declare(
    "expired",
    "Too late",
    "It could not be sent in time, and has expired.",
    because="it could not be sent in time",
    means="The invite had expired, or the message would have come so late that it had lost its use.",
    who=Who.NOBODY,
    do="If the offer still stands, the advocate can invite again.",
)
TAKEN_BACK = declare(
    "operator",
    "Taken back",
    "An operator took it back.",
    because="an operator took it back",
    means="Somebody of the staff pressed Cancel while it waited.",
    who=Who.NOBODY,
    do="The advocate can invite again.",
)


@transaction.atomic
def hold(connection: Connection, reason: Reason) -> int:
    """Keep what waits until a person has acted, as many as one transaction should; how many.

    The rest, and what is being written to, is left to a sweep; none of it is sent, as the account is not connected.
    """
    found = connection.places.filter(state=State.QUEUED).values_list("delivery", flat=True)[: chores.AT_ONCE]
    words = {"reason_code": reason.code, "reason": reason.sentence}
    return _free(list(found), (State.QUEUED,)).update(state=State.HELD, **words)


def release(connection: Connection) -> int:
    """Let what was held flow again: some at once, and the rest by the next sweeps; how many at once.

    What was ever tried stays known as such.
    """
    count = chores.begin(connection, Chore.Verb.RELEASE)
    wake_ups.on_commit(connection.pk)
    return count


def take_back(connection: Connection, reason: Reason) -> int:
    """Cancel what waits for a connection, but for a person's own acts: some at once, the rest by the next sweeps.

    How many that are in all.
    """
    waiting = chores.rows(connection.pk, Chore.Verb.CANCEL).count()
    chores.begin(connection, Chore.Verb.CANCEL, reason)
    return waiting


def hold_strays() -> int:
    """Hold what was queued while its connection was being lost, or was too much for one transaction; how many."""
    # One look into the index for each: as EXISTS it may become a walk over the whole queue.
    first = Place.objects.filter(connection=OuterRef("pk"), state=State.QUEUED).order_by("next_try_at")
    lost = Connection.objects.exclude(state=Connection.State.CONNECTED)
    lost = lost.annotate(first=Subquery(first.values("pk")[:1]))
    ends_at, total = time.monotonic() + chores.SECONDS, 0
    for connection_id in [one.pk for one in lost if one.first is not None]:
        while (held := _hold_if_lost(connection_id)) and time.monotonic() < ends_at:
            total += held
        total += held
    return total


@transaction.atomic
def _hold_if_lost(connection_id: int) -> int:
    """Under the connection's lock, which a reconnect takes as well: nothing may be held that was just released."""
    rows = Connection.objects.select_for_update(no_key=True).exclude(state=Connection.State.CONNECTED)
    row = rows.filter(pk=connection_id).first()
    return hold(row, reasons.of(row.problem_code or row.state, row.problem or waiting_for(row))) if row else 0


def waiting_for(connection: Connection) -> str:
    """Why nothing flows through a connection that is not connected."""
    if connection.state == Connection.State.RECONNECT:
        return RECONNECT.sentence
    return DISCONNECTED.sentence


def retry(deliveries: QuerySet[Delivery]) -> int:
    """Queue deliveries again, now, with the same body and the same id; how many.

    Settled and held ones begin anew, but stay known as tried; a message of our own does not, or it would not go again.
    What waits already keeps its history: a worker may have died on it.
    """
    anew = When(kind__in=providers.beginning_anew(), then=0)
    tried = Case(anew, default=Least("attempts_made", 1), output_field=models.IntegerField())
    waiting = deliveries.filter(state=State.QUEUED).update(next_try_at=Now())
    again = deliveries.filter(state__in=(State.FAILED, State.SKIPPED, State.HELD))
    return waiting + again.update(
        state=State.QUEUED,
        next_try_at=Now(),
        attempts_made=tried,
        crashes=0,
        settled_at=None,
        reason_code="",
        reason="",
    )


def cancel(deliveries: QuerySet[Delivery], reason: Reason) -> int:
    """Take back those of the deliveries that wait, because somebody said so, but no person's own act; how many."""
    waiting = deliveries.filter(state__in=(State.QUEUED, State.HELD)).exclude(kind__in=providers.persons_acts())
    return waiting.update(state=State.CANCELLED, settled_at=Now(), reason_code=reason.code, reason=reason.sentence)


@transaction.atomic
def cancel_late() -> int:
    """Cancel what is past its `not_after`, some at a time: a reminder that comes too late is worse than none."""
    late = Place.objects.filter(state__in=WAITING, not_after__isnull=False, not_after__lt=Now()).order_by("not_after")
    found = list(late.values_list("delivery", flat=True)[: chores.AT_ONCE])
    return _free(found, WAITING).update(
        state=State.CANCELLED,
        settled_at=Now(),
        reason_code=EXPIRED.code,
        reason=EXPIRED.sentence,
    )


def _free(pks: Sequence[int], states: Sequence[str]) -> QuerySet[Delivery]:
    """Those that no open transaction writes to (SKIP LOCKED): a host's long one must not stop the sweep."""
    rows = Delivery.objects.filter(pk__in=pks, state__in=states)
    return Delivery.objects.filter(pk__in=list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)))
