"""Double opt-in: asked, waiting, and confirmed by a click."""

import sqlite3

from klaviyo.sandbox.resources import consent_changes
from klaviyo.sandbox.state import identifiers, list_store, people
from klaviyo.sandbox.state.people import Person


def ask(sql: sqlite3.Connection, person: Person, list_id: str | None, source: str | None) -> None:
    """A confirmation mail goes out; consent stays as it was."""
    sql.execute(
        "INSERT OR REPLACE INTO pending_opt_ins (profile, list, source, asked_at) VALUES (?, ?, ?, ?)",
        (person.id, list_id or "", source, identifiers.instant()),
    )


def confirm(sql: sqlite3.Connection, account: str, email: str) -> bool:
    person = people.by_email(sql, account, email)
    if person is None:
        return False
    waiting = sql.execute(
        "DELETE FROM pending_opt_ins WHERE profile = ? RETURNING list, source", (person.id,)
    ).fetchall()
    at = identifiers.instant()
    for row in waiting:
        list_id = row["list"] or None
        before = consent_changes.noted(person)
        person.consent_of(email).subscribe_email(at, list_id=list_id, detail=row["source"], double=True)
        joined = list_store.join(sql, list_id, person.id) if list_id else None
        people.save(sql, person)
        consent_changes.tell(sql, person, before, joined=joined)
    return bool(waiting)


def waiting(sql: sqlite3.Connection, profile_id: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM pending_opt_ins WHERE profile = ?", (profile_id,)).fetchall()
