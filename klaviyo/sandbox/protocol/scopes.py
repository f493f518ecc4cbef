"""OAuth scopes that an app may ask for."""

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


def granted(asked: str, allowed: tuple[str, ...]) -> str:
    """What a consent screen grants: the known and allowed ones, and always accounts:read."""
    known = set(allowed or ALL)
    kept = [scope for scope in dict.fromkeys(asked.split()) if scope in known]
    return " ".join(kept if "accounts:read" in kept else ["accounts:read", *kept])
