"""Cursor paging: one page after the other, by the cursor in each answer's `links.next`."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from klaviyo.api.answers import Unreadable, members, words

Query = dict[str, str]
Document = dict[str, Any]


def walk(ask: Callable[[Query], Document], first: Query, about: str) -> Iterator[Document]:
    """The documents of all pages; an answer that leads back to an earlier page ends them. Raises Unreadable."""
    asked: list[Query] = []
    query: Query | None = first
    while query is not None and query not in asked:
        asked.append(query)
        document = ask(query)
        yield document
        query = next_query(document, about)


def next_query(document: Document, about: str) -> Query | None:
    """The query of the next page. Only its query is taken: our token goes to no address that an answer names.

    Raises Unreadable. https://developers.klaviyo.com/en/reference/api_overview#pagination
    """
    try:
        return dict(parse_qsl(urlsplit(words(members(document.get("links")).get("next"))).query)) or None
    except ValueError:
        raise Unreadable(about) from None
