"""Bulk jobs of coupon codes: a code that cannot be made is an error of the job."""

import json
import sqlite3
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, link
from klaviyo.sandbox.protocol.errors import Refusal, throttled
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import coupon_codes, jobs
from klaviyo.sandbox.state import coupon_store, identifiers

KIND = "coupon-code-bulk-create-job"
MOST = 1000
MOST_QUEUED = 100

_KEPT = timedelta(days=7)
_AT = "/data/attributes/coupon-codes/data"
_BODY = Members(
    {
        "data": Members(
            {
                "type": Text(choices=(KIND,)),
                "attributes": Members(
                    {"coupon-codes": Members({"data": Items(coupon_codes.ONE, fewest=1, most=MOST)})}
                ),
            }
        )
    }
)


def bulk_create_coupon_codes(call: Call) -> Answer:
    """Makes them at once; the answer tells of a job that waits."""
    told = call.parse(_BODY)["data"]["attributes"]["coupon-codes"]["data"]
    _refuse_too_many(call)
    job_id = identifiers.ulid()
    errors = [error for index, one in enumerate(told) if (error := _make(call, job_id, one, index))]
    document = {"at": time.time(), "total": len(told), "errors": errors}
    jobs.store(call, KIND, job_id, document)
    row = jobs.require(call, KIND, job_id)
    return call.one(_resource(call, row, _attributes(document, age=0, seconds=1)), 202)


def get_bulk_create_coupon_codes_job(call: Call) -> Answer:
    row = jobs.require(call, KIND, call.ids["job_id"])
    document = json.loads(row["document"])
    seconds = call.settings.import_seconds
    attributes = _attributes(document, age=time.time() - document["at"], seconds=seconds)
    included = None
    if "coupon-codes" in call.query.include:
        made = coupon_store.of_job(call.sql, row["id"])
        included = [coupon_codes.resource(call, one) for one in made]
    return call.one(_resource(call, row, attributes), included=included)


def _refuse_too_many(call: Call) -> None:
    """At most so many may be queued; which error says so is not published."""
    begun = call.sql.execute(
        "SELECT COUNT(*) FROM jobs WHERE account = ? AND type = ? AND json_extract(document, '$.at') > ?",
        (call.account, KIND, time.time() - call.settings.import_seconds),
    ).fetchone()[0]
    if begun >= MOST_QUEUED:
        raise Refusal(throttled(60), headers={"Retry-After": "60"})


def _make(call: Call, job_id: str, told: Any, index: int) -> Document | None:
    """What is wrong with one of the codes; None when it has been made."""
    coupon_id = told["relationships"]["coupon"]["data"]["id"]
    attributes = told["attributes"]
    code, expires_at = attributes["unique_code"], attributes.get("expires_at")
    if coupon_store.get(call.sql, call.account, coupon_id) is None:
        return _error(f"A coupon with id {coupon_id} does not exist.", f"{_AT}/{index}/relationships/coupon/data/id")
    if coupon_store.add_code(call.sql, call.account, coupon_id, code, expires_at, job_id) is None:
        return _error(f"The coupon {coupon_id} has this code already.", f"{_AT}/{index}/attributes/unique_code")
    return None


def _error(detail: str, pointer: str) -> Document:
    return {
        "id": str(uuid.uuid4()),
        "code": "invalid",
        "title": "Invalid input.",
        "detail": detail,
        "source": {"pointer": pointer},
    }


def _attributes(document: Document, *, age: float, seconds: float) -> Document:
    """The first third of its time a job is queued, then it is processed."""
    is_over = age >= seconds
    failed = len(document["errors"])
    status = "complete" if is_over else "processing" if age >= seconds / 3 else "queued"
    begun = datetime.fromtimestamp(document["at"], UTC)
    return {
        "status": status,
        "created_at": identifiers.moment(begun),
        "total_count": document["total"],
        "completed_count": document["total"] - failed if is_over else 0,
        "failed_count": failed if is_over else 0,
        "completed_at": identifiers.moment(begun + timedelta(seconds=seconds)) if is_over else None,
        "errors": document["errors"] if is_over else [],
        "expires_at": identifiers.moment(begun + _KEPT),
    }


def _resource(call: Call, row: sqlite3.Row, attributes: Document) -> Document:
    path = f"/api/{KIND}s/{row['id']}"
    has_asked = "coupon-codes" in call.query.include
    codes = [one["id"] for one in coupon_store.of_job(call.sql, row["id"])] if has_asked else None
    return {
        "type": KIND,
        "id": row["id"],
        "attributes": call.query.sparse(KIND, attributes),
        "relationships": {"coupon-codes": link(call, "coupon-code", path, "coupon-codes", codes)},
        "links": {"self": call.address(path)},
    }
