"""Unit of work: the people that one request is about, read together, changed in memory, written together."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from klaviyo.sandbox.state import people
from klaviyo.sandbox.state.people import OWN, Person

_OTHERS = (
    "SELECT p.* FROM json_each(?) asked CROSS JOIN other_addresses o ON o.email_key = asked.value AND o.account = ? "
    "JOIN profiles p ON p.id = o.profile"
)
_ROWS = "SELECT p.* FROM json_each(?) asked CROSS JOIN profiles p ON p.account = ? AND p.{column} = asked.value"


class UnitOfWork:
    """People as they will be once `write` has been called; until then the state knows nothing of it."""

    def __init__(self, sql: sqlite3.Connection, account: str) -> None:
        self._sql = sql
        self.account = account
        self._people: dict[str, Person] = {}
        self._at_first: dict[str, tuple[tuple[str, str], ...]] = {}
        self._owners: dict[tuple[str, str], str | None] = {}
        self._new: dict[str, None] = {}
        self._changed: dict[str, None] = {}

    def read_ahead(self, told: Iterable[Mapping[str, Any]]) -> None:
        """Reads at once whoever has one of these identifiers, or nobody: then that is known too."""
        told = list(told)
        for name in OWN:
            keys = {_key(name, value)[1] for one in told if (value := one.get(name))}
            if not keys:
                continue
            column = "email_key" if name == "email" else name
            rows = self._sql.execute(_ROWS.format(column=column), (json.dumps(list(keys)), self.account))
            for row in rows.fetchall():
                self._admit(row)
            if name == "email":
                for row in self._sql.execute(_OTHERS, (json.dumps(list(keys)), self.account)).fetchall():
                    self._admit(row)
            for key in keys:
                self._owners.setdefault((name, key), None)

    def look(self, name: str, value: str) -> Person | None:
        """Who has this identifier."""
        key = _key(name, value)
        if key in self._owners:
            owner = self._owners[key]
            return self._people[owner] if owner else None
        person = people.by(self._sql, self.account, name, value)
        if person is None:
            if name in OWN:
                self._owners[key] = None
            return None
        known = self._people.get(person.id)
        if known is None:
            return self._keep(person)
        return known if key in {_key(*one) for one in known.identity()} else None

    def get(self, profile_id: str) -> Person | None:
        known = self._people.get(profile_id)
        if known is not None:
            return known
        person = people.get(self._sql, self.account, profile_id)
        return self._keep(person) if person else None

    def put(self, person: Person, *, is_new: bool) -> None:
        """The person is to be like this."""
        before = self._people.get(person.id)
        if before is None or before.identity() != person.identity():
            if before is not None:
                self._forget(before)
            self._index(person)
        self._people[person.id] = person
        if is_new:
            self._new[person.id] = None
        elif person.id not in self._new:
            self._changed[person.id] = None

    def write(self) -> None:
        changed = [self._people[one] for one in self._changed]
        moved = [one for one in changed if one.identity() != self._at_first[one.id]]
        # What somebody gives up must be free before another takes it.
        self._sql.executemany(
            "UPDATE profiles SET email_key = NULL, phone_number = NULL, external_id = NULL WHERE id = ?",
            [(one.id,) for one in moved],
        )
        self._sql.executemany("DELETE FROM other_addresses WHERE profile = ?", [(one.id,) for one in moved])
        people.add(self._sql, *(self._people[one] for one in self._new))
        people.save(self._sql, *moved)
        people.save_details(self._sql, [one for one in changed if one.identity() == self._at_first[one.id]])
        self._at_first |= {one: self._people[one].identity() for one in (*self._new, *self._changed)}
        self._new.clear()
        self._changed.clear()

    def _admit(self, row: sqlite3.Row) -> None:
        if row["id"] not in self._people:
            self._keep(Person.of(row))

    def _keep(self, person: Person) -> Person:
        self._people[person.id] = person
        self._at_first[person.id] = person.identity()
        self._index(person)
        return person

    def _index(self, person: Person) -> None:
        for name, value in person.identity():
            if self._owners.get(key := _key(name, value)) is None:
                self._owners[key] = person.id

    def _forget(self, person: Person) -> None:
        for name, value in person.identity():
            if self._owners.get(key := _key(name, value)) == person.id:
                if name in OWN:
                    self._owners[key] = None
                else:
                    del self._owners[key]


def _key(name: str, value: str) -> tuple[str, str]:
    return (name, value.lower() if name == "email" else value)
