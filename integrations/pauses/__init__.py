"""Pauses: accounts, or kinds of delivery, that are left alone for a while; what waits for them stays as it is."""

from integrations.pauses.resting import (
    EVERYTHING,
    FORGOTTEN_AFTER,
    FROZEN,
    NOT_ANSWERING,
    THROTTLED,
    TROUBLE,
    WITHIN_LIMITS,
    Rest,
    active,
    forget_old,
    is_in_trouble,
    of,
    passed,
    throttle,
    trouble,
)

__all__ = [
    "EVERYTHING",
    "FORGOTTEN_AFTER",
    "FROZEN",
    "NOT_ANSWERING",
    "THROTTLED",
    "TROUBLE",
    "WITHIN_LIMITS",
    "Rest",
    "active",
    "forget_old",
    "is_in_trouble",
    "of",
    "passed",
    "throttle",
    "trouble",
]
