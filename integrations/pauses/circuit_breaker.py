"""An account that does not answer is left alone for a while, so that it keeps no worker from the others."""

from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone

from integrations.errors import TemporaryError, Throttled
from integrations.models import Attempt, Connection
from integrations.pauses import resting

CALLS = 10
FAILED_SHARE = 0.7
LOOKED_BACK = timedelta(minutes=1)
LONGEST = timedelta(minutes=15)

_AWAY = Q(status=None) | Q(status__lt=400) | Q(status__gte=500)
_FAILED = _AWAY & Q(finished_at__isnull=False) & ~Q(code__in=("", "internal_error"))


def note(connection: Connection, error: Exception) -> None:
    """After trouble on the way: leave the account alone if most of the last minute's requests went the same way."""
    if not isinstance(error, TemporaryError) or isinstance(error, Throttled):
        return
    if resting.EVERYTHING in resting.of(connection).on_trial or _is_dead(connection):
        resting.trouble(connection, resting.EVERYTHING, resting.NOT_ANSWERING, resting.AWAY.sentence, most=LONGEST)


def _is_dead(connection: Connection) -> bool:
    recent = Attempt.objects.filter(connection=connection, started_at__gt=timezone.now() - LOOKED_BACK)
    counts = recent.aggregate(all=Count("pk"), failed=Count("pk", filter=_FAILED))
    return bool(counts["all"] >= CALLS and counts["failed"] >= FAILED_SHARE * counts["all"])
