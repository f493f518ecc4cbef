"""API call on its way to an operation, and the JSON:API documents that go back."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from klaviyo.sandbox.protocol.errors import Refusal, invalid, not_found
from klaviyo.sandbox.protocol.faults import Fault
from klaviyo.sandbox.protocol.filters import Column, Where, where
from klaviyo.sandbox.protocol.paging import Page, read
from klaviyo.sandbox.protocol.queries import Query
from klaviyo.sandbox.protocol.validation import Shape, parse
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.database import Session

Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What an operation answers; no document means an empty body."""

    status: int
    document: Document | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """What a page is read from: a SELECT, its row number, its filters and its orders."""

    select: str
    where: Where
    key: str
    sorts: Mapping[str, str]
    default_sort: str
    filters: Mapping[str, Column]
    never_null: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Call:
    """A call that has passed authentication, scopes and limits."""

    session: Session
    account: str
    ids: Mapping[str, str]
    query: Query
    body: bytes
    origin: str
    path: str
    settings: Settings
    fault: Fault | None = None
    revision: str = ""
    content_type: str = ""

    @property
    def sql(self) -> sqlite3.Connection:
        """The state; asked for as late as can be, because it is held until the call is done."""
        return self.session.sql

    def parse(self, shape: Shape) -> Any:
        return parse(self.body, shape)

    def address(self, path: str) -> str:
        """Where a resource is: with a slash at its end, as answers have it."""
        return f"{self.origin}{path}/"

    def moment(self, stored: str) -> str:
        """A time as answers have it: to the microsecond where something has just been written, else to the second."""
        return stored if self.body else identifiers.cut(stored)

    def one(self, resource: Document, status: int = 200, included: list[Document] | None = None) -> Answer:
        document: Document = {"data": resource, "links": {"self": self._page_address(self.query.cursor)}}
        self._include(document, included)
        return Answer(status, document)

    def many(
        self, resources: list[Document], page: Page | None = None, included: list[Document] | None = None
    ) -> Answer:
        links: dict[str, str | None] = {
            "self": self._page_address(self.query.cursor),
            "next": None,
            "prev": None,
        }
        if page and page.next:
            links["next"] = self._page_address(page.next)
        if page and page.previous:
            links["prev"] = self._page_address(page.previous)
        document: Document = {"data": resources, "links": links}
        self._include(document, included)
        return Answer(200, document)

    def _include(self, document: Document, included: list[Document] | None) -> None:
        """Also when there is nothing of what was to be included."""
        if included is not None or self.query.include:
            document["included"] = included or []

    def page(self, listing: Listing) -> Page:
        wanted = where(self.query.filter, listing.filters)
        both = Where(listing.where.clauses + wanted.clauses, listing.where.values + wanted.values)
        sort = self.query.sort(listing.sorts, listing.default_sort)
        size = self.query.page_size()
        if sort.column in listing.never_null:
            sort = replace(sort, may_be_null=False)
        # A plus keeps SQLite from walking everybody in order where a filter names only a few.
        key = f"+{listing.key}" if sort.says_nothing and wanted.clauses else listing.key
        return read(self.sql, listing.select, both, sort, size, self.query.cursor, key)

    def _page_address(self, cursor: str | None) -> str:
        pairs = {name: value for name, value in self.query.given.items() if name != "page[cursor]"}
        if cursor:
            pairs["page[cursor]"] = cursor
        return f"{self.origin}{self.path}" + (f"?{urlencode(pairs, safe='', quote_via=quote)}" if pairs else "")


Handler = Callable[[Call], Answer]


def link(call: Call, kind: str, path: str, name: str, data: Iterable[str] | None = None) -> Document:
    """A relationship: where it is, and the ids that it holds with `data`, or where it was to be included."""
    if data is None and name in call.query.include:
        data = ()
    links = {
        "self": call.address(f"{path}/relationships/{name}"),
        "related": call.address(f"{path}/{name}"),
    }
    if data is None:
        return {"links": links}
    return {"data": [{"type": kind, "id": one} for one in data], "links": links}


def link_to_one(call: Call, kind: str, path: str, name: str, identity: str | None) -> Document:
    """A relationship with at most one thing: where it is, and its id where there is one."""
    links = {"self": call.address(f"{path}/relationships/{name}"), "related": call.address(f"{path}/{name}")}
    return {"data": {"type": kind, "id": identity}, "links": links} if identity else {"links": links}


def known(kind: str, identity: str, row: sqlite3.Row | None) -> sqlite3.Row:
    if row is None:
        raise Refusal(not_found(kind, identity))
    return row


def same_id(body_id: str, path_id: str) -> None:
    if body_id != path_id:
        raise Refusal(invalid("The id in the body must equal the id in the path.", "/data/id"))
