"""Background jobs: stored, listed, and looked up by id."""

import json
import sqlite3

from klaviyo.sandbox.protocol.calls import Call, Document, known
from klaviyo.sandbox.protocol.errors import Refusal, not_found
from klaviyo.sandbox.state import identifiers


def store(
    call: Call, kind: str, job_id: str, document: Document, *, list_id: str | None = None, segment_id: str | None = None
) -> None:
    call.sql.execute(
        "INSERT INTO jobs (id, account, type, list, segment, document, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job_id, call.account, kind, list_id, segment_id, json.dumps(document), identifiers.now()),
    )


def require(call: Call, kind: str, job_id: str) -> sqlite3.Row:
    if not job_id.isalnum():
        raise Refusal(not_found("job", job_id))
    row = call.sql.execute(
        "SELECT * FROM jobs WHERE id = ? AND account = ? AND type = ?", (job_id, call.account, kind)
    ).fetchone()
    return known("job", job_id, row)


def shown(row: sqlite3.Row) -> Document:
    """What is told of a job: all but its `plan`, which says what is still to become of it."""
    document: Document = json.loads(row["document"])
    document.pop("plan", None)
    return document


def resource(call: Call, row: sqlite3.Row, relationships: Document) -> Document:
    return {
        "type": row["type"],
        "id": row["id"],
        "attributes": call.query.sparse(row["type"], shown(row)),
        "relationships": relationships,
        "links": {"self": call.address(f"/api/{row['type']}s/{row['id']}")},
    }
