"""Named people: who is named in an input of an action, or in the body of a request, and by what."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from klaviyo.api import addresses, values
from klaviyo.api.answers import members
from klaviyo.api.bodies import Body

_SAYS_NOT_WHO = frozenset({"properties", "meta", "append", "unappend"})
_OF_PROFILES = ("profile", "profile-merge")
_WRITTEN_TO = ("cc_email", "bcc_email", "to_emails")  # of whom Klaviyo asks nothing before it writes to them
_SAY_WHO = ("email", "phone_number", "external_id", "$email", "$phone_number", "$id")
ALONE, COPIED, HIDDEN = "alone:", "copied", "hidden"


@dataclass(frozen=True)
class People:
    """Who is named somewhere: by address, by number, and by the profile's id."""

    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    unnamed: frozenset[tuple[str, str]] = frozenset()  # numbers and ids beside which no address stands
    copied: frozenset[str] = frozenset()  # addresses that get a copy of what others get
    is_hidden: bool = False  # somebody is named by nothing by which they can be looked up

    @property
    def names(self) -> frozenset[str]:
        return self.emails | self.phones | self.profiles


def people_in(value: Any) -> People:
    """Who is named in an input, or in the body of a request; not who is only told of in properties."""
    found: dict[str, set[str]] = {"email": set(), "phone_number": set(), "id": set(), COPIED: set(), HIDDEN: set()}
    unnamed: set[tuple[str, str]] = set()
    for what, name in _named(value):
        if what in found:
            found[what].add(name)
        else:
            unnamed.add((what.removeprefix(ALONE), name))
    emails, phones, profiles = (frozenset(found[what]) for what in ("email", "phone_number", "id"))
    copied = frozenset(found[COPIED])
    return People(emails | copied, phones, profiles, frozenset(unnamed), copied, is_hidden=bool(found[HIDDEN]))


def _alone(value: Mapping[Any, Any], *, is_person: bool) -> Iterator[tuple[str, str]]:
    """What names a person beside whom no address stands."""
    if value.get("email") or not (is_person or "email" in value or "phone_number" in value):
        return
    for name, kind in (("phone_number", "phone_number"), ("external_id", "external_id"), ("$id", "external_id")):
        if isinstance(value.get(name), str) and value[name]:
            said = _spellings(value[name]) if name == "phone_number" else {value[name]}
            yield from ((f"{ALONE}{kind}", one) for one in said)


def _is_hidden(attributes: Any) -> bool:
    """Whether there is nothing but such as an anonymous id, `_kx` or a token."""
    told = members(attributes)
    return not any(told.get(name) for name in _SAY_WHO)


def _spellings(number: str) -> set[str]:
    """A number as it is written, and as Klaviyo may read it."""
    return {number, values.phone(number, "")} - {""}


def _named(value: Any, *, is_person: bool = False) -> Iterator[tuple[str, str]]:
    match value:
        case Body():
            yield from _in_bytes(value)
        case BaseModel():
            yield from _named({name: getattr(value, name) for name in type(value).model_fields})
        case Mapping():
            if value.get("type") in _OF_PROFILES and isinstance(value.get("id"), str):
                yield "id", value["id"]
            if value.get("type") == "profile" and not value.get("id") and _is_hidden(value.get("attributes")):
                yield HIDDEN, "somebody"
            plain = {str(name).removeprefix("$") if name != "$id" else name: one for name, one in value.items()}
            yield from _alone(plain, is_person=is_person)
            for name, inner in value.items():
                if name == "profile" or (name == "attributes" and value.get("type") == "profile"):
                    yield from _named(inner, is_person=True)
                elif name not in _SAYS_NOT_WHO:
                    yield from _under(str(name).removeprefix("$"), inner)
        case list() | tuple():
            for inner in value:
                yield from _named(inner)


def _in_bytes(body: Body) -> Iterator[tuple[str, str]]:
    """Of a body that somebody has written as text: JSON as any other, else whatever looks like an address."""
    try:
        yield from _named(json.loads(body.content))
    except ValueError:
        yield from _in_text(body.content.decode("utf-8", "replace"))


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    for found in addresses.within(text):
        yield ("email", found) if "@" in found else (f"{ALONE}phone_number", found)


def _under(name: Any, inner: Any) -> Iterator[tuple[str, str]]:
    if name == "email" and isinstance(inner, str) and inner:
        yield "email", inner
        if values.email_problem(inner):  # it may be written with more around it
            yield from _in_text(inner)
    elif name == "phone_number" and isinstance(inner, str) and inner:
        yield from (("phone_number", one) for one in _spellings(inner))
    elif name in _WRITTEN_TO:
        told = inner if isinstance(inner, list | tuple) else [inner]
        yield from ((COPIED, one) for one in told if isinstance(one, str) and one)
    elif name in ("klaviyo_id", "from_id", "profile_id") and isinstance(inner, str):
        yield "id", inner
    elif name == "emails" and isinstance(inner, list | tuple):
        yield from (("email", one) for one in inner if isinstance(one, str))
    else:
        yield from _named(inner)
