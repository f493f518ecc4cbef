"""Things of an account by their kind (lists, segments, templates, flows, tags): made, read, found, tagged, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.errors import PermanentError
from integrations.wire.attempts import LastLook
from klaviyo.api import filters, ids, paging, published, values
from klaviyo.api.answers import Unreadable, members, words
from klaviyo.api.client import Client

NOT_FOUND = "not_found"
#: What says whether anybody uses a thing; the size of a list has a limit of its own, of 15 a minute.
_IN_FULL: Mapping[str, Mapping[str, str]] = {
    "list": {"additional-fields[list]": "profile_count", "include": "flow-triggers"},
    "segment": {"include": "flow-triggers"},
    "flow": {"additional-fields[flow]": "definition"},
}
_TAGGED = ("list", "segment", "flow")


@dataclass(frozen=True)
class Thing:
    """One of an account; `tags` are those it bears, `starts` the flows that it starts, where they were asked for."""

    kind: str
    id: str
    attributes: Mapping[str, Any] = field(repr=False)
    tags: frozenset[str] = frozenset()
    starts: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return words(self.attributes.get("name"))

    @property
    def created_at(self) -> datetime | None:
        return values.moment(self.attributes.get("created"))


def make(client: Client, kind: str, attributes: Mapping[str, Any], last_look: LastLook | None = None) -> Thing:
    """A new thing, as Klaviyo sends it back."""
    body = {"data": {"type": kind, "attributes": attributes}}
    return _thing(kind, client.call(published.operation(f"create_{kind}"), body=body, last_look=last_look).data)


def one(client: Client, kind: str, id: str, *, in_full: bool = False) -> Thing | None:
    """The thing with that id, perhaps with what says how it is used; None where Klaviyo says that there is none."""
    operation = published.operation(f"get_{kind}")
    query = dict(_IN_FULL.get(kind, {})) if in_full else None
    try:
        answer = client.call(operation, path={"id": ids.checked(id)}, query=query)
    except PermanentError as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return _thing(kind, answer.data)


def named(client: Client, kind: str, name: str) -> list[Thing]:
    """All things of a kind that have exactly this name."""
    operation = published.operation(f"get_{kind}s")
    first = {"filter": filters.equals("name", name)} | ({"include": "tags"} if kind in _TAGGED else {})

    def ask(query: paging.Query) -> paging.Document:
        return client.call(operation, query=query).document

    found = []
    for document in paging.walk(ask, first, kind):
        if not isinstance(document.get("data"), list):
            raise Unreadable(operation.id)
        found += [_thing(kind, item) for item in document["data"]]
    return [thing for thing in found if thing.name == name]


def tag(client: Client, tag_id: str, kind: str, id: str, last_look: LastLook | None = None) -> None:
    """Put a tag on a list, a segment or a flow; on the same thing again it changes nothing."""
    body = {"data": [{"type": kind, "id": id}]}
    path = {"id": ids.checked(tag_id)}
    client.call(published.operation(f"tag_{kind}s"), path=path, body=body, last_look=last_look)


def bearing(client: Client, tag_id: str, kind: str) -> bool:
    """Whether anything of a kind bears a tag."""
    operation = published.operation(f"get_{kind}_ids_for_tag")
    data = client.call(operation, path={"id": ids.checked(tag_id)}).data
    if not isinstance(data, list):
        raise Unreadable(operation.id)
    return bool(data)


def delete(client: Client, kind: str, id: str, last_look: LastLook | None = None) -> None:
    """Delete a thing; one that is gone already is deleted, too."""
    try:
        client.call(published.operation(f"delete_{kind}"), path={"id": ids.checked(id)}, last_look=last_look)
    except PermanentError as error:
        if error.code != NOT_FOUND:
            raise


def sender(client: Client) -> tuple[str, str]:
    """The name and address from which an account sends, as it has them: empty where it has none."""
    data = client.call(published.operation("get_accounts")).data
    account = members(data[0]) if isinstance(data, list) and data else {}
    contact = members(members(account.get("attributes")).get("contact_information"))
    return words(contact.get("default_sender_name")), words(contact.get("default_sender_email"))


def _thing(kind: str, item: Any) -> Thing:
    told = members(item)
    id = words(told.get("id"))
    if not ids.is_one(id):
        raise Unreadable(kind)
    related = members(told.get("relationships"))
    tags, starts = (_ids(members(related.get(name)).get("data")) for name in ("tags", "flow-triggers"))
    return Thing(kind, id, members(told.get("attributes")), tags, starts)


def _ids(data: Any) -> frozenset[str]:
    return frozenset(words(members(item).get("id")) for item in data) if isinstance(data, list) else frozenset()
