"""A consent decision in words: what it came to, by which policy, on which evidence, and how old that was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations import reasons
from integrations.reasons import Reason
from klaviyo.consent.decision import Decision
from klaviyo.models import ConsentDecision, StoreSetting
from klaviyo.models.policies import Policy
from klaviyo.pages import evidence
from klaviyo.pages.evidence import Word

POLICIES = {
    Policy.NOT_OPTED_OUT.value: "It stops at a no: people who have said nothing may get the message.",
    Policy.SUBSCRIBED_ONLY.value: "It asks for a yes: only people who have subscribed in Klaviyo get the message.",
}


@dataclass(frozen=True)
class Verdict:
    """A decision in words; `age` is how old Klaviyo's answer was then, "" where it was not asked."""

    is_allowed: bool
    reason: Reason
    code: str
    sentence: str
    policy: str
    policy_means: str
    decided_at: datetime
    asked_at: datetime | None
    age: str
    account: str
    words: Sequence[Word]


def decided(decision: ConsentDecision) -> Verdict:
    """A decision on record."""
    return _verdict(
        decision.is_allowed,
        decision.code,
        decision.sentence,
        decision.policy,
        decision.evidence,
        decision.decided_at,
        decision.asked_at,
        str(decision.connection.account_name) if decision.connection else "",
    )


def live(decision: Decision) -> Verdict:
    """A decision that was made just now, for looking only."""
    return _verdict(
        decision.allowed,
        decision.code,
        decision.sentence,
        str(decision.policy),
        decision.evidence,
        timezone.now(),
        decision.asked_at,
    )


def _verdict(
    is_allowed: bool,
    code: str,
    sentence: str,
    policy: str,
    said: Any,
    decided_at: datetime,
    asked_at: datetime | None,
    account: str = "",
) -> Verdict:
    return Verdict(
        is_allowed=is_allowed,
        reason=reasons.of(code),
        code=code,
        sentence=sentence,
        policy=dict(StoreSetting.Permission.choices).get(policy, ""),
        policy_means=POLICIES.get(policy, ""),
        decided_at=decided_at,
        asked_at=asked_at,
        age=_age(decided_at - asked_at) if asked_at else "",
        account=account,
        words=evidence.of(said, decided_at),
    )


def _age(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0)
    if seconds < 1:
        return "less than a second"
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return ""
