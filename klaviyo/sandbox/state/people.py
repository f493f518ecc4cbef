"""People of an account: found by their identifiers, changed as Klaviyo changes them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.consent import Consent

IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "kx")
OWN = ("email", "phone_number", "external_id")
MOST_ADDRESSES = 5
NAMES = ("first_name", "last_name", "organization", "locale", "title", "image")
PLACES = ("address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip")

_CHANGING = (
    "email, email_key, phone_number, external_id, anonymous_id, kx, attributes, properties, "
    "consent, updated, last_event_date, others"
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
class OtherAddress:
    """A further address of a profile, with a consent to e-mail and suppressions of its own."""

    email: str
    consent: Consent = field(default_factory=Consent)


@dataclass
class Person:
    """One profile of one account; `others` are its addresses beside the first, by the address in lower case."""

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
    others: dict[str, OtherAddress] = field(default_factory=dict)

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
            _others(row["others"]),
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
            dict(self.others),
        )

    def identity(self) -> tuple[tuple[str, str], ...]:
        """Each identifier's name with its value; of e-mail addresses there may be several."""
        values = (self.email, self.phone_number, self.external_id, self.anonymous_id, self.kx)
        named = [(name, value) for name, value in zip(IDENTIFIERS, values, strict=True) if value]
        return (*named, *(("email", other.email) for other in self.others.values()))

    def has_address(self, email: str) -> bool:
        return email.lower() in ((self.email or "").lower(), *self.others)

    def consent_of(self, email: str | None) -> Consent:
        """What was said about one of the addresses, the first where none is named."""
        other = self.others.get((email or "").lower())
        return other.consent if other else self.consent

    def add_address(self, email: str) -> None:
        """The first where there is none, else one more."""
        if not self.email:
            self.email = email
        elif not self.has_address(email):
            self.others[email.lower()] = OtherAddress(email)

    def drop_address(self, email: str) -> None:
        """Where it is the first, the next one takes its place."""
        if self.others.pop(email.lower(), None) or not self.email or self.email.lower() != email.lower():
            return
        if self.others:
            self.lead_with(next(iter(self.others)))
            del self.others[email.lower()]
        else:
            self.email = None

    def lead_with(self, email: str) -> None:
        """One of the others becomes the first; each keeps what was said about it."""
        new = self.others.pop(email.lower())
        mine = Consent(
            email=self.consent.email,
            suppressions=self.consent.suppressions,
            list_suppressions=self.consent.list_suppressions,
        )
        if self.email:
            self.others[self.email.lower()] = OtherAddress(self.email, mine)
        self.email = new.email
        self.consent = replace(
            self.consent,
            email=new.consent.email,
            suppressions=new.consent.suppressions,
            list_suppressions=new.consent.list_suppressions,
        )


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
        if found and (not email or not found.email or found.has_address(email)):
            return found
    return None


def by_email(sql: sqlite3.Connection, account: str, email: str) -> Person | None:
    return by(sql, account, "email", email)


def add(sql: sqlite3.Connection, *persons: Person) -> None:
    rows = [(one.id, one.account, one.created, *_changing(one)) for one in persons]
    sql.executemany(f"INSERT INTO profiles ({_COLUMNS}) VALUES ({_MARKS})", rows)  # noqa: S608 - fixed names
    _index_others(sql, persons)


def save(sql: sqlite3.Connection, *persons: Person) -> None:
    marks = ", ".join("?" * (_CHANGING.count(",") + 1))
    sql.executemany(
        f"UPDATE profiles SET ({_CHANGING}) = ({marks}) WHERE id = ?",  # noqa: S608 - fixed column names
        [(*_changing(one), one.id) for one in persons],
    )
    sql.executemany("DELETE FROM other_addresses WHERE profile = ?", [(one.id,) for one in persons])
    _index_others(sql, persons)


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
    return _owner_of(look, [(name, value) for name in OWN if (value := identity.get(name))], other_than)


def owner_of_any(look: Look, person: Person) -> TakenIdentifier | None:
    """The same of all that are to be the person's."""
    return _owner_of(look, person.identity(), person.id)


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
    if row is None and name == "email":
        row = sql.execute(
            "SELECT p.* FROM other_addresses o JOIN profiles p ON p.id = o.profile "
            "WHERE o.email_key = ? AND o.account = ?",
            (sought, account),
        ).fetchone()
    return Person.of(row) if row else None


def _owner_of(look: Look, identifiers: Iterable[tuple[str, str]], other_than: str | None) -> TakenIdentifier | None:
    for name, value in identifiers:
        found = look(name, value) if name in OWN else None
        if found and found.id != other_than:
            return TakenIdentifier(name, found.id)
    return None


def _index_others(sql: sqlite3.Connection, persons: Iterable[Person]) -> None:
    rows = [(one.account, key, one.id) for one in persons for key in one.others]
    sql.executemany("INSERT INTO other_addresses (account, email_key, profile) VALUES (?, ?, ?)", rows)


def _others(text: str) -> dict[str, OtherAddress]:
    if text == "{}":
        return {}
    return {key: OtherAddress(email, Consent.loads(said)) for key, (email, said) in _decode(text).items()}


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
        _encoded({key: [other.email, other.consent.dumps()] for key, other in person.others.items()}),
    )


def _decoded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {} if text == "{}" else _decode(text)
    return found


def _encoded(value: dict[str, Any]) -> str:
    return _encode(value) if value else "{}"
