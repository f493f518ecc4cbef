"""Every reason why a send did not go out, or not yet: in words, who can change it, and what to do.

A code that Klaviyo made up itself, or that we do not know, is explained by the sentence that came with it.
"""

import re

from klaviyo.pages.reasons import accounts, newsletter, people, things
from klaviyo.pages.reasons.reason import Reason, Who

__all__ = ["ALL", "Reason", "Who", "is_known", "of", "titles"]

ALL: dict[str, Reason] = people.REASONS | things.REASONS | accounts.REASONS | newsletter.REASONS
_SERVER_TROUBLE = re.compile(r"http_(3\d\d|5\d\d|408|425)")


def of(code: str) -> Reason:
    """The reason with that code, or what holds for any that we do not know."""
    if _SERVER_TROUBLE.fullmatch(code):
        return ALL["http_5xx"]
    return ALL.get(code, accounts.UNKNOWN)


def titles() -> list[tuple[str, str]]:
    """Codes and titles, for a choice; each title once."""
    first = {reason.title: code for code, reason in reversed(ALL.items())}
    return [(first[title], title) for title in sorted(first)]


def is_known(code: str) -> bool:
    return of(code) is not accounts.UNKNOWN
