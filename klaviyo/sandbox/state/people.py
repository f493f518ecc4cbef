"""People of an account: found by their identifiers, changed as Klaviyo changes them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.consent import Consent

IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "kx")
OWN = ("email", "phone_number", "external_id")
NAMES = ("first_name", "last_name", "organization", "locale", "title", "image")
PLACES = ("address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip")

_CHANGING = (
    "email, email_key, phone_number, external_id, anonymous_id, kx, attributes, properties, "
    "consent, updated, last_event_date"
)
_COLUMNS = f"id, account, created, {_CHANGING}"
_MARKS = ", ".join("?" * (_COLUMNS.count(",") + 1))
_encode = json.JSONEncoder().encode
_decode = json.JSONDecoder().decode


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
            row["id"],
            row["account"],
            row["email"],
            row["phone_number"],
            row["external_id"],
            row["anonymous_id"],
            row["kx"],
            _decoded(row["attributes"]),
            _decoded(row["properties"]),
            Consent.loads(row["consent"]),
            row["created"],
            row["updated"],
            row["last_event_date"],
        )

    def copy(self) -> Person:
        """One that may be changed without changing this one; consent is shared."""
        return Person(
            self.id,
            self.account,
            self.email,
            self.phone_number,
            self.external_id,
            self.anonymous_id,
            self.kx,
            dict(self.attributes),
            dict(self.properties),
            self.consent,
            self.created,
            self.updated,
            self.last_event_date,
        )

    def identity(self) -> tuple[str | None, ...]:
        return (self.email, self.phone_number, self.external_id, self.anonymous_id, self.kx)


Look = Callable[[str, str], Person | None]


def new(account: str) -> Person:
    at = identifiers.instant()
    return Person(identifiers.ulid(), account, created=at, updated=at)


def get(sql: sqlite3.Connection, account: str, profile_id: str) -> Person | None:
    row = sql.execute("SELECT * FROM profiles WHERE id = ? AND account = ?", (profile_id, account)).fetchone()
    return Person.of(row) if row else None


def account_of(sql: sqlite3.Connection, profile_id: str) -> str | None:
    row = sql.execute("SELECT account FROM profiles WHERE id = ?", (profile_id,)).fetchone()
    return row["account"] if row else None


def find(sql: sqlite3.Connection, account: str, identity: Mapping[str, Any]) -> Person | None:
    return first(lambda name, value: by(sql, account, name, value), identity)


def first(look: Look, identity: Mapping[str, Any]) -> Person | None:
    """The person that the first matching identifier names: e-mail, phone, external id, then the rest.

    Whoever has another e-mail address than the one given is not meant, though a lesser identifier be theirs.
    """
    email = identity.get("email")
    for name in IDENTIFIERS:
        value = identity.get(name)
        found = look(name, value) if value else None
        if found and (not email or not found.email or found.email.lower() == email.lower()):
            return found
    return None


def by_email(sql: sqlite3.Connection, account: str, email: str) -> Person | None:
    return by(sql, account, "email", email)


def add(sql: sqlite3.Connection, *persons: Person) -> None:
    rows = [(one.id, one.account, one.created, *_changing(one)) for one in persons]
    sql.executemany(f"INSERT INTO profiles ({_COLUMNS}) VALUES ({_MARKS})", rows)  # noqa: S608 - fixed names


def save(sql: sqlite3.Connection, *persons: Person) -> None:
    marks = ", ".join("?" * (_CHANGING.count(",") + 1))
    sql.executemany(
        f"UPDATE profiles SET ({_CHANGING}) = ({marks}) WHERE id = ?",  # noqa: S608 - fixed column names
        [(*_changing(one), one.id) for one in persons],
    )


def save_details(sql: sqlite3.Connection, persons: Iterable[Person]) -> None:
    """Writes what no index holds: neither identifiers nor consent."""
    sql.executemany(
        "UPDATE profiles SET attributes = ?, properties = ?, updated = ?, last_event_date = ? WHERE id = ?",
        [
            (_encoded(one.attributes), _encoded(one.properties), one.updated, one.last_event_date, one.id)
            for one in persons
        ],
    )


def owner_of(look: Look, identity: Mapping[str, Any], *, other_than: str | None = None) -> TakenIdentifier | None:
    """The identifier in `identity` that somebody else has already, if there is one."""
    for name in OWN:
        value = identity.get(name)
        found = look(name, value) if value else None
        if found and found.id != other_than:
            return TakenIdentifier(name, found.id)
    return None


def delete(sql: sqlite3.Connection, profile_ids: Iterable[str]) -> None:
    sql.executemany("DELETE FROM profiles WHERE id = ?", [(one,) for one in profile_ids])


def count(sql: sqlite3.Connection, account: str) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM profiles WHERE account = ?", (account,)).fetchone()[0])


def by(sql: sqlite3.Connection, account: str, name: str, value: str) -> Person | None:
    column, sought = ("email_key", value.lower()) if name == "email" else (name, value)
    row = sql.execute(
        f"SELECT * FROM profiles WHERE account = ? AND {column} = ?",  # noqa: S608 - one of IDENTIFIERS
        (account, sought),
    ).fetchone()
    return Person.of(row) if row else None


def _changing(person: Person) -> tuple[Any, ...]:
    return (
        person.email,
        person.email.lower() if person.email else None,
        person.phone_number,
        person.external_id,
        person.anonymous_id,
        person.kx,
        _encoded(person.attributes),
        _encoded(person.properties),
        person.consent.dumps(),
        person.updated,
        person.last_event_date,
    )


def _decoded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {} if text == "{}" else _decode(text)
    return found


def _encoded(value: dict[str, Any]) -> str:
    return _encode(value) if value else "{}"
