"""When everything is refused alike, the fault is not in the rows: they wait, and a person is told.

A provider may retire a version or change what it takes. Then every delivery of a kind would fail, account by
account, for a reason that has nothing to do with it. Where several accounts say so, the kind is frozen for all; where
one of several does, for that one alone. After a while each account tries one delivery, and goes by its own answer;
the first that is taken ends it for all. What one account alone may say (401, 403) is never taken so.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import takewhile

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outcomes
from integrations.errors import IntegrationError, OperatorRequired, PermanentError
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outcomes import Retry
from integrations.pauses import alarms, resting
from integrations.wire import attempts

ACCOUNTS, ROWS = 3, 50
LOOKED_BACK = timedelta(minutes=5)
LOOKED_AT = 1000
LONGEST = timedelta(hours=1)
OF_ONE_ACCOUNT = (401, 403)
UNKNOWN = outcomes.UNKNOWN.code  # what may have been taken is never sent again by itself

State = Delivery.State


def note(deliveries: Sequence[Delivery], error: IntegrationError) -> str:
    """After a refusal: freeze these kinds if the same is said to all that is tried, and nothing gets through.

    Gives the reason in a sentence, or nothing. What was given up or held for it, while nobody knew, is queued again.
    """
    refused = _refusal(deliveries, error)
    if refused is None:
        return ""
    kinds = sorted({delivery.kind for delivery in deliveries})
    is_frozen = _frozen(refused, kinds).exists()
    rows = len(deliveries) if isinstance(error, OperatorRequired) else 1
    if not is_frozen and _is_everywhere(refused, kinds, rows):
        return _freeze(None, kinds, refused)
    if _is_still_so(refused) if is_frozen else _is_of_this_account(refused, kinds, rows):
        return _freeze(refused.connection, kinds, refused)
    return ""


def is_hopeless(deliveries: Sequence[Delivery], error: IntegrationError, least: int) -> bool:
    """Whether so many requests in a row were refused alike, and none got through."""
    refused = _refusal(deliveries, error)
    return refused is not None and len(_alike(refused, LOOKED_BACK)) >= least


def waits(sentence: str) -> Retry:
    """The outcome of what is frozen."""
    return Retry(resting.REFUSED_ALIKE.saying(sentence), after=outcomes.SOON, refund=True)


def _refusal(deliveries: Sequence[Delivery], error: IntegrationError) -> Attempt | None:
    """The request that was refused, where it says something about others: that of a look-up names no delivery."""
    if not deliveries or not isinstance(error, PermanentError | OperatorRequired) or error.code == UNKNOWN:
        return None
    about = Q(deliveries__in=[delivery.pk for delivery in deliveries]) | Q(deliveries=None)
    made = Attempt.objects.filter(
        about, connection=deliveries[0].connection_id, code=error.code, started_at__gt=timezone.now() - LOOKED_BACK
    )
    last = made.filter(attempts.REFUSED).order_by("-pk").first()
    return None if last is None or last.status in OF_ONE_ACCOUNT else last


def _frozen(refused: Attempt, kinds: Collection[str]) -> "QuerySet[Pause]":
    """The pauses that concern this account: for all, and its own."""
    whose = Q(connection=None) | Q(connection=refused.connection_id)
    return Pause.objects.filter(whose, kind__in=kinds, code=resting.FROZEN)


def _is_everywhere(refused: Attempt, kinds: Collection[str], rows: int) -> bool:
    """Whether the same is said to several accounts; or to the few that there are, about many rows."""
    alike = _alike(refused, LOOKED_BACK)
    if len(set(alike)) >= ACCOUNTS:
        return True
    connected = Connection.objects.filter(state=Connection.State.CONNECTED).values_list("pk", flat=True)
    is_many = len(alike) >= ROWS or _given_up(kinds, refused.code)[:ROWS].count() + rows >= ROWS
    return bool(alike) and is_many and set(connected[: ACCOUNTS + 1]) <= set(alike)


def _is_of_this_account(refused: Attempt, kinds: Collection[str], rows: int) -> bool:
    """A refusal of many says of one item that it is wrong, or of all that their kind is no longer taken."""
    alike = _alike(refused, LOOKED_BACK)
    given_up = _given_up(kinds, refused.code).filter(connection=refused.connection_id)[:ROWS].count()
    return bool(alike) and max(alike.count(refused.connection_id), given_up + rows) >= ROWS


def _freeze(connection: Connection | None, kinds: Collection[str], refused: Attempt) -> str:
    """Pause these kinds, for all without a connection; a person is told once."""
    sentence = resting.REFUSED_ALIKE.about(code=refused.code, operation=refused.operation).sentence
    known = set(_frozen(refused, kinds).values_list("kind", flat=True))
    news = [kind for kind in kinds if resting.trouble(connection, kind, resting.FROZEN, sentence, most=LONGEST)]
    if news := [kind for kind in news if kind not in known]:
        of_whom = f"in {connection}" if connection else "in all accounts"
        alarms.ring(f"Deliveries are frozen {of_whom}: {', '.join(news)}", sentence)
    _thaw(connection, kinds, refused.code, sentence)
    return sentence


def _alike(refused: Attempt, time: timedelta) -> list[int]:
    """The accounts of each request that was refused like this one, of operations that have not worked for a time."""
    made = Attempt.objects.filter(finished_at__isnull=False, started_at__gt=timezone.now() - time).order_by("-pk")
    recent = list(made.values_list("operation", "connection", "status", "code")[:LOOKED_AT])
    works = {operation for operation, _, _, code in recent if code == ""}
    if refused.operation in works:
        return []
    same = (refused.status, refused.code)
    return [who for operation, who, status, code in recent if (status, code) == same and operation not in works]


def _is_still_so(refused: Attempt) -> bool:
    """Of what is frozen already: tries are rare then, and the same answer as before is enough."""
    since = timezone.now() - resting.FORGOTTEN_AFTER
    made = Attempt.objects.filter(operation=refused.operation, finished_at__isnull=False, started_at__gt=since)
    recent = made.order_by("-pk").values_list("status", "code")[:LOOKED_AT]
    since_it_worked = [*takewhile(lambda attempt: attempt[1] != "", recent)]
    return since_it_worked.count((refused.status, refused.code)) > 1


def _given_up(kinds: Collection[str], code: str) -> "QuerySet[Delivery]":
    lately = Q(state=State.FAILED, settled_at__gt=Now() - LOOKED_BACK) | Q(state=State.HELD)
    return Delivery.objects.filter(lately, kind__in=kinds, reason_code=code)


def _thaw(connection: Connection | None, kinds: Collection[str], code: str, sentence: str) -> None:
    rows = _given_up(kinds, code)
    (rows.filter(connection=connection) if connection else rows).update(
        state=State.QUEUED,
        next_try_at=Now(),
        attempts_made=1,
        settled_at=None,
        reason_code=resting.FROZEN,
        reason=sentence,
    )
