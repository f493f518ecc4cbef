"""Lists API: the account's lists, their opt-in process, and their members."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.models import Delivery
from integrations.wire.attempts import LastLook
from klaviyo.api import answers, filters, ids, paging, values
from klaviyo.api.client import Client
from klaviyo.api.operation import PREDICTIVE_ANALYTICS, SIZE_OF_A_LIST, Operation

GET_LISTS = Operation("get_lists", "GET /api/lists", "lists:read", 75, 750)
GET_LIST = Operation("get_list", "GET /api/lists/{id}", "lists:read", 75, 750, extra=(SIZE_OF_A_LIST,))
GET_PROFILES_FOR_LIST = Operation(
    "get_profiles_for_list",
    "GET /api/lists/{id}/profiles",
    "lists:read profiles:read",
    75,
    750,
    extra=(PREDICTIVE_ANALYTICS,),
)
ADD_PROFILES_TO_LIST = Operation(
    "add_profiles_to_list",
    "POST /api/lists/{id}/relationships/profiles",
    "lists:write profiles:write",
    10,
    150,
    success=(204,),
)
REMOVE_PROFILES_FROM_LIST = Operation(
    "remove_profiles_from_list",
    "DELETE /api/lists/{id}/relationships/profiles",
    "lists:write profiles:write",
    10,
    150,
    success=(204,),
)
CREATE_LIST = Operation(
    "create_list", "POST /api/lists", "lists:write", 10, 150, daily=150, success=(201,), needs_body=True
)
MOST_MEMBERS = 1_000  # https://developers.klaviyo.com/en/reference/remove_profiles_from_list


@dataclass(frozen=True)
class List:
    """A list; `opt_in_process` is Klaviyo's word: single_opt_in, double_opt_in, or empty when it does not say."""

    id: str
    name: str
    opt_in_process: str
    created_at: str = ""

    @property
    def is_double_opt_in(self) -> bool:
        return self.opt_in_process == "double_opt_in"


def all_of(client: Client, place: paging.Query | None = None) -> Iterator[List]:
    """Every list of the account, page by page. It begins at a `place`, which goes along with what is asked for."""
    place = {} if place is None else place
    first = dict(place) or {"page[size]": "10"}  # the most: https://developers.klaviyo.com/en/reference/get_lists

    def ask(query: paging.Query) -> paging.Document:
        place.clear()
        place.update(query)
        return client.call(GET_LISTS, query=query).document

    for document in paging.walk(ask, first, "lists"):
        if not isinstance(document["data"], list):
            raise answers.Unreadable("lists")
        yield from filter(None, map(_list, document["data"]))


def add(client: Client, list_id: str, profile_ids: Sequence[str], deliveries: Sequence[Delivery] = ()) -> None:
    """Make up to 1,000 profiles members, which changes no consent, but may start flows.

    https://developers.klaviyo.com/en/reference/add_profiles_to_list
    """
    body = {"data": [{"type": "profile", "id": id} for id in profile_ids]}
    client.call(ADD_PROFILES_TO_LIST, path={"id": list_id}, body=body, deliveries=deliveries)


def remove(
    client: Client,
    list_id: str,
    profile_ids: Sequence[str],
    deliveries: Sequence[Delivery] = (),
    *,
    last_look: LastLook | None = None,
) -> None:
    """Take up to 1,000 profiles off a list, which changes no consent. Who is not on it is taken off no less.

    https://developers.klaviyo.com/en/reference/remove_profiles_from_list
    """
    body = {"data": [{"type": "profile", "id": ids.checked(id)} for id in profile_ids]}
    path = {"id": ids.checked(list_id)}
    client.call(REMOVE_PROFILES_FROM_LIST, path=path, body=body, deliveries=deliveries, last_look=last_look)


def create(client: Client, name: str) -> str:
    """Make a list, and give its id: https://developers.klaviyo.com/en/reference/create_list."""
    body = {"data": {"type": "list", "attributes": {"name": name}}}
    made = _list(client.call(CREATE_LIST, body=body).data)
    if made is None:
        raise answers.Unreadable("lists")
    return made.id


def one(client: Client, list_id: str) -> List:
    """One list by its id. Raises PermanentError when the account has no such list (code not_found, or invalid)."""
    found = _list(client.call(GET_LIST, path={"id": ids.checked(list_id)}).data)
    if found is None:
        raise answers.Unreadable("lists")
    return found


def is_member(
    client: Client, list_id: str, email: str, deliveries: Sequence[Delivery] = (), profile_id: str = ""
) -> bool:
    """Whether somebody with this address is on the list: by its name, or as a further one of that profile."""
    spellings = sorted({email, email.lower()})
    query = {"filter": filters.any_of("email", spellings), "page[size]": "100"}
    path = {"id": ids.checked(list_id)}
    data = client.call(GET_PROFILES_FOR_LIST, path=path, query=query, deliveries=deliveries).data
    if not isinstance(data, list):
        raise answers.Unreadable("lists")
    if profile_id and profile_id in [answers.members(item).get("id") for item in data]:
        return True
    found = [answers.words(answers.members(answers.members(item).get("attributes")).get("email")) for item in data]
    return email.lower() in {values.address(address).lower() for address in found}


def _list(item: Any) -> List | None:
    told = answers.members(item)
    attributes, id = answers.members(told.get("attributes")), answers.words(told.get("id"))
    if not ids.is_one(id):
        return None
    name, process, created = (answers.words(attributes.get(one)) for one in ("name", "opt_in_process", "created"))
    return List(id, name, process, created)
