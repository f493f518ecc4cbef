"""Klaviyo's ids: opaque, of plain characters, so that one can be put into the address of a request."""

import re

from integrations.errors import PermanentError
from integrations.reasons import Who, declare

MALFORMED = declare(
    "malformed_id",
    "Odd id",
    "This cannot be an id of Klaviyo's.",
    because="an id in the settings is not one of Klaviyo's",
    means="It would lead to another place than was meant.",
    who=Who.MERCHANT,
    do="Choose the list again in the store's settings.",
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_one(id: str) -> bool:
    return bool(_ID.fullmatch(id))


def checked(id: str) -> str:
    """The id itself; raises PermanentError for what can be none, before Klaviyo is asked."""
    if not is_one(id):
        raise PermanentError(MALFORMED)
    return id
