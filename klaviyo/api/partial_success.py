"""Partial success: what Klaviyo took but for a part that it ignored, by a header of its answer.

Seen since 2025 with `phone_number`, for numbers of regions where the account cannot send; it is not published.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from integrations.models import Delivery

if TYPE_CHECKING:
    import requests

HEADER = "X-Klaviyo-Partial-Failure"
PHONE = "phone_number"
NAME = re.compile(r"[a-z][\w.]*")  # in whatever quotation marks or brackets, as its form is not published


def ignored(response: "requests.Response") -> frozenset[str]:
    """The names of what was ignored; none where everything was taken."""
    named = (NAME.search(name.lower()) for name in response.headers.get(HEADER, "").split(","))
    return frozenset(name[0][:64] for name in named if name)


def warning(name: str) -> str:
    return f"Klaviyo took it without the {name.replace('_', ' ')}."


def warn(deliveries: Sequence[Delivery], names: frozenset[str]) -> None:
    """A warning on each delivery that it may be about, stored at once: before its request counts as answered.

    Of many in one request the header does not say which; it is told to all that carry such a thing.
    """
    for delivery in deliveries:
        told = [name for name in sorted(names) if len(deliveries) == 1 or _carries(delivery.body, name)]
        if news := [warning(name) for name in told if warning(name) not in delivery.warnings]:
            delivery.warnings = [*delivery.warnings, *news]
            mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease)
            mine.update(warnings=delivery.warnings)


def _carries(body: Any, name: str) -> bool:
    if isinstance(body, dict):
        return name in body or any(_carries(value, name) for value in body.values())
    return isinstance(body, list) and any(_carries(item, name) for item in body)
