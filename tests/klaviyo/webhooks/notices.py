"""An account that tells us something: the bodies and signatures that Klaviyo would make."""

import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection
from klaviyo.consent import topics
from klaviyo.models import ConsentWatch
from tests.klaviyo.story import TEA

WEBHOOK = "01JD0000000000000000000000"
SECRET = "a secret of more than thirty-two characters"
AT = "Sat, 21 Nov 2026 10:00:00 GMT"

_numbers = itertools.count(1)


def watch_of(connection: Connection) -> ConsentWatch:
    """The account has a webhook of ours, and tells by it."""
    watch, _ = ConsentWatch.objects.get_or_create(connection=connection)
    watch.webhook_id, watch.secret, watch.topics = WEBHOOK, SECRET, list(topics.WANTED)
    watch.save()
    return watch


def item(
    topic: str = topics.UNSUBSCRIBED,
    email: str = "",
    profile_id: str = "",
    *,
    id: str = "",
    ago: timedelta = timedelta(seconds=30),
) -> dict[str, Any]:
    """One thing, in the shape of an event; the profile is included when the address is told."""
    happened_at = timezone.now() - ago
    data: dict[str, Any] = {
        "type": "event",
        "id": "3vkT9aBcDeF",
        "attributes": {"timestamp": int(happened_at.timestamp()), "event_properties": {}},
        "relationships": {"profile": {"data": {"type": "profile", "id": profile_id or "01JC0000000000000000000000"}}},
    }
    included = [{"type": "profile", "id": profile_id, "attributes": {"email": email}}] if email else []
    payload = {"data": data, "included": included}
    return {"external_id": id or f"told-{next(_numbers)}", "topic": topic, "payload": payload}


def body(*items: Any, account: str = TEA, told_at: Any = None, meta: Any = None) -> bytes:
    of_now = {
        "klaviyo_webhook_id": WEBHOOK,
        "klaviyo_account_id": account,
        "timestamp": told_at or datetime.now(UTC).isoformat(),
        "version": "2026-07-15",
    }
    return json.dumps({"data": list(items), "meta": of_now if meta is None else meta}).encode()


def signed(raw: bytes, secret: str = SECRET, *, webhook: str = WEBHOOK, at: str = AT) -> dict[str, str]:
    signature = hmac.new(secret.encode(), raw + at.encode(), hashlib.sha256).hexdigest()
    return {"Klaviyo-Webhook-Id": webhook, "Klaviyo-Timestamp": at, "Klaviyo-Signature": signature}


def post(raw: bytes, headers: dict[str, str] | None = None) -> int:
    """The status that we answer with."""
    told = signed(raw) if headers is None else headers
    answer = Client().post(reverse("klaviyo_hook"), raw, content_type="application/json", headers=told)
    return answer.status_code
