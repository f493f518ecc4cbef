"""Snapshots of what the sandbox holds: accounts, profiles, lists and events, as values."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.state import identifiers, list_store, people
from klaviyo.sandbox.state.people import Person


@dataclass(frozen=True)
class SeenEvent:
    """One event of one person; `received` counts the times it came, `unique_id` is its dedup key."""

    id: str
    account: str
    metric: str
    profile_id: str
    email: str | None
    phone_number: str | None
    unique_id: str
    time: str
    value: float | None
    value_currency: str | None
    properties: dict[str, Any]
    backfill: bool
    received: int


@dataclass(frozen=True)
class SeenProfile:
    """One person; `consent` and `suppressions` are about e-mail marketing to the first address.

    `others` are further addresses, each with the consent that it has for itself.
    """

    id: str
    account: str
    email: str | None
    phone_number: str | None
    external_id: str | None
    first_name: str | None
    last_name: str | None
    attributes: dict[str, Any]
    properties: dict[str, Any]
    consent: str
    suppressions: tuple[str, ...]
    list_suppressions: tuple[str, ...]
    can_receive: bool
    sms_consent: str
    lists: tuple[str, ...]
    created: str
    updated: str
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenList:
    """One list and the e-mail addresses on it."""

    id: str
    name: str
    opt_in_process: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class SeenAccount:
    """One account and how much it holds."""

    id: str
    name: str
    timezone: str
    currency: str
    opt_in_process: str
    installs: int
    profiles: int
    events: int
    lists: int
    segments: int
    metrics: int


def events(sql: sqlite3.Connection, account: str, metric: str | None = None) -> list[SeenEvent]:
    rows = sql.execute(
        "SELECT e.*, m.name AS metric_name, p.email, p.phone_number FROM events e "
        "JOIN metrics m ON m.id = e.metric JOIN profiles p ON p.id = e.profile "
        "WHERE e.account = ?1 AND (?2 IS NULL OR m.name = ?2) ORDER BY e.seq",
        (account, metric),
    )
    return [_event(row) for row in rows]


def profiles(sql: sqlite3.Connection, account: str) -> list[SeenProfile]:
    rows = sql.execute("SELECT * FROM profiles WHERE account = ? ORDER BY seq", (account,)).fetchall()
    on_lists: dict[str, list[str]] = {}
    for row in sql.execute(
        "SELECT m.profile, m.list FROM members m JOIN lists l ON l.id = m.list WHERE l.account = ? ORDER BY m.seq",
        (account,),
    ):
        on_lists.setdefault(row["profile"], []).append(row["list"])
    return [_profile(Person.of(row), on_lists.get(row["id"], [])) for row in rows]


def profile(sql: sqlite3.Connection, account: str, email: str) -> SeenProfile | None:
    person = people.by_email(sql, account, email)
    if person is None:
        return None
    return of_person(sql, person)


def of_person(sql: sqlite3.Connection, person: Person) -> SeenProfile:
    return _profile(person, [row["id"] for row in list_store.of_profile(sql, person.id)])


def lists(sql: sqlite3.Connection, account: str) -> list[SeenList]:
    rows = sql.execute("SELECT * FROM lists WHERE account = ? ORDER BY seq", (account,)).fetchall()
    return [SeenList(row["id"], row["name"], row["opt_in_process"], _addresses(sql, row["id"])) for row in rows]


def accounts(sql: sqlite3.Connection) -> list[SeenAccount]:
    return [_account(sql, row) for row in sql.execute("SELECT * FROM accounts ORDER BY rowid").fetchall()]


def _account(sql: sqlite3.Connection, row: sqlite3.Row) -> SeenAccount:
    document = json.loads(row["document"])
    counts = [
        sql.execute(f"SELECT COUNT(*) FROM {table} WHERE account = ?", (row["id"],)).fetchone()[0]  # noqa: S608
        for table in ("installs", "profiles", "events", "lists", "segments", "metrics")
    ]
    return SeenAccount(
        row["id"],
        document["contact_information"]["organization_name"],
        document["timezone"],
        document["preferred_currency"],
        row["opt_in_process"],
        *counts,
    )


def _addresses(sql: sqlite3.Connection, list_id: str) -> tuple[str, ...]:
    rows = sql.execute(
        "SELECT COALESCE(p.email, p.phone_number, p.id) AS who FROM members m "
        "JOIN profiles p ON p.id = m.profile WHERE m.list = ? ORDER BY m.seq",
        (list_id,),
    )
    return tuple(row["who"] for row in rows)


def _event(row: sqlite3.Row) -> SeenEvent:
    return SeenEvent(
        row["id"],
        row["account"],
        row["metric_name"],
        row["profile"],
        row["email"],
        row["phone_number"],
        row["unique_id"],
        identifiers.moment(identifiers.from_timestamp(row["time"])),
        row["value"],
        row["value_currency"],
        json.loads(row["properties"]),
        bool(row["backfill"]),
        row["received"],
    )


def _profile(person: Person, lists: list[str]) -> SeenProfile:
    return SeenProfile(
        id=person.id,
        account=person.account,
        email=person.email,
        phone_number=person.phone_number,
        external_id=person.external_id,
        first_name=person.attributes.get("first_name"),
        last_name=person.attributes.get("last_name"),
        attributes=person.attributes,
        properties=person.properties,
        consent=person.consent.email.consent,
        suppressions=tuple(person.consent.suppressions),
        list_suppressions=tuple(person.consent.list_suppressions),
        can_receive=person.consent.can_receive_email(person.email),
        sms_consent=person.consent.sms.consent,
        lists=tuple(lists),
        created=person.created,
        updated=person.updated,
        others={other.email: other.consent.email.consent for other in person.others.values()},
    )
