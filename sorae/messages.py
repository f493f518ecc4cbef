"""Messages to workers: which of them wait once only, and which are of no use any more.

All of Sorae's tasks find their work in the database, so one message that waits is as good as a thousand.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

ONCE = "once"  # the header that names what a message is about: of those with the same name, one waits
OURS = ("integrations.tasks.", "klaviyo.tasks.", "referrals.tasks.")  # other tasks of the site are left alone


def once(message: Mapping[str, Any]) -> str:
    """The name under which a message waits once in its queue; empty when each of its kind counts."""
    return str(_headers(message).get(ONCE) or "")


def is_stale(message: Any, now: datetime) -> bool:
    """A message of ours that has expired, or one without expiry: the version before left thousands of these."""
    headers = _headers(message)
    if not str(headers.get("task", "")).startswith(OURS):
        return False
    expires = headers.get("expires")
    try:
        return expires is None or datetime.fromisoformat(expires) < now
    except (TypeError, ValueError):
        return False


def _headers(message: Any) -> Mapping[str, Any]:
    headers = message.get("headers") if isinstance(message, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}
