"""Cursor paging: the query of the next page, from an answer's `links.next`."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from klaviyo.api.answers import members, words

Query = dict[str, str]


def next_query(document: dict[str, Any]) -> Query | None:
    """The query of the next page. Only its query is taken: our token goes to no address that an answer names.

    Raises ValueError when it cannot be read. https://developers.klaviyo.com/en/reference/api_overview#pagination
    """
    url = words(members(document.get("links")).get("next"))
    return dict(parse_qsl(urlsplit(url).query)) or None
