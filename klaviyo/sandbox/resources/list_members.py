"""List members: added and removed by profile id, without a word about consent."""

from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Listing
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import EXACT, RANGE, Column, Where, lower, moment
from klaviyo.sandbox.protocol.paging import Page
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import lists, profiles
from klaviyo.sandbox.state import list_store, people
from klaviyo.sandbox.state.people import Person

_BODY = Members({"data": Items(Members({"type": Text(choices=("profile",)), "id": Text()}), fewest=1, most=1000)})
FILTERS = {
    "email": Column(profiles.BY_EMAIL, EXACT, lower),
    "phone_number": Column("p.phone_number", EXACT, str),
    "push_token": Column("NULL", EXACT, str),
    "_kx": Column("p.kx", frozenset({"equals"}), str),
    "joined_group_at": Column("m.joined_at", RANGE, moment),
}
SORTS = {"joined_group_at": "m.joined_at"}


def add_profiles_to_list(call: Call) -> Answer:
    row = lists.require(call, call.ids["id"])
    list_store.add_members(call.sql, row["id"], _known_profiles(call, call.parse(_BODY)))
    return Answer(204)


def remove_profiles_from_list(call: Call) -> Answer:
    row = lists.require(call, call.ids["id"])
    list_store.remove_members(call.sql, row["id"], _known_profiles(call, call.parse(_BODY)))
    return Answer(204)


def get_profiles_for_list(call: Call) -> Answer:
    page = _page(call)
    members = [profiles.resource(call, Person.of(row), row["joined_at"]) for row in page.rows]
    return call.many(members, page)


def get_profile_ids_for_list(call: Call) -> Answer:
    page = _page(call)
    return call.many([{"type": "profile", "id": row["id"]} for row in page.rows], page)


def _page(call: Call) -> Page:
    row = lists.require(call, call.ids["id"])
    select = "SELECT p.*, m.joined_at FROM members m JOIN profiles p ON p.id = m.profile"
    where = Where(("m.list = ?",), (row["id"],))
    return call.page(Listing(select, where, "m.seq", SORTS, "joined_group_at", FILTERS))


def _known_profiles(call: Call, body: Any) -> list[str]:
    ids = [one["id"] for one in body["data"]]
    unknown = [one for one in ids if people.get(call.sql, call.account, one) is None]
    if unknown:
        raise Refusal(invalid(f"The following profiles do not exist: {', '.join(unknown)}.", "/data/"))
    return ids
