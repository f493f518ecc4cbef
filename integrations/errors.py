"""The exceptions of a provider, named for what to do next.

IntegrationError
├── TemporaryError      the same thing again, later
│   ├── Throttled       later, and it was never tried: it costs no attempt
│   └── OutOfTime       whoever asked gave it no more time
├── PermanentError      never again: the request itself is wrong
├── OperatorRequired    a person must change something first; hold what needs it
├── ReconnectRequired   a person must connect the account again; hold everything
└── ItsOwn              a mark for any of these: one item's or one store's own, the next one need not meet it
"""

import traceback
from datetime import timedelta
from typing import Any

from integrations.reasons import Reason, Who, declare

THROTTLED = declare(
    "throttled",
    "Rate limit",
    "The account's rate limit is reached; it goes on by itself.",
    because="the account takes only so many requests at a time",
    means="It waits its turn within the account's limits; that costs time and nothing else.",
    who=Who.ITSELF,
)


class IntegrationError(Exception):
    """A failure with its reason, which holds no secret; `may_have_happened` is whether it may be done all the same."""

    may_have_happened = False

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"{reason.code}: {reason.sentence}")
        self.reason = reason

    @property
    def is_known(self) -> bool:
        return not self.may_have_happened

    @property
    def code(self) -> str:
        return self.reason.code

    @property
    def sentence(self) -> str:
        return self.reason.sentence


class TemporaryError(IntegrationError):
    """Try the same thing later; `retry_after` is the provider's own wish, where it gave one."""

    def __init__(self, reason: Reason, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Throttled(TemporaryError):
    """The budget is used up, or what a backlog may use of it: the request waits its turn and counts as no attempt."""

    retry_after: timedelta
    backlog_only = False

    def __init__(self, sentence: str, *, retry_after: timedelta, backlog_only: bool = False) -> None:
        super().__init__(THROTTLED.saying(sentence), retry_after=retry_after)
        self.backlog_only = backlog_only


class OutOfTime(TemporaryError):
    """The time that the caller gave is over. Unless it `may_have_happened`, nothing is done and nothing was sent."""

    def __init__(
        self, reason: Reason, *, retry_after: timedelta | None = None, may_have_happened: bool = False
    ) -> None:
        super().__init__(reason, retry_after=retry_after)
        self.may_have_happened = may_have_happened


class PermanentError(IntegrationError):
    """The provider understood the request and refuses it; `details` are its own error objects."""

    def __init__(self, reason: Reason, *, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(reason)
        self.details = details or []


class OperatorRequired(IntegrationError):
    """Nothing is wrong with the item: a scope, a list or a setting is missing."""


class ReconnectRequired(IntegrationError):
    """Access has ended: a person must connect the account again."""


class ItsOwn(IntegrationError):
    """A mark for errors of one item, or one store, alone: the next one need not meet them."""


def without_message(error: Exception) -> str:
    """For the log: what sort of error it was and where it arose, as its message may hold a person's data."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
