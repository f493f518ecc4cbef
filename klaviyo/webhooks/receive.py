"""Webhook receiver: a post is checked (signature, account, age) and its notices stored; `process` acts on them."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations import messaging
from integrations.encryption import Undecryptable
from klaviyo.api import ids
from klaviyo.models import ConsentWatch, Notice
from klaviyo.webhooks import parse, retention
from klaviyo.webhooks.parse import Heard

OLDEST = timedelta(days=3)
CLOCKS_DIFFER = timedelta(days=1)
MOST_AT_ONCE = 500
HEED = "klaviyo.tasks.heed"
NOBODYS_SECRET = secrets.token_hex(32)  # so that an unknown webhook takes as long as a known one

log = logging.getLogger(__name__)


class NotTheirs(Exception):
    """A post that no account we know has signed."""


class Unreadable(Exception):
    """A signed post that is no webhook body, or of a time that cannot be true."""


def receive(headers: Mapping[str, str], body: bytes) -> int:
    """Store what a request tells, each thing once; how many were new. Raises NotTheirs or Unreadable.

    A thing that cannot be read is left out, and the others are kept.
    """
    watch = _signed_by(headers, body)
    post = parse.post(body)
    if post is None:
        raise Unreadable
    if post.account_id != watch.connection.account_id:
        raise NotTheirs
    if post.told_at is None or not _is_of_now(post.told_at) or post.items is None:
        raise Unreadable
    return _store(watch, post.items)


def _is_of_now(told_at: datetime) -> bool:
    now = timezone.now()  # by the body's own time, which is signed as well: the header's was seen to be wrong
    return now - OLDEST <= told_at <= now + CLOCKS_DIFFER


def _signed_by(headers: Mapping[str, str], body: bytes) -> ConsentWatch:
    """The watch whose secret has signed the body; the work is the same whether there is one or not."""
    watch = _watch(headers.get("Klaviyo-Webhook-Id") or "")
    secret = _secret(watch) or NOBODYS_SECRET
    said = (headers.get("Klaviyo-Timestamp") or "").encode("latin-1", "replace")
    # Over the raw body and the header's text: https://developers.klaviyo.com/en/docs/working_with_system_webhooks
    expected = hmac.new(secret.encode(), body + said, hashlib.sha256).hexdigest()
    given = (headers.get("Klaviyo-Signature") or "").strip().lower().encode("latin-1", "replace")
    if not hmac.compare_digest(expected.encode(), given) or watch is None:
        raise NotTheirs
    return watch


def _watch(webhook_id: str) -> ConsentWatch | None:
    wanted = webhook_id if ids.is_one(webhook_id) else "unknown"
    return ConsentWatch.objects.select_related("connection").filter(webhook_id=wanted).first()


def _secret(watch: ConsentWatch | None) -> str:
    try:
        return watch.secret if watch else ""
    except Undecryptable as reason:
        log.error("The secret of a webhook cannot be opened. %s It is made anew within a day.", reason)
        return ""


@transaction.atomic
def _store(watch: ConsentWatch, heard: Iterable[Heard]) -> int:
    told = Notice.objects.filter(connection=watch.connection)
    by_id = {one.external_id: one for one in heard}
    known = set(told.filter(external_id__in=by_id).values_list("external_id", flat=True))
    new = [one for id, one in by_id.items() if id not in known]
    erased = retention.erased(one.email for one in new)
    fresh = [_bare(watch, one) if one.email in erased else _notice(watch, one) for one in new]
    Notice.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=MOST_AT_ONCE)
    ConsentWatch.objects.filter(pk=watch.pk).update(last_heard_at=Now())
    if fresh:
        transaction.on_commit(_wake)
    return len(fresh)


def _notice(watch: ConsentWatch, heard: Heard) -> Notice:
    values: dict[str, Any] = vars(heard)
    return Notice(connection=watch.connection, **values)


def _bare(watch: ConsentWatch, heard: Heard) -> Notice:
    """Of somebody who was erased: that it was told, so that it is not taken for new, and nothing of whom."""
    return Notice(
        connection=watch.connection,
        external_id=heard.external_id,
        topic=heard.topic,
        happened_at=heard.happened_at,
        processed_at=timezone.now(),
        outcome=retention.NOT_KEPT,
    )


def _wake() -> None:
    """Somebody's no is to be acted on at once; a broker that is away costs seconds, until the next beat."""
    try:
        # https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
        messaging.app().send_task(HEED, retry=False, ignore_result=True, expires=30, headers={"once": HEED})
    except Exception as error:
        log.warning("Workers could not be woken (%s); the next beat finds the work.", type(error).__name__)
