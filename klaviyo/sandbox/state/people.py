"""The people of an account: found by what identifies them, changed as Klaviyo changes them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.consent import Consent

IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "kx")
NAMES = ("first_name", "last_name", "organization", "locale", "title", "image")
PLACES = (
    "address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip",
)  # fmt: skip

_COLUMNS = (
    "id, account, email, email_key, phone_number, external_id, anonymous_id, kx, attributes, properties, "
    "consent, created, updated, last_event_date"
)


class TakenIdentifier(Exception):
    """An identifier belongs to another person already."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(f"{name} belongs to {owner}")
        self.name = name
        self.owner = owner


@dataclass
class Person:
    """One profile of one account."""

    id: str
    account: str
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    anonymous_id: str | None = None
    kx: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    consent: Consent = field(default_factory=Consent)
    created: str = ""
    updated: str = ""
    last_event_date: str | None = None

    @classmethod
    def of(cls, row: sqlite3.Row) -> Person:
        return cls(
            row["id"], row["account"], row["email"], row["phone_number"], row["external_id"],
            row["anonymous_id"], row["kx"], json.loads(row["attributes"]), json.loads(row["properties"]),
            Consent.loads(row["consent"]), row["created"], row["updated"], row["last_event_date"],
        )  # fmt: skip


def new(account: str) -> Person:
    at = identifiers.now()
    return Person(identifiers.ulid(), account, created=at, updated=at)


def get(sql: sqlite3.Connection, account: str, profile_id: str) -> Person | None:
    row = sql.execute("SELECT * FROM profiles WHERE id = ? AND account = ?", (profile_id, account)).fetchone()
    return Person.of(row) if row else None


def account_of(sql: sqlite3.Connection, profile_id: str) -> str | None:
    row = sql.execute("SELECT account FROM profiles WHERE id = ?", (profile_id,)).fetchone()
    return row["account"] if row else None


def find(sql: sqlite3.Connection, account: str, identity: Mapping[str, Any]) -> Person | None:
    """The person that the first matching identifier names: e-mail, phone, external id, then the rest.

    Whoever has another e-mail address than the one given is not meant, though a lesser identifier be theirs.
    """
    email = identity.get("email")
    for name in IDENTIFIERS:
        value = identity.get(name)
        found = _by(sql, account, name, value) if value else None
        if found and (not email or not found.email or found.email.lower() == email.lower()):
            return found
    return None


def by_email(sql: sqlite3.Connection, account: str, email: str) -> Person | None:
    return _by(sql, account, "email", email)


def add(sql: sqlite3.Connection, person: Person) -> None:
    marks = ", ".join("?" * (_COLUMNS.count(",") + 1))
    sql.execute(f"INSERT INTO profiles ({_COLUMNS}) VALUES ({marks})", _values(person))  # noqa: S608


def save(sql: sqlite3.Connection, person: Person) -> None:
    marks = ", ".join("?" * (_COLUMNS.count(",") + 1))
    sql.execute(
        f"UPDATE profiles SET ({_COLUMNS}) = ({marks}) WHERE id = ?",  # noqa: S608 - fixed column names
        (*_values(person), person.id),
    )


def owner_of(
    sql: sqlite3.Connection, account: str, identity: Mapping[str, Any], *, other_than: str | None = None
) -> TakenIdentifier | None:
    """The identifier in `identity` that somebody else has already, if there is one."""
    for name in ("email", "phone_number", "external_id"):
        value = identity.get(name)
        found = _by(sql, account, name, value) if value else None
        if found and found.id != other_than:
            return TakenIdentifier(name, found.id)
    return None


def change(person: Person, attributes: Mapping[str, Any], *, nulls_clear: bool = True) -> None:
    """Applies what a request says: properties and places merge by key; a null clears, where it may."""
    for name, value in attributes.items():
        if value is None and not nulls_clear:
            continue
        column = "kx" if name == "_kx" else name
        if column in IDENTIFIERS:
            setattr(person, column, value or None)
        elif name == "properties":
            person.properties = _merged(person.properties, value, nulls_clear=nulls_clear)
        elif name == "location":
            place = person.attributes.get("location", {})
            person.attributes["location"] = _merged(place, value, nulls_clear=nulls_clear)
        elif name in NAMES:
            person.attributes = _merged(person.attributes, {name: value}, nulls_clear=True)
    person.updated = identifiers.now()


def patch(person: Person, meta: Mapping[str, Any]) -> None:
    """Applies `meta.patch_properties` and `meta.patch_identifiers`."""
    properties = meta.get("patch_properties") or {}
    for name, value in (properties.get("append") or {}).items():
        person.properties[name] = [*_as_list(person.properties.get(name)), *_as_list(value)]
    for name, value in (properties.get("unappend") or {}).items():
        gone = _as_list(value)
        person.properties[name] = [one for one in _as_list(person.properties.get(name)) if one not in gone]
    for name in _as_list(properties.get("unset")):
        person.properties.pop(name, None)
    moved = meta.get("patch_identifiers") or {}
    for name, value in (moved.get("append") or {}).items():
        if name in IDENTIFIERS:
            setattr(person, name, value)
    for name, value in (moved.get("unappend") or {}).items():
        if name in IDENTIFIERS and getattr(person, name) == value:
            setattr(person, name, None)


def delete(sql: sqlite3.Connection, profile_ids: Iterable[str]) -> None:
    sql.executemany("DELETE FROM profiles WHERE id = ?", [(one,) for one in profile_ids])


def count(sql: sqlite3.Connection, account: str) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM profiles WHERE account = ?", (account,)).fetchone()[0])


def _by(sql: sqlite3.Connection, account: str, name: str, value: str) -> Person | None:
    column, sought = ("email_key", value.lower()) if name == "email" else (name, value)
    row = sql.execute(
        f"SELECT * FROM profiles WHERE account = ? AND {column} = ?",  # noqa: S608 - one of IDENTIFIERS
        (account, sought),
    ).fetchone()
    return Person.of(row) if row else None


def _values(person: Person) -> tuple[Any, ...]:
    return (
        person.id, person.account, person.email, person.email.lower() if person.email else None,
        person.phone_number, person.external_id, person.anonymous_id, person.kx,
        json.dumps(person.attributes), json.dumps(person.properties), person.consent.dumps(),
        person.created, person.updated, person.last_event_date,
    )  # fmt: skip


def _merged(kept: Mapping[str, Any], said: Mapping[str, Any] | None, *, nulls_clear: bool) -> dict[str, Any]:
    if said is None:
        return {}
    both = {**kept, **{name: value for name, value in said.items() if value is not None}}
    if nulls_clear:
        for name in [name for name, value in said.items() if value is None]:
            both.pop(name, None)
    return both


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
