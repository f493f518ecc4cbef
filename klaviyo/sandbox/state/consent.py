"""Consent of a person, and suppressions of their address: two axes that Klaviyo keeps apart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

LIFTED_BY_SUBSCRIBING = frozenset({"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"})
REASONS = frozenset({"HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED"})


@dataclass
class Channel:
    """The consent on one channel, with its evidence."""

    consent: str = "NEVER_SUBSCRIBED"
    consent_timestamp: str | None = None
    last_updated: str | None = None
    method: str | None = None
    method_detail: str | None = None
    custom_method_detail: str | None = None
    double_optin: bool | None = None

    def set(self, consent: str, at: str, *, method: str = "API", detail: str | None = None) -> None:
        self.consent = consent
        self.consent_timestamp = self.last_updated = at
        self.method = method
        self.method_detail = None
        self.custom_method_detail = detail


@dataclass
class Consent:
    """A person's consent on every channel and the suppressions of their address."""

    email: Channel = field(default_factory=Channel)
    sms: Channel = field(default_factory=Channel)
    sms_transactional: Channel = field(default_factory=Channel)
    suppressions: dict[str, str] = field(default_factory=dict)
    list_suppressions: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def loads(cls, text: str) -> Consent:
        if text == "{}":
            return cls()
        kept = json.loads(text)
        channels = {name: Channel(**kept[name]) for name in ("email", "sms", "sms_transactional")}
        return cls(**channels, suppressions=kept["suppressions"], list_suppressions=kept["list_suppressions"])

    def dumps(self) -> str:
        return "{}" if self == _NOTHING_SAID else json.dumps(asdict(self))

    @property
    def is_liftable(self) -> bool:
        """Whether subscribing would lift a suppression."""
        return not LIFTED_BY_SUBSCRIBING.isdisjoint(self.suppressions)

    def subscribe_email(
        self, at: str, *, list_id: str | None, detail: str | None, double: bool, method: str = "API"
    ) -> None:
        self.email.set("SUBSCRIBED", at, method=method, detail=detail)
        self.email.double_optin = double
        for reason in LIFTED_BY_SUBSCRIBING:
            self.suppressions.pop(reason, None)
        if list_id:
            self.list_suppressions.pop(list_id, None)

    def unsubscribe_email(self, at: str, *, method: str = "API") -> None:
        self.email.set("UNSUBSCRIBED", at, method=method)
        self.suppressions.setdefault("UNSUBSCRIBE", at)

    def unsubscribe_from_list(self, list_id: str, at: str) -> None:
        self.list_suppressions[list_id] = ["UNSUBSCRIBE", at]
        self.email.last_updated = at

    def can_receive_email(self, email: str | None) -> bool:
        return bool(email) and self.email.consent != "UNSUBSCRIBED" and not self.suppressions

    def document(self, email: str | None, phone_number: str | None) -> dict[str, Any]:
        """The `subscriptions` block of a profile, in the form of Klaviyo's answers."""
        sms = self._sms(self.sms, "can_receive_sms_marketing", phone_number)
        transactional = self._sms(self.sms_transactional, "can_receive_sms_transactional", phone_number)
        push = {"can_receive_push_marketing": False, "consent": "NEVER_SUBSCRIBED", "consent_timestamp": None}
        return {
            "email": {
                "marketing": self._email(email),
                "open_tracking": dict(_TRACKING),
                "click_tracking": dict(_TRACKING),
            },
            "sms": {"marketing": sms, "transactional": transactional},
            "mobile_push": {"marketing": push},
            "whatsapp": None,
        }

    def _email(self, email: str | None) -> dict[str, Any]:
        return {
            "can_receive_email_marketing": self.can_receive_email(email),
            **vars(self.email),
            "suppression": [{"reason": why, "timestamp": at} for why, at in self.suppressions.items()],
            "list_suppressions": [
                {"list_id": list_id, "reason": why, "timestamp": at}
                for list_id, (why, at) in self.list_suppressions.items()
            ],
        }

    @staticmethod
    def _sms(channel: Channel, permission: str, phone_number: str | None) -> dict[str, Any]:
        return {
            permission: bool(phone_number) and channel.consent == "SUBSCRIBED",
            "consent": channel.consent,
            "consent_timestamp": channel.consent_timestamp,
            "method": channel.method,
            "method_detail": channel.method_detail,
            "last_updated": channel.last_updated,
        }


_NOTHING_SAID = Consent()
# Whether opens and clicks may be followed is consent of its own; nothing here changes it.
_TRACKING = {
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "last_updated": None,
    "created_timestamp": None,
    "metadata": None,
    "can_receive": False,
    "valid_until": None,
}
