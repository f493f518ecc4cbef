"""Bulk import at work: everybody in it becomes a person or an error of the job."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Call, Document
from klaviyo.sandbox.protocol.errors import Refusal
from klaviyo.sandbox.protocol.faults import chosen
from klaviyo.sandbox.protocol.validation import is_larger
from klaviyo.sandbox.resources import profile_shapes, profiles
from klaviyo.sandbox.state import list_store
from klaviyo.sandbox.state.unit_of_work import UnitOfWork


def run(call: Call, job_id: str, told: list[Any], list_ids: list[str]) -> int:
    """Imports whom it can, onto the lists too; how many failed."""
    unit = UnitOfWork(call.sql, call.account)
    unit.read_ahead(one["attributes"] for one in told)
    failing = chosen(call.fault, "import_errors", len(told))
    imported: dict[str, None] = {}
    errors: list[tuple[str, str]] = []
    for index, one in enumerate(told):
        wrong = "This profile could not be imported." if index in failing else _wrong(one)
        if wrong is None:
            try:
                person, _ = profiles.upsert(unit, one, nulls_clear=False)
                imported[person.id] = None
            except Refusal as refusal:
                wrong = refusal.problems[0].detail
        if wrong is not None:
            errors.append((job_id, json.dumps(_error_document(wrong, one))))
    unit.write()
    call.sql.executemany("INSERT INTO job_errors (job, document) VALUES (?, ?)", errors)
    call.sql.execute("INSERT INTO imported (job, profiles) VALUES (?, ?)", (job_id, json.dumps(list(imported))))
    for list_id in list_ids:
        list_store.add_members(call.sql, list_id, imported)
    return len(errors)


def _wrong(told: Mapping[str, Any]) -> str | None:
    if not told.get("id") and not profiles.identifies(told["attributes"]):
        return "One of email, phone_number, external_id or id must be given."
    if is_larger(told, profile_shapes.PROFILE_BYTES):
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
