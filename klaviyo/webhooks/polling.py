"""Polling of suppressed profiles: the way without a webhook, and the safety net with one."""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from django.utils import timezone

from integrations.errors import PermanentError
from integrations.models import Connection
from klaviyo.api import profiles
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.api.values import moment
from klaviyo.consent import heard_noes, opt_outs, topics
from klaviyo.models import ConsentWatch

EVERY = timedelta(minutes=1)
EVERY_WITH_A_WEBHOOK = timedelta(minutes=30)
OVERLAP = timedelta(minutes=5)  # what was written may show a while later
FIRST = timedelta(days=1)  # of what was queued before, the last look before sending knows as much
LONGEST_SECONDS = 20.0
SUPPRESSED = topics.OPTED_OUT.saying("Klaviyo has suppressed the address: the person said no, or cannot be reached.")


def is_due(watch: ConsentWatch) -> bool:
    every = EVERY if watch.problem or not watch.webhook_id else EVERY_WITH_A_WEBHOOK
    # A little early rather than a whole beat late.
    return bool(watch.pull_left) or watch.pulled_until is None or watch.pulled_until < timezone.now() - every * 0.9


def poll(watch: ConsentWatch) -> int:
    """Cancel what waits for people suppressed since the last time; how many deliveries. Raises IntegrationError.

    A long answer is read for a while, and on from there the next time.
    """
    ends_at = monotonic() + LONGEST_SECONDS
    started_at = moment(watch.pull_left.get("until")) or timezone.now()
    since = max(watch.pulled_until or started_at - FIRST, started_at - 30 * FIRST) - OVERLAP
    cancelled = 0
    try:
        for page in profiles.suppressed_since(Client(watch.connection), since, watch.pull_left.get("next")):
            cancelled += _cancel(watch.connection, page.profiles)
            _keep(watch, {"next": page.next, "until": started_at.isoformat()} if page.next else {})
            if page.next and monotonic() > ends_at:
                return cancelled
    except PermanentError:
        _keep(watch, {})  # the place in the answer may be what is refused
        raise
    ConsentWatch.objects.filter(pk=watch.pk).update(pulled_until=started_at)
    return cancelled


def _keep(watch: ConsentWatch, left: dict[str, object]) -> None:
    ConsentWatch.objects.filter(pk=watch.pk).update(pull_left=left)


def _cancel(connection: Connection, suppressed: Sequence[Profile]) -> int:
    heard_noes.note_suppressed(connection, suppressed)
    waited_for = opt_outs.expected(connection, {profile.email for profile in suppressed})
    return sum(opt_outs.cancel(connection, email, SUPPRESSED) for email in sorted(waited_for))
