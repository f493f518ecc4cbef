"""Import job states: queued, processing, and then complete, cancelled or something unheard of."""

import json
import time
from datetime import UTC, datetime, timedelta

from klaviyo.sandbox.protocol.calls import Call, Document
from klaviyo.sandbox.state import identifiers

KIND = "profile-bulk-import-job"
_KEPT = timedelta(days=7)


def queued(total: int) -> Document:
    return {
        "status": "queued",
        "created_at": identifiers.now(),
        "total_count": total,
        "completed_count": 0,
        "failed_count": 0,
        "completed_at": None,
        "expires_at": identifiers.moment(datetime.now(UTC) + _KEPT),
        "started_at": None,
    }


def begin(call: Call, job_id: str, total: int, failed: int) -> None:
    """Gives a job its life: over at once, or a plan for the seconds that an import takes."""
    document = {**queued(total), "plan": {"at": time.time(), "failed": failed, "ends_as": _end(call)}}
    seconds = call.settings.import_seconds
    _write(call, job_id, _aged(document, seconds) if seconds <= 0 else document)


def go_on(call: Call) -> None:
    """Brings the account's jobs to where they are by now."""
    rows = call.sql.execute(
        "SELECT id, document FROM jobs WHERE account = ? AND type = ? AND json_extract(document, '$.plan') IS NOT NULL",
        (call.account, KIND),
    ).fetchall()
    for row in rows:
        _write(call, row["id"], _aged(json.loads(row["document"]), call.settings.import_seconds))


def _aged(document: Document, seconds: float) -> Document:
    plan = document["plan"]
    age = time.time() - plan["at"]
    if age >= seconds:
        return _over(document, identifiers.second(plan["at"] + max(0.0, seconds)))
    if age >= seconds / 3:
        return {**document, "status": "processing", "started_at": identifiers.second(plan["at"] + seconds / 3)}
    return document


def _over(document: Document, at: str) -> Document:
    plan = document["plan"]
    is_complete = plan["ends_as"] == "complete"
    done = document["total_count"] - plan["failed"] if is_complete else 0
    ended = {name: value for name, value in document.items() if name != "plan"}
    ended |= {"status": plan["ends_as"], "started_at": document["started_at"] or at, "completed_count": done}
    return {**ended, "failed_count": plan["failed"] if is_complete else 0, "completed_at": at if is_complete else None}


def _end(call: Call) -> str:
    kind = call.fault.kind if call.fault else ""
    if call.fault and kind == "import_status":
        return call.fault.status
    return "cancelled" if kind == "import_cancelled" else "complete"


def _write(call: Call, job_id: str, document: Document) -> None:
    call.sql.execute("UPDATE jobs SET document = ? WHERE id = ?", (json.dumps(document), job_id))
