"""For a while nothing of a kind goes to an account: it asked for patience, does not answer, or refuses everybody.

What waits is left as it is; claims and sweeps pass it by until the time is over. A pause for trouble is longer each
time. When it is over a single delivery is tried first; only its success ends the trouble.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery, Pause

EVERYTHING = ""  # the kind that stands for all
THROTTLED, NOT_ANSWERING, FROZEN = "throttled", "not_answering", "frozen"
TROUBLE = (NOT_ANSWERING, FROZEN)
FORGOTTEN_AFTER = timedelta(hours=2)

State = Delivery.State


@dataclass(frozen=True)
class Rest:
    """Kinds to be left alone, and kinds of which one delivery may find out whether the trouble is over."""

    resting: frozenset[str]
    on_trial: frozenset[str]


def active() -> QuerySet[Pause]:
    """The pauses that last."""
    return Pause.objects.filter(until__gt=Now())


def of(connection: Connection) -> Rest:
    rows = [(pause.kind, pause.code, pause.until) for pause in _concerning(connection)]
    now = timezone.now()
    resting = frozenset(kind for kind, _, until in rows if until > now)
    return Rest(resting, frozenset(kind for kind, code, _ in rows if code in TROUBLE) - resting)


def throttle(connection: Connection, kind: str, wait: timedelta) -> None:
    """The account's budget is used up for what this kind needs. Trouble stays what it is, and lasts as long."""
    trouble = Pause.objects.filter(connection=connection, kind=kind, code__in=TROUBLE)
    if trouble.update(until=Greatest(F("until"), Now() + wait)):
        return
    _write(connection, kind, wait, THROTTLED, "The account's rate limit is reached; it goes on by itself.")


def trouble(connection: Connection | None, kind: str, code: str, sentence: str, *, most: timedelta) -> bool:
    """Pause for half a minute, and twice as long each time it happens again; without a connection, for all.

    Whether it is news. What was under way when the pause began, and meets the same, makes it no longer.
    """
    before = Pause.objects.filter(connection=connection, kind=kind, code=code).first()
    if before and before.until > timezone.now():
        return False
    strikes = min((before.strikes if before else 0) + 1, 16)
    wait = min(timedelta(seconds=30) * 2 ** (strikes - 1), most)
    return _write(connection, kind, wait, code, sentence, strikes)


def passed(connection: Connection, batch: Sequence[Delivery]) -> None:
    """End a trouble that is over: something of the batch went through. What is frozen thaws for all accounts alike."""
    kinds = {EVERYTHING, *(delivery.kind for delivery in batch)}
    over = (Q(connection=connection) | Q(connection=None)) & Q(until__lte=Now())
    of_others = Q(code=FROZEN, connection__isnull=False) & ~Q(connection=connection)
    for pause in Pause.objects.filter(over | of_others, kind__in=kinds, code__in=TROUBLE):
        if _went_through(pause, batch):
            Pause.objects.filter(pk=pause.pk, until=pause.until).delete()


def forget_old() -> None:
    """Throttling that is over, and trouble that has not come back for long; a kind that is frozen, to no account."""
    Pause.objects.filter(until__lt=Now(), code=THROTTLED).delete()
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


def _concerning(connection: Connection) -> QuerySet[Pause]:
    return Pause.objects.filter(Q(connection=connection) | Q(connection=None))


def _write(
    connection: Connection | None, kind: str, wait: timedelta, code: str, sentence: str, strikes: int = 1
) -> bool:
    """Begin or lengthen; a little longer at random, so that not everything begins at once. Whether it is news."""
    until = Now() + wait * random.uniform(1.0, 1.1)  # noqa: S311  (spreads load; no secret)
    rows = Pause.objects.filter(connection=connection, kind=kind)
    said = {"code": code, "sentence": sentence, "strikes": strikes}
    longer = {"until": Greatest(F("until"), until), **said}
    if rows.exclude(code=code).update(**longer):
        return True
    if not rows.update(**longer):
        try:
            with transaction.atomic():
                Pause.objects.create(connection=connection, kind=kind, until=until, **said)
        except IntegrityError:  # somebody else did, at the same time
            rows.update(**longer)
        else:
            return True
    return False
