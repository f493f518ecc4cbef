"""Lists: https://developers.klaviyo.com/en/reference/lists_api_overview."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.errors import TemporaryError
from integrations.models import Delivery
from klaviyo.api import answers
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
GET_LISTS = Operation("get_lists", "GET", "/api/lists", "lists:read", 75, 750, needs_body=True)
ADD_PROFILES_TO_LIST = Operation(
    "add_profiles_to_list",
    "POST",
    "/api/lists/{id}/relationships/profiles",
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


def all_of(client: Client) -> Iterator[List]:
    """Every list of the account, page by page (ten a page is Klaviyo's maximum)."""
    query: dict[str, str] | None = {"page[size]": "10"}
    asked: list[dict[str, str]] = []
    while query is not None and query not in asked:
        asked.append(query)
        document = client.call(GET_LISTS, query=query).document
        data = document["data"]
        if not isinstance(data, list):
            raise TemporaryError("unreadable_answer", "Klaviyo's answer about lists could not be read.")
        for item in map(answers.members, data):
            attributes = answers.members(item.get("attributes"))
            if ID.fullmatch(id := answers.words(item.get("id"))):
                yield List(id, answers.words(attributes.get("name")), answers.words(attributes.get("opt_in_process")))
        query = _next_page(document)


def add(client: Client, list_id: str, profile_ids: Sequence[str], deliveries: Sequence[Delivery] = ()) -> None:
    """Make up to 1,000 profiles members. It changes no consent; flows that start from the list may start."""
    body = {"data": [{"type": "profile", "id": id} for id in profile_ids]}
    client.call(ADD_PROFILES_TO_LIST, path={"id": list_id}, body=body, deliveries=deliveries)


def _next_page(document: dict[str, Any]) -> dict[str, str] | None:
    """The query of the next page. Only its query is taken: our token goes to no address that an answer names."""
    url = answers.words(answers.members(document.get("links")).get("next"))
    try:
        return dict(parse_qsl(urlsplit(url).query)) or None
    except ValueError:
        raise TemporaryError("unreadable_answer", "Klaviyo's answer about lists could not be read.") from None
