"""Pauses: for a while nothing of a kind goes to an account that is at its rate limit, is silent, or refuses all alike.

What waits is left as it is; claims and sweeps pass it by until the time is over. A pause for trouble is longer each
time. When it is over a single delivery is tried first; only its success ends the trouble.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Greatest, Now

from integrations import errors, providers
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.reasons import Who, declare

EVERYTHING = ""  # the kind that stands for all
BY_HAND = "*"  # the kind that stands for all but what people asked for themselves (see `by_hand`)
AWAY = declare(
    "not_answering",
    "Not answering",
    "The account does not answer. It is tried again from time to time; nothing is lost.",
    because="most requests to the account fail or get no answer",
    means="So that it keeps nothing from the other accounts, it is left alone for a while: for 30 seconds at first, "
    "then longer, up to 15 minutes.",
    who=Who.ITSELF,
)
REFUSED_ALIKE = declare(
    "frozen",
    "Frozen",
    "Everything of this kind is refused ({code}, {operation}). "
    "Nothing is lost: it waits and is tried again from time to time. "
    "See whether the provider has retired this version.",
    because="everybody is refused alike, so the fault is not in the facts",
    means="All of the kind waits, and is tried again each hour.",
    who=Who.RUNNER,
    do="See whether our API revision is still served.",
)
THROTTLED, BACKLOG_THROTTLED = errors.THROTTLED.code, "backlog_throttled"
NOT_ANSWERING, FROZEN = AWAY.code, REFUSED_ALIKE.code
WITHIN_LIMITS = (THROTTLED, BACKLOG_THROTTLED)
TROUBLE = (NOT_ANSWERING, FROZEN)
PAUSED = "paused"
FORGOTTEN_AFTER = timedelta(hours=2)

State = Delivery.State


@dataclass(frozen=True)
class Rest:
    """Kinds to be left alone, wholly or but for what is fresh, and kinds of which one delivery may find out whether the
    trouble is over.
    """

    resting: frozenset[str]
    backlog_resting: frozenset[str]
    on_trial: frozenset[str]


def active() -> QuerySet[Pause]:
    """The pauses that last."""
    return Pause.objects.filter(until__gt=Now())


def of(connection: Connection) -> Rest:
    lasts = ExpressionWrapper(Q(until__gt=Now()), output_field=BooleanField())
    rows = Pause.objects.filter(Q(connection=connection) | Q(connection=None)).annotate(lasts=lasts)
    known = list(rows.values_list("kind", "code", "backlog_only", "lasts"))
    resting = kinds(connection, {kind for kind, _, backlog_only, lasts in known if lasts and not backlog_only})
    backlog_resting = frozenset(kind for kind, _, _, lasts in known if lasts) - resting
    return Rest(resting, backlog_resting, frozenset(kind for kind, code, _, _ in known if code in TROUBLE) - resting)


def kinds(connection: Connection, wholly: Collection[str]) -> frozenset[str]:
    """The kinds that pauses of these are about, by name."""
    if BY_HAND not in wholly:
        return frozenset(wholly)
    every = {kind.name for kind in providers.get(connection.provider).kinds}
    return frozenset(wholly) | (every - providers.persons_acts())


def is_in_trouble(connection: Connection, kind: str) -> bool:
    """Whether a kind, or all, is refused by the account or gets no answer, as far as is known."""
    rows = Pause.objects.filter(Q(connection=connection) | Q(connection=None), code__in=TROUBLE)
    return rows.filter(kind__in=(EVERYTHING, kind)).exists()


def throttle(connection: Connection, kind: str, wait: timedelta, *, backlog_only: bool = False) -> None:
    """The account's budget is used up for what this kind needs, or that part of it which a backlog may use.

    Trouble stays what it is, and lasts as long.
    """
    trouble = Pause.objects.filter(connection=connection, kind=kind, code__in=TROUBLE)
    if trouble.update(until=Greatest(F("until"), Now() + wait)):
        return
    which = {"connection": connection, "kind": kind, "backlog_only": backlog_only}
    code = BACKLOG_THROTTLED if backlog_only else THROTTLED
    _write(which, wait, code, errors.THROTTLED.sentence)


def trouble(connection: Connection | None, kind: str, code: str, sentence: str, *, most: timedelta) -> bool:
    """Pause for half a minute, and twice as long each time it happens again; without a connection, for all.

    Whether it is news. What was under way when the pause began, and meets the same, makes it no longer.
    """
    before = Pause.objects.filter(connection=connection, kind=kind, code=code)
    if before.filter(until__gt=Now()).exists():
        return False
    strikes = min((before.values_list("strikes", flat=True).first() or 0) + 1, 16)
    wait = min(timedelta(seconds=30) * 2 ** (strikes - 1), most)
    which = {"connection": connection, "kind": kind, "backlog_only": False}
    return _write(which, wait, code, sentence, strikes)


def passed(connection: Connection, batch: Sequence[Delivery]) -> None:
    """End a trouble that is over: something of the batch went through. What is frozen thaws for all accounts alike."""
    those = {EVERYTHING, *(delivery.kind for delivery in batch)}
    over = (Q(connection=connection) | Q(connection=None)) & Q(until__lte=Now())
    of_others = Q(code=FROZEN, connection__isnull=False) & ~Q(connection=connection)
    for pause in Pause.objects.filter(over | of_others, kind__in=those, code__in=TROUBLE):
        if _went_through(pause, batch):
            Pause.objects.filter(pk=pause.pk, until=pause.until).delete()


def forget_old() -> None:
    """Throttling that is over, and trouble that has not come back for long; a kind that is frozen, to no account."""
    Pause.objects.filter(until__lt=Now(), code__in=WITHIN_LIMITS).delete()
    lately = Pause.objects.filter(until__gte=Now() - FORGOTTEN_AFTER)
    frozen = set(lately.filter(code=FROZEN).values_list("kind", flat=True))
    Pause.objects.filter(until__lt=Now() - FORGOTTEN_AFTER).exclude(code=FROZEN, kind__in=frozen).delete()


def _went_through(pause: Pause, batch: Sequence[Delivery]) -> bool:
    """Any answer shows that an account answers again; that a kind is taken again, only one that was taken."""
    pks = [delivery.pk for delivery in batch]
    if pause.code == FROZEN:
        taken = Q(state__in=(State.ACCEPTED, State.CONFIRMED)) | Q(state=State.SENDING, job__isnull=False)
        return Delivery.objects.filter(taken, pk__in=pks, kind=pause.kind).exists()
    answered = Attempt.objects.filter(deliveries__in=pks, started_at__gte=pause.until)
    return answered.filter(status__range=(200, 299), code="").exists()


def _write(which: dict[str, Any], wait: timedelta, code: str, sentence: str, strikes: int = 1) -> bool:
    """Begin or lengthen; a little longer at random, so that not everything begins at once. Whether it is news."""
    until = Now() + wait * random.uniform(1.0, 1.1)  # noqa: S311  (spreads load; no secret)
    rows = Pause.objects.filter(**which)
    said = {"code": code, "sentence": sentence, "strikes": strikes}
    longer = {"until": Greatest(F("until"), until), **said}
    if rows.exclude(code=code).update(**longer):
        return True
    if not rows.update(**longer):
        try:
            with transaction.atomic():  # a savepoint: without one PostgreSQL refuses all that comes after an error
                Pause.objects.create(**which, until=until, **said)
        except IntegrityError:  # somebody else did, at the same time
            rows.update(**longer)
        else:
            return True
    return False
