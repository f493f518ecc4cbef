"""Phone numbers that Klaviyo ignores: the request is taken without them, and a header says so."""

from collections.abc import Iterable, Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Call

HEADER = "X-Klaviyo-Partial-Failure"


def leave_out(call: Call, told: Iterable[dict[str, Any]]) -> Mapping[str, str]:
    """Takes ignored numbers, and consent to texts there, out of these people's attributes; the answer's headers."""
    ignored = [attributes for attributes in told if _is_ignored(call, attributes.get("phone_number"))]
    for attributes in ignored:
        del attributes["phone_number"]
        attributes.get("subscriptions", {}).pop("sms", None)
    return {HEADER: "phone_number"} if ignored else {}


def has_no_sender(call: Call, phone_number: str | None) -> bool:
    """Whether no account has a number to send texts from to where this one is."""
    return bool(phone_number) and str(phone_number).startswith(tuple(call.settings.no_texts_to))


def _is_ignored(call: Call, phone_number: str | None) -> bool:
    is_asked_for = call.fault is not None and call.fault.kind == "partial_failure"
    return bool(phone_number) and (is_asked_for or has_no_sender(call, phone_number))
