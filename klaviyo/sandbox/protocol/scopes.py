"""Scopes that an app may ask for, and that a private key may have."""

from collections.abc import Iterable

_READ_AND_WRITE = (
    "campaigns",
    "catalogs",
    "conversations",
    "coupons",
    "coupon-codes",
    "custom-objects",
    "events",
    "flows",
    "forms",
    "images",
    "lists",
    "metrics",
    "profiles",
    "push-tokens",
    "reviews",
    "segments",
    "subscriptions",
    "tags",
    "templates",
    "tracking-settings",
    "web-feeds",
    "webhooks",
)

ALL = (
    "accounts:read",
    "data-privacy:write",
    *(f"{name}:{verb}" for name in _READ_AND_WRITE for verb in ("read", "write")),
)


def of_a_key(asked: Iterable[str]) -> str:
    """The scopes of a private key as one text; ValueError for one that there is not."""
    wanted = list(dict.fromkeys(asked))
    unknown = [scope for scope in wanted if scope not in ALL]
    if unknown:
        raise ValueError(f"There is no scope {', '.join(unknown)}.")
    return " ".join(wanted)


def granted(asked: str, allowed: tuple[str, ...]) -> str:
    """What a consent screen grants: the known and allowed ones, and always accounts:read."""
    known = set(allowed or ALL)
    kept = [scope for scope in dict.fromkeys(asked.split()) if scope in known]
    return " ".join(kept if "accounts:read" in kept else ["accounts:read", *kept])
