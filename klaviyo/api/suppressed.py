"""Suppressed profiles of an account, by the time of their suppression."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from klaviyo.api import paging, profiles
from klaviyo.api.answers import Unreadable
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile


@dataclass(frozen=True)
class Page:
    """Some of many profiles, and the query of the next page; None at the end."""

    profiles: list[Profile]
    next: paging.Query | None


def since(client: Client, moment: datetime, goes_on: paging.Query | None = None) -> Iterator[Page]:
    """Whom the account has suppressed at `moment` or later, the earliest first, page by page; or on from a `next`."""
    when = "subscriptions.email.marketing.suppression.timestamp"
    query: paging.Query | None = goes_on or {
        "filter": f"greater-or-equal({when},{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})",
        "additional-fields[profile]": "subscriptions",
        "page[size]": str(profiles.LOOKED_UP_AT_ONCE),
        "sort": when,
    }
    asked: list[paging.Query] = []
    while query is not None and query not in asked:
        asked.append(query)
        document = client.call(profiles.GET_PROFILES, query=query).document
        try:
            query = paging.next_query(document)
        except ValueError:
            raise Unreadable("people") from None
        yield Page(profiles.read_all(document["data"]), query)
