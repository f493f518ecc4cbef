"""Names in what is kept of a run: people's addresses, numbers and ids, however they are written, and what ties them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import NoneType
from typing import Any

from integrations import reasons
from integrations.outbox import retention
from klaviyo.api import addresses, values
from klaviyo.api.answers import members

IDS = frozenset({"id", "klaviyo_id", "from_id", "profile_id", "external_id", "reference", "phone_number"})
SAY_NOTHING = frozenset({NoneType, bool, int, float})
MANY = ("profiles", "events", "emails")  # inputs that name a person each


def names_in(value: Any) -> set[str]:
    """All names of people in it: too many rather than too few, so that an erasure finds it."""
    texts: set[str] = set()
    found: set[str] = set()
    left: list[tuple[Any, Any]] = [("", value)]  # no recursion: what is deep costs no more than what is long
    while left:
        name, value = left.pop()
        kind = type(value)
        if kind is str:
            texts.add(value)
            if name in IDS:
                found.add(value)
        elif kind is dict:
            texts.update(map(str, value))
            is_of_another = "id" in value and value.get("type", "profile") != "profile"
            left += ({**value, "id": None} if is_of_another else value).items()
        elif kind is list:
            left += [(name, inner) for inner in value]
        elif kind not in SAY_NOTHING:
            left += [(name, plain) for plain in _plainly(value)]
    found.discard("")
    return found.union(*map(addresses.within, filter(addresses.MAY_NAME.search, texts)))


def _plainly(value: Any) -> list[Any]:
    """What is no JSON, and may hold some, as JSON."""
    if isinstance(value, Mapping):
        return [dict(value)]
    return list(value) if isinstance(value, tuple) else [str(value)] if isinstance(value, str) else []


def ties(value: Any, emails: Collection[str]) -> set[str]:
    """The other names of whoever has one of these addresses, where both stand in one object."""
    found: set[str] = set()
    match value:
        case Mapping():
            inner = members(value.get("attributes"))
            both = {**value, **{name: one for name, one in inner.items() if name != "id"}}
            if values.address(str(both.get("email") or "")) in emails:
                found |= {str(both[name]) for name in IDS if both.get(name) and isinstance(both[name], str)}
            for one in value.values():
                found |= ties(one, emails)
        case list() | tuple():
            for one in value:
                found |= ties(one, emails)
    return found


def without(given: Mapping[str, Any], is_theirs: Callable[[str], bool]) -> dict[str, Any] | None:
    """An input with null in place of those who are one person; None where nobody else is left, or all is about them."""
    left = dict(given)
    for name in MANY:
        if isinstance(given.get(name), list):
            left[name] = [None if any(map(is_theirs, names_in(one))) else one for one in given[name]]
    others = [one for name in MANY if isinstance(left.get(name), list) for one in left[name]]
    return left if any(others) and not any(map(is_theirs, names_in(left))) else None


def gaps(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """An input without the places where nobody stands any more, and which these are."""
    empty = {name: [at for at, one in enumerate(_list(given, name)) if one is None] for name in MANY}
    filled = {name: [one for one in _list(given, name) if one is not None] for name in MANY if empty[name]}
    return {**given, **filled}, {name: places for name, places in empty.items() if places}


def _list(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given.get(name)
    return value if isinstance(value, list) else []


def reworded(outcome: str, codes: Sequence[str], reason: str) -> str:
    """The reason of a run without people: Klaviyo's own words may quote what it refused."""
    is_klaviyos = outcome == "failure" and not any(map(reasons.is_known, codes))
    return retention.REFUSED if is_klaviyos and reason else retention.without_people(reason)
