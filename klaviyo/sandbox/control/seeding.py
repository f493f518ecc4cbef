"""Seed data: profiles and lists that a test puts there, as if they had come about long ago."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.formats import email, phone
from klaviyo.sandbox.protocol.validation import Anything, Items, Members, Text
from klaviyo.sandbox.state import consent, identifiers, list_store, people, profile_updates
from klaviyo.sandbox.state.people import Person

_NAME = Text(nullable=True)
PROFILES = Members(
    {
        "profiles": Items(
            Members(
                optional={
                    "email": Text(nullable=True, form=email),
                    "phone_number": Text(nullable=True, form=phone),
                    **dict.fromkeys(("external_id", "first_name", "last_name", "locale"), _NAME),
                    "properties": Anything(),
                    "consent": Text(),
                    "sms_consent": Text(),
                    "suppressions": Items(Text(choices=tuple(sorted(consent.REASONS)))),
                    "list_suppressions": Items(Text()),
                    "lists": Items(Text()),
                    "said_at": Text(nullable=True),
                    "others": Anything(),
                }
            )
        )
    }
)
LISTS = Members(
    {
        "lists": Items(
            Members(
                {"name": Text(shortest=1)},
                {
                    "id": Text(shortest=6, longest=6),
                    "opt_in_process": Text(choices=("single_opt_in", "double_opt_in")),
                },
            )
        )
    }
)


@dataclass(frozen=True)
class SeedProfile:
    """A person to put there; whoever has the e-mail address or phone number already is changed.

    `consent` is any word, so that words can be tried which Klaviyo has not thought of yet; it was said at `said_at`
    (ISO 8601), or now. `others` are further addresses of the profile, each with the word for its own consent.
    """

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    consent: str | None = None
    sms_consent: str | None = None
    suppressions: Iterable[str] = ()
    list_suppressions: Iterable[str] = ()
    lists: Iterable[str] = ()
    said_at: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeedList:
    """A list to put there; an id of six characters may be chosen."""

    name: str
    id: str = ""
    opt_in_process: str = "single_opt_in"


def put_profiles(sql: sqlite3.Connection, account: str, seeds: Iterable[SeedProfile]) -> list[str]:
    return [_put(sql, account, seed) for seed in seeds]


def put_lists(sql: sqlite3.Connection, account: str, seeds: Iterable[SeedList]) -> list[str]:
    """Makes the lists that are not there yet by name; the ids of all of them."""
    ids = []
    for seed in seeds:
        row = sql.execute(
            "SELECT id FROM lists WHERE account = ? AND (name = ? OR id = ?)", (account, seed.name, seed.id)
        ).fetchone()
        if row is None and seed.id and sql.execute("SELECT 1 FROM lists WHERE id = ?", (seed.id,)).fetchone():
            raise Refusal(invalid(f"The list id {seed.id} belongs to another account.", "/lists"))
        ids.append(row["id"] if row else list_store.create(sql, account, seed.name, seed.opt_in_process, seed.id))
    return ids


def unknown_lists(sql: sqlite3.Connection, account: str, seeds: Iterable[SeedProfile]) -> list[Problem]:
    named = {one for seed in seeds for one in seed.lists}
    return [
        Problem(400, "invalid", "Invalid input.", f"There is no list {one}.")
        for one in sorted(named)
        if list_store.get(sql, account, one) is None
    ]


def _put(sql: sqlite3.Connection, account: str, seed: SeedProfile) -> str:
    identity = {
        "email": seed.email,
        "phone_number": seed.phone_number,
        "external_id": seed.external_id,
    }
    found = people.find(sql, account, identity)
    person = found or people.new(account)
    names = {"first_name": seed.first_name, "last_name": seed.last_name, "locale": seed.locale}
    told = {**identity, **names, "properties": dict(seed.properties)}
    profile_updates.change(person, {name: value for name, value in told.items() if value is not None})
    _agree(person, seed)
    for address, word in seed.others.items():
        person.add_address(address)
        person.consent_of(address).email.set(word, seed.said_at or identifiers.now(), method="PREFERENCE_PAGE")
    if found:
        people.save(sql, person)
    else:
        people.add(sql, person)
    for list_id in seed.lists:
        list_store.add_members(sql, list_id, [person.id])
    return person.id


def _agree(person: Person, seed: SeedProfile) -> None:
    at = seed.said_at or identifiers.now()
    if seed.consent is not None:
        person.consent.email.set(seed.consent, at, method="PREFERENCE_PAGE")
        person.consent.suppressions = dict.fromkeys(seed.suppressions, at)
        person.consent.list_suppressions = {one: ["UNSUBSCRIBE", at] for one in seed.list_suppressions}
    else:
        person.consent.suppressions |= dict.fromkeys(seed.suppressions, at)
        person.consent.list_suppressions |= {one: ["UNSUBSCRIBE", at] for one in seed.list_suppressions}
    if seed.sms_consent is not None:
        person.consent.sms.set(seed.sms_consent, at)
