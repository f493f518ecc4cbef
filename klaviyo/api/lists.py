"""Lists: https://developers.klaviyo.com/en/reference/lists_api_overview."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.errors import TemporaryError
from integrations.models import Delivery
from integrations.wire import http
from klaviyo.api import answers, filters, ids, paging, values
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
GET_LISTS = Operation("get_lists", "GET /api/lists", "lists:read", 75, 750)
GET_LIST = Operation("get_list", "GET /api/lists/{id}", "lists:read", 75, 750)
GET_PROFILES_FOR_LIST = Operation(
    "get_profiles_for_list", "GET /api/lists/{id}/profiles", "lists:read profiles:read", 75, 750
)
ADD_PROFILES_TO_LIST = Operation(
    "add_profiles_to_list",
    "POST /api/lists/{id}/relationships/profiles",
    "lists:write profiles:write",
    10,
    150,
    success=(204,),
)


@dataclass(frozen=True)
class List:
    """`opt_in_process` is Klaviyo's word: single_opt_in, double_opt_in, or empty when it does not say."""

    id: str
    name: str
    opt_in_process: str

    @property
    def is_double_opt_in(self) -> bool:
        return self.opt_in_process == "double_opt_in"


def all_of(client: Client) -> Iterator[List]:
    """Every list of the account, page by page (ten a page is Klaviyo's maximum)."""
    query: dict[str, str] | None = {"page[size]": "10"}
    asked: list[dict[str, str]] = []
    while query is not None and query not in asked:
        asked.append(query)
        document = client.call(GET_LISTS, query=query).document
        if not isinstance(document["data"], list):
            raise _unreadable()
        yield from filter(None, map(_list, document["data"]))
        query = _next_page(document)


def add(client: Client, list_id: str, profile_ids: Sequence[str], deliveries: Sequence[Delivery] = ()) -> None:
    """Make up to 1,000 profiles members. It changes no consent; flows that start from the list may start."""
    body = {"data": [{"type": "profile", "id": id} for id in profile_ids]}
    client.call(ADD_PROFILES_TO_LIST, path={"id": list_id}, body=body, deliveries=deliveries)


def one(client: Client, list_id: str) -> List:
    """One list by its id. Raises PermanentError when the account has no such list (code not_found, or invalid)."""
    found = _list(client.call(GET_LIST, path={"id": ids.checked(list_id)}).data)
    if found is None:
        raise _unreadable()
    return found


def is_member(client: Client, list_id: str, email: str, deliveries: Sequence[Delivery] = ()) -> bool:
    """Whether somebody with this address is on the list."""
    spellings = sorted({email, email.lower()})
    query = {"filter": filters.any_of("email", spellings), "page[size]": "100"}
    path = {"id": ids.checked(list_id)}
    data = client.call(GET_PROFILES_FOR_LIST, path=path, query=query, deliveries=deliveries).data
    if not isinstance(data, list):
        raise _unreadable()
    found = [answers.words(answers.members(answers.members(item).get("attributes")).get("email")) for item in data]
    return email.lower() in {values.address(address).lower() for address in found}


def _list(item: Any) -> List | None:
    told = answers.members(item)
    attributes, id = answers.members(told.get("attributes")), answers.words(told.get("id"))
    if not ID.fullmatch(id):
        return None
    return List(id, answers.words(attributes.get("name")), answers.words(attributes.get("opt_in_process")))


def _next_page(document: dict[str, Any]) -> paging.Query | None:
    try:
        return paging.next_query(document)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> TemporaryError:
    return TemporaryError(http.UNREADABLE_ANSWER.saying("Klaviyo's answer about lists could not be read."))
