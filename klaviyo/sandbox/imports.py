"""Bulk imports of profiles: one bad address refuses the request, other faults are the job's errors."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo.sandbox import jobs, lists, profile_shapes, profiles
from klaviyo.sandbox.calls import Answer, Call, Document, Listing, link
from klaviyo.sandbox.filters import EXACT, Column, Where
from klaviyo.sandbox.problems import Refusal
from klaviyo.sandbox.state import groups, identifiers
from klaviyo.sandbox.state.people import Person
from klaviyo.sandbox.validation import Items, Members, Text

KIND = "profile-bulk-import-job"
MOST = 10_000
_KEPT = timedelta(days=7)

_LISTS = Members(
    {"data": Items(Members({"type": Text(choices=("list",)), "id": Text()}))},
)
_BODY = Members(
    {
        "data": Members(
            {
                "type": Text(choices=(KIND,)),
                "attributes": Members(
                    {"profiles": Members({"data": Items(profile_shapes.UPSERTED, fewest=1, most=MOST)})}
                ),
            },
            {"relationships": Members(optional={"lists": _LISTS})},
        )
    }
)
_FILTERS = {"status": Column("json_extract(j.document, '$.status')", EXACT)}


def bulk_import_profiles(call: Call) -> Answer:
    """Imports at once; the answer tells of a job that waits, as the real one does."""
    data = call.parse(_BODY)["data"]
    list_ids = _list_ids(call, data)
    told = data["attributes"]["profiles"]["data"]
    job_id = identifiers.long()
    jobs.store(call, KIND, job_id, {}, list_id=",".join(list_ids) or None)
    failed = sum(not _import(call, job_id, one, list_ids) for one in told)
    document = _document(len(told), failed)
    call.sql.execute("UPDATE jobs SET document = ? WHERE id = ?", (json.dumps(document), job_id))
    resource = _resource(call, jobs.require(call, KIND, job_id))
    begun = {"status": "queued", "completed_count": 0, "failed_count": 0}
    resource["attributes"] |= {**begun, "completed_at": None, "started_at": None}
    return call.one(resource, 202)


def get_bulk_import_profiles_job(call: Call) -> Answer:
    row = jobs.require(call, KIND, call.ids["job_id"])
    included = None
    if "lists" in call.query.include:
        known = [groups.get(call.sql, call.account, one) for one in _lists_of(row)]
        included = [lists.resource(call, one) for one in known if one]
    return call.one(_resource(call, row), included=included)


def get_bulk_import_profiles_jobs(call: Call) -> Answer:
    where = Where(("j.account = ?", "j.type = ?"), (call.account, KIND))
    sorts = {"created_at": "j.created"}
    page = call.page(Listing("SELECT j.* FROM jobs j", where, "j.seq", sorts, "created_at", _FILTERS))
    return call.many([_resource(call, row) for row in page.rows], page)


def get_errors_for_bulk_import_profiles_job(call: Call) -> Answer:
    row = jobs.require(call, KIND, call.ids["id"])
    where = Where(("e.job = ?",), (row["id"],))
    page = call.page(Listing("SELECT e.* FROM job_errors e", where, "e.seq", {"": "''"}, "", {}))
    return call.many([_error(call, row["id"], one) for one in page.rows], page)


def get_profiles_for_bulk_import_profiles_job(call: Call) -> Answer:
    row = jobs.require(call, KIND, call.ids["id"])
    where = Where(("j.job = ?",), (row["id"],))
    select = "SELECT p.* FROM job_profiles j JOIN profiles p ON p.id = j.profile"
    page = call.page(Listing(select, where, "j.seq", {"": "''"}, "", {}))
    return call.many([profiles.resource(call, Person.of(one)) for one in page.rows], page)


def _import(call: Call, job_id: str, told: Mapping[str, Any], list_ids: list[str]) -> bool:
    wrong = _wrong(told)
    if wrong is None:
        try:
            person, _ = profiles.upsert(call, told, nulls_clear=False)
        except Refusal as refusal:
            wrong = refusal.problems[0].detail
    if wrong is not None:
        document = _error_document(wrong, told)
        call.sql.execute("INSERT INTO job_errors (job, document) VALUES (?, ?)", (job_id, json.dumps(document)))
        return False
    call.sql.execute("INSERT OR IGNORE INTO job_profiles (job, profile) VALUES (?, ?)", (job_id, person.id))
    for list_id in list_ids:
        groups.add_members(call.sql, list_id, [person.id])
    return True


def _wrong(told: Mapping[str, Any]) -> str | None:
    if not told.get("id") and not profiles.identifies(told["attributes"]):
        return "One of email, phone_number, external_id or id must be given."
    if len(json.dumps(told, ensure_ascii=False).encode()) > profile_shapes.PROFILE_BYTES:
        return "The profile may have at most 100 KB."
    return None


def _error_document(detail: str, told: Mapping[str, Any]) -> Document:
    return {
        "id": str(uuid.uuid4()),
        "code": "invalid",
        "title": "Invalid input.",
        "detail": detail,
        "source": {"pointer": "/data"},
        "original_payload": {"id": told.get("id"), **told["attributes"]},
    }


def _error(call: Call, job_id: str, row: sqlite3.Row) -> Document:
    document = json.loads(row["document"])
    error_id = document.pop("id")
    path = f"/api/{KIND}s/{job_id}/import-errors"
    return {
        "type": "import-error",
        "id": error_id,
        "attributes": call.query.sparse("import-error", document),
        "links": {"self": call.address(f"{path}/{error_id}")},
    }


def _document(total: int, failed: int) -> Document:
    at = identifiers.now()
    return {
        "status": "complete",
        "created_at": at,
        "total_count": total,
        "completed_count": total - failed,
        "failed_count": failed,
        "completed_at": at,
        "expires_at": identifiers.moment(datetime.now(UTC) + _KEPT),
        "started_at": at,
    }


def _list_ids(call: Call, data: Mapping[str, Any]) -> list[str]:
    asked = ((data.get("relationships") or {}).get("lists") or {}).get("data") or []
    return [
        str(lists.require(call, one["id"], f"/data/relationships/lists/data/{place}/id")["id"])
        for place, one in enumerate(asked)
    ]


def _lists_of(row: sqlite3.Row) -> list[str]:
    return row["list"].split(",") if row["list"] else []


def _resource(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/{KIND}s/{row['id']}"
    return jobs.resource(
        call,
        row,
        {
            "lists": link(call, "list", path, "lists", _lists_of(row)),
            "profiles": link(call, "profile", path, "profiles"),
            "import-errors": {"links": {"related": call.address(f"{path}/import-errors")}},
        },
    )
