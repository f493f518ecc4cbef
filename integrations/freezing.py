"""When everybody is refused alike, the fault is not in the rows: they wait, and a person is told.

A provider may retire a version or change what it takes. Then every delivery of a kind would fail, account by
account, for a reason that has nothing to do with it.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations import alarms, pauses
from integrations.errors import IntegrationError, OperatorRequired, PermanentError
from integrations.models import Attempt, Delivery, Pause

ACCOUNTS, ROWS = 3, 50
LOOKED_BACK = timedelta(minutes=5)
LOOKED_AT = 1000
LONGEST = timedelta(hours=1)

State = Delivery.State


def note(deliveries: Sequence[Delivery], error: IntegrationError) -> Pause | None:
    """After a refusal: freeze the kind everywhere if the same is said to all and nothing gets through."""
    if not isinstance(error, PermanentError | OperatorRequired):
        return None
    last = Attempt.objects.filter(deliveries__in=[d.pk for d in deliveries], code=error.code).order_by("-pk").first()
    if last is None or not _is_everywhere(last):
        return None
    sentence = (
        f"Everything of this kind is refused ({last.code}, {last.operation}), whatever the account. "
        "Nothing is lost: it waits and is tried again from time to time. "
        "See whether the provider has retired this version."
    )
    pause = pauses.trouble(None, deliveries[0].kind, pauses.FROZEN, sentence, most=LONGEST)
    if pause.strikes == 1:
        alarms.ring(f"Deliveries of the kind “{pause.kind}” are frozen", sentence)
    return pause


def thaw(pause: Pause, code: str) -> int:
    """Queue again what was given up, or held, while nobody knew; how many."""
    given_up = Q(state=State.FAILED, settled_at__gt=Now() - LOOKED_BACK) | Q(state=State.HELD)
    rows = Delivery.objects.filter(given_up, kind=pause.kind, reason_code=code)
    return rows.update(
        state=State.QUEUED, next_try_at=Now(), attempts_made=1, settled_at=None,
        reason_code=pauses.FROZEN, reason=pause.sentence,
    )  # fmt: skip


def _is_everywhere(refused: Attempt) -> bool:
    since = timezone.now() - LOOKED_BACK
    same = Attempt.objects.filter(operation=refused.operation, finished_at__isnull=False, started_at__gt=since)
    recent = list(same.order_by("-pk").values_list("connection", "status", "code")[:LOOKED_AT])
    if any(code == "" for _, _, code in recent):
        return False
    alike = [connection for connection, status, code in recent if (status, code) == (refused.status, refused.code)]
    return len(alike) >= ROWS or len(set(alike)) >= ACCOUNTS
