"""Circuit breaker: what fails alike again and again is paused, for one account or for the whole provider.

Two signals open it. No answer: most of the last minute's requests to an account failed on the way; all that is for the
account waits (`not_answering`), so that it keeps no worker from the others. The same refusal: a provider may retire a
version or change what it takes; then every delivery of a kind would fail for a reason that has nothing to do with it.
The kind is frozen (`frozen`) for all where several accounts are refused alike, or for one account where many of its
rows are, and a person is told. What one account alone may say (401, 403) is no such signal.

It is half open when the pause is over: each account tries one delivery. The same signal opens it again for longer; the
first delivery that is taken closes it, a freeze for all accounts (`pauses.passed`).
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import takewhile
from time import monotonic

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outcomes, pauses
from integrations.errors import IntegrationError, ItsOwn, OperatorRequired, PermanentError, TemporaryError, Throttled
from integrations.models import Attempt, Connection, Delivery, Pause, Place
from integrations.pauses import alarms
from integrations.wire import attempts

CALLS, FAILED_SHARE, LAST_MINUTE = 10, 0.7, timedelta(minutes=1)
NO_ANSWER_FOR = timedelta(minutes=15)  # at the longest, like the next

ACCOUNTS, ROWS, LAST_MINUTES = 3, 50, timedelta(minutes=5)
FROZEN_FOR = timedelta(hours=1)
LOOKED_AT = 1000
REFUSALS, OF_ONE_ACCOUNT = (PermanentError, OperatorRequired), (401, 403)
UNKNOWN = outcomes.UNKNOWN.code  # what may have been taken is never sent again by itself
KEPT_SECONDS = 2.0  # a verdict that is old opens the circuit later, which loses nothing: what was given up waits again

State = Delivery.State

_AWAY = Q(status=None) | Q(status__lt=400) | Q(status__gte=500)
_UNANSWERED = _AWAY & Q(finished_at__isnull=False) & ~Q(code__in=("", "internal_error"))

# Refusals that were found to open no circuit: until when that counts, and for how many more rows. It is half of those
# that were missing, as other workers count as well.
_closed: dict[str, tuple[float, int]] = {}


class Frozen(Throttled):
    """Deliveries of a kind are refused alike: what is in hand waits, like all of the kind."""

    def __init__(self, sentence: str) -> None:
        TemporaryError.__init__(self, pauses.REFUSED_ALIKE.saying(sentence), retry_after=outcomes.SOON)


def note(connection: Connection, error: IntegrationError, deliveries: Sequence[Delivery] = ()) -> IntegrationError:
    """After a failed request: open the circuit if it is one of many that fail alike.

    Gives the error that counts from now on: the same one, or Frozen in its stead. `deliveries` are those that a refusal
    ends; none where only their request may be what is refused, such as one for many. What was given up or held for the
    same refusal before it was known to be everybody's is queued again.
    """
    if isinstance(error, TemporaryError):
        if not isinstance(error, Throttled | ItsOwn) and _is_silent(connection):
            pauses.trouble(
                connection, pauses.EVERYTHING, pauses.NOT_ANSWERING, pauses.AWAY.sentence, most=NO_ANSWER_FOR
            )
    elif deliveries and isinstance(error, REFUSALS) and (sentence := _refused_alike(connection, error, deliveries)):
        return Frozen(sentence)
    return error


def is_hopeless(deliveries: Sequence[Delivery], error: IntegrationError, least: int) -> bool:
    """Whether so many requests in a row were refused alike, and none got through."""
    refused = _refused(deliveries, error)
    return refused is not None and len(_alike(refused)) >= least


def _is_silent(connection: Connection) -> bool:
    """Whether most of the last minute's requests failed on the way, or the one that was to find out if that is over."""
    if pauses.EVERYTHING in pauses.of(connection).on_trial:
        return True
    recent = Attempt.objects.filter(connection=connection, started_at__gt=timezone.now() - LAST_MINUTE)
    counts = recent.aggregate(all=Count("pk"), failed=Count("pk", filter=_UNANSWERED))
    return bool(counts["all"] >= CALLS and counts["failed"] >= FAILED_SHARE * counts["all"])


def _refused_alike(connection: Connection, error: IntegrationError, deliveries: Sequence[Delivery]) -> str:
    """The reason of a freeze that this refusal begins or prolongs, in a sentence; nothing where it says only of itself.

    For all where several accounts are refused alike, or the few that there are, about many rows; else for this account
    where many of its rows are. Of a kind that is frozen tries are rare, and the same answer as before is enough.
    """
    kinds = sorted({delivery.kind for delivery in deliveries})
    rows = len(deliveries) if isinstance(error, OperatorRequired) else 1
    key = f"{connection.pk} {error.code} {kinds}"
    its_own = Q(connection=None) | Q(connection=connection)
    frozen = set(Pause.objects.filter(its_own, kind__in=kinds, code=pauses.FROZEN).values_list("kind", flat=True))
    one_by_one = isinstance(error, PermanentError)  # other refusals end more than the row that met them
    if (one_by_one and _is_kept(key, rows) and not frozen) or (refused := _refused(deliveries, error)) is None:
        return ""
    if frozen:
        return _freeze(connection, kinds, refused, frozen) if _is_still_so(refused) else ""
    alike = _alike(refused)
    everywhere, here = _counted(alike, kinds, refused, rows)
    if everywhere >= ROWS or len(set(alike)) >= ACCOUNTS:
        return _freeze(None, kinds, refused)
    if here >= ROWS:
        return _freeze(connection, kinds, refused)
    if one_by_one:
        _closed[key] = (monotonic() + KEPT_SECONDS, (ROWS - max(everywhere, here)) // 2)
    return ""


def _is_kept(key: str, rows: int) -> bool:
    """Whether the circuit was found closed just now, and so many rows more cannot have opened it."""
    until, left = _closed.pop(key, (0.0, 0))
    if left < rows or until < monotonic():
        return False
    _closed[key] = (until, left - rows)
    return True


def _refused(deliveries: Sequence[Delivery], error: IntegrationError) -> Attempt | None:
    """The request that was refused, where it says something about others: that of a look-up names no delivery."""
    if error.code == UNKNOWN:
        return None
    about = Q(deliveries__in=[delivery.pk for delivery in deliveries]) | Q(deliveries=None)
    made = Attempt.objects.filter(
        about, connection=deliveries[0].connection_id, code=error.code, started_at__gt=timezone.now() - LAST_MINUTES
    )
    last = made.filter(attempts.REFUSED).order_by("-pk").first()
    return None if last is None or last.status in OF_ONE_ACCOUNT else last


def _alike(refused: Attempt) -> list[int]:
    """The accounts of each request that was refused like this one, of operations that have not worked lately."""
    made = Attempt.objects.filter(finished_at__isnull=False, started_at__gt=timezone.now() - LAST_MINUTES)
    recent = list(made.order_by("-pk").values_list("operation", "connection", "status", "code")[:LOOKED_AT])
    works = {operation for operation, _, _, code in recent if code == ""}
    if refused.operation in works:
        return []
    same = (refused.status, refused.code)
    return [who for operation, who, status, code in recent if (status, code) == same and operation not in works]


def _counted(alike: Sequence[int], kinds: Collection[str], refused: Attempt, rows: int) -> tuple[int, int]:
    """How many requests or rows were refused alike: in all accounts if in each that is connected, and in this one."""
    if not alike:
        return 0, 0
    given_up, mine = _given_up(kinds, refused.code), Q(connection=refused.connection_id)
    everywhere, here = (found[:ROWS].count() + rows for found in (given_up, given_up.filter(mine)))
    others = Connection.objects.filter(state=Connection.State.CONNECTED).exclude(pk__in=set(alike))
    return 0 if others.exists() else max(len(alike), everywhere), max(alike.count(refused.connection_id), here)


def _is_still_so(refused: Attempt) -> bool:
    since = timezone.now() - pauses.FORGOTTEN_AFTER
    made = Attempt.objects.filter(operation=refused.operation, finished_at__isnull=False, started_at__gt=since)
    recent = made.order_by("-pk").values_list("status", "code")[:LOOKED_AT]
    since_it_worked = [*takewhile(lambda attempt: attempt[1] != "", recent)]
    return since_it_worked.count((refused.status, refused.code)) > 1


def _freeze(
    connection: Connection | None, kinds: Collection[str], refused: Attempt, known: Collection[str] = ()
) -> str:
    """Pause these kinds, for all without a connection; a person is told once of each. What was given up waits again."""
    sentence = pauses.REFUSED_ALIKE.about(code=refused.code, operation=refused.operation).sentence
    news = [kind for kind in kinds if pauses.trouble(connection, kind, pauses.FROZEN, sentence, most=FROZEN_FOR)]
    if news := [kind for kind in news if kind not in known]:
        of_whom = f"in {connection}" if connection else "in all accounts"
        alarms.ring(f"Deliveries are frozen {of_whom}: {', '.join(news)}", sentence)
    given_up = _given_up(kinds, refused.code)
    (given_up.filter(connection=connection) if connection else given_up).update(
        state=State.QUEUED,
        next_try_at=Now(),
        attempts_made=1,
        settled_at=None,
        reason_code=pauses.FROZEN,
        reason=sentence,
    )
    return sentence


def _given_up(kinds: Collection[str], code: str) -> "QuerySet[Delivery]":
    lately = {"place__is_named__in": Place.ANY_NAMED, "place__settled_at__gt": Now() - LAST_MINUTES}
    recent = Q(place__state=State.FAILED, **lately) | Q(place__state=State.HELD)
    return Delivery.objects.filter(recent, state__in=(State.FAILED, State.HELD), kind__in=kinds, reason_code=code)
