"""Processing of webhook notices: claimed for a minute each, and tried again with pauses when one fails.

Nothing is held while Klaviyo is asked, and everything may be done twice.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from time import monotonic

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations.errors import IntegrationError, without_message
from integrations.models import Connection
from klaviyo.consent import opt_outs
from klaviyo.models import Notice
from klaviyo.webhooks import effects, profiles
from klaviyo.webhooks.profiles import People

AT_ONCE = 200
QUANTUM_SECONDS = 20.0
CLAIMED_FOR = timedelta(minutes=1)
PAUSES = [timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 14400)]  # before the second try, the third, …

log = logging.getLogger(__name__)


def all_due() -> int:
    """Act on what is due until the time is up; how many notices were settled."""
    ends_at = monotonic() + QUANTUM_SECONDS
    settled = 0
    while monotonic() < ends_at and (batch := _claim()):
        settled += sum(_of_connection(notices[0].connection, notices) for notices in _by_connection(batch))
    return settled


def _claim() -> list[Notice]:
    with transaction.atomic():
        due = Notice.objects.filter(processed_at=None, next_try_at__lte=Now()).order_by("next_try_at", "pk")
        # Each notice by one worker: https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
        pks = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
        Notice.objects.filter(pk__in=pks).update(next_try_at=Now() + CLAIMED_FOR, tries=F("tries") + 1)
    return list(Notice.objects.filter(pk__in=pks).select_related("connection").order_by("pk"))


def _by_connection(batch: Iterable[Notice]) -> list[list[Notice]]:
    groups: dict[int, list[Notice]] = defaultdict(list)
    for notice in batch:
        groups[notice.connection_id].append(notice)
    return list(groups.values())


def _of_connection(connection: Connection, notices: list[Notice]) -> int:
    known = profiles.of(connection, [notice for notice in notices if effects.needs_a_look(notice)])
    profiles.name(notices, known)
    noes = opt_outs.has_recent_notice(connection, {notice.email for notice in notices if notice.email})
    return sum(_one(notice, known, is_the_last_word=notice.email in noes) for notice in notices)


def _one(notice: Notice, known: People, *, is_the_last_word: bool) -> bool:
    """Whether it is settled; whatever happens with one, the next one has its turn."""
    try:
        outcome = effects.of(notice, known, is_the_last_word=is_the_last_word)
    except IntegrationError as error:
        return _again(notice, error.sentence)
    except Exception as error:
        log.error("Notice %s could not be heeded: %s", notice.pk, without_message(error))
        return _again(notice, "Something went wrong at our side.")
    _settle(notice, outcome)
    return True


def _settle(notice: Notice, outcome: str) -> None:
    """With what came of it; of what was told, no more is kept than whom it was about."""
    Notice.objects.filter(pk=notice.pk, processed_at=None).update(processed_at=Now(), outcome=outcome[:200], payload={})


def _again(notice: Notice, problem: str) -> bool:
    if notice.tries > len(PAUSES):
        _settle(notice, f"Given up: {problem}")
        return True
    waiting = Notice.objects.filter(pk=notice.pk, processed_at=None)
    waiting.update(next_try_at=Now() + PAUSES[notice.tries - 1], outcome=problem[:200])
    return False
