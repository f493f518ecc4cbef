"""Bulk import operations: one bad address refuses the request, other faults are the job's errors."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import EXACT, Column, Where
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import (
    ignored_phones,
    import_job_states,
    import_work,
    jobs,
    lists,
    profile_shapes,
    profiles,
)
from klaviyo.sandbox.resources.import_job_states import KIND
from klaviyo.sandbox.state import identifiers, list_store
from klaviyo.sandbox.state.people import Person

MOST = 10_000

_LISTS = Members(
    {"data": Items(Members({"type": Text(choices=("list",)), "id": Text()}))},
)
BODY = Members(
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
    data = call.parse(BODY)["data"]
    told = data["attributes"]["profiles"]["data"]
    headers = ignored_phones.leave_out(call, [one["attributes"] for one in told])
    _refuse_malformed(call, told)
    list_ids = _list_ids(call, data)
    job_id = identifiers.long()
    jobs.store(call, KIND, job_id, {}, list_id=",".join(list_ids) or None)
    kind = call.fault.kind if call.fault else ""
    failed = 0 if kind in ("import_cancelled", "import_forgotten") else import_work.run(call, job_id, told, list_ids)
    import_job_states.begin(call, job_id, len(told), failed)
    resource = _resource(call, jobs.require(call, KIND, job_id))
    resource["attributes"] |= call.query.sparse(KIND, import_job_states.queued(len(told)))
    if kind == "import_forgotten":
        call.sql.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    return replace(call.one(resource, 202), headers=headers)


def get_bulk_import_profiles_job(call: Call) -> Answer:
    import_job_states.go_on(call)
    row = jobs.require(call, KIND, call.ids["job_id"])
    included = None
    if "lists" in call.query.include:
        known = [list_store.get(call.sql, call.account, one) for one in _lists_of(row)]
        included = [lists.resource(call, one) for one in known if one]
    return call.one(_resource(call, row), included=included)


def get_bulk_import_profiles_jobs(call: Call) -> Answer:
    import_job_states.go_on(call)
    where = Where(("j.account = ?", "j.type = ?"), (call.account, KIND))
    sorts = {"created_at": "j.created"}
    page = call.page(Listing("SELECT j.* FROM jobs j", where, "j.seq", sorts, "created_at", _FILTERS))
    return call.many([_resource(call, row) for row in page.rows], page)


def get_errors_for_bulk_import_profiles_job(call: Call) -> Answer:
    row = _job(call)
    where = Where(("e.job = ?",), (row["id"],))
    page = call.page(Listing("SELECT e.* FROM job_errors e", where, "e.seq", {"": "''"}, "", {}))
    return call.many([_error(call, row["id"], one) for one in page.rows], page)


def get_profiles_for_bulk_import_profiles_job(call: Call) -> Answer:
    row = _job(call)
    where = Where(("j.job = ?",), (row["id"],))
    select = "SELECT p.* FROM imported j CROSS JOIN json_each(j.profiles) e CROSS JOIN profiles p ON p.id = e.value"
    page = call.page(Listing(select, where, "e.key", {"": "''"}, "", {}))
    return call.many([profiles.resource(call, Person.of(one)) for one in page.rows], page)


def _job(call: Call) -> sqlite3.Row:
    import_job_states.go_on(call)
    return jobs.require(call, KIND, call.ids["id"])


def _refuse_malformed(call: Call, told: list[Any]) -> None:
    if not call.settings.malformed:
        return
    found = [
        invalid("Invalid email address", f"/data/attributes/profiles/data/{index}/attributes/email")
        for index, one in enumerate(told)
        if one["attributes"].get("email") in call.settings.malformed
    ]
    if found:
        raise Refusal(*found)


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


def _list_ids(call: Call, data: Mapping[str, Any]) -> list[str]:
    asked = ((data.get("relationships") or {}).get("lists") or {}).get("data") or []
    return [str(lists.require(call, one["id"])["id"]) for one in asked]


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
