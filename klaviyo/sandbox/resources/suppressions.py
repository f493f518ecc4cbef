"""Suppress and unsuppress operations: by e-mail address, or everybody of a list or a segment."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import Column, Where
from klaviyo.sandbox.protocol.formats import email
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import consent_changes, jobs, lists, profile_shapes, segments
from klaviyo.sandbox.state import identifiers, list_store, people
from klaviyo.sandbox.state.people import Person

SUPPRESS = "profile-suppression-bulk-create-job"
UNSUPPRESS = "profile-suppression-bulk-delete-job"
MOST = 100

_FILTERS = {
    "status": Column("json_extract(j.document, '$.status')", frozenset({"equals"})),
    "list_id": Column("j.list", frozenset({"equals"})),
    "segment_id": Column("j.segment", frozenset({"equals"})),
}


def _body(kind: str) -> Members:
    one = Members(
        {"type": profile_shapes.TYPE, "attributes": Members({"email": Text(form=email)})},
    )
    group = {
        name: Members({"data": Members({"type": Text(choices=(name,)), "id": Text()})}) for name in ("list", "segment")
    }
    profiles = Members({"data": Items(one, fewest=1, most=MOST)})
    return Members(
        {
            "data": Members(
                {"type": Text(choices=(kind,)), "attributes": Members(optional={"profiles": profiles})},
                {"relationships": Members(optional=group)},
            )
        }
    )


_BODIES = {kind: _body(kind) for kind in (SUPPRESS, UNSUPPRESS)}


def bulk_suppress_profiles(call: Call) -> Answer:
    return _start(call, SUPPRESS)


def bulk_unsuppress_profiles(call: Call) -> Answer:
    return _start(call, UNSUPPRESS)


def get_bulk_suppress_profiles_job(call: Call) -> Answer:
    return call.one(_resource(call, jobs.require(call, SUPPRESS, call.ids["job_id"])))


def get_bulk_unsuppress_profiles_job(call: Call) -> Answer:
    return call.one(_resource(call, jobs.require(call, UNSUPPRESS, call.ids["job_id"])))


def get_bulk_suppress_profiles_jobs(call: Call) -> Answer:
    return _list(call, SUPPRESS)


def get_bulk_unsuppress_profiles_jobs(call: Call) -> Answer:
    return _list(call, UNSUPPRESS)


def _start(call: Call, kind: str) -> Answer:
    """Does the work at once; the answer tells of a job that has only begun, as the real one does."""
    data = call.parse(_BODIES[kind])["data"]
    list_id, segment_id = _groups(call, data)
    whom = _people(call, data, list_id, segment_id, make=kind == SUPPRESS)
    changed = sum(_apply(call, kind, person, address) for person, address in whom)
    at = identifiers.instant()
    document: Document = {
        "status": "complete",
        "created_at": at,
        "total_count": len(whom),
        "completed_count": changed,
        "completed_at": at,
        "skipped_count": len(whom) - changed,
    }
    job_id = identifiers.ulid()
    jobs.store(call, kind, job_id, document, list_id=list_id, segment_id=segment_id)
    resource = _resource(call, jobs.require(call, kind, job_id))
    # Live, the answer counts nobody yet, and names a time of completion all the same.
    resource["attributes"] |= {"status": "processing", "total_count": 0, "completed_count": 0, "skipped_count": 0}
    return call.one(resource, 202)


def _apply(call: Call, kind: str, person: Person, address: str) -> bool:
    suppressions = person.consent_of(address).suppressions
    before = consent_changes.noted(person)
    was = "USER_SUPPRESSED" in suppressions
    if was == (kind == SUPPRESS):
        return False
    if was:
        del suppressions["USER_SUPPRESSED"]
    else:
        suppressions["USER_SUPPRESSED"] = identifiers.instant()
    people.save(call.sql, person)
    consent_changes.tell(call.sql, person, before)
    return True


def _groups(call: Call, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    asked = data.get("relationships") or {}
    named = [*asked, *(["profiles"] if "profiles" in data["attributes"] else [])]
    if len(named) != 1:
        detail = "Give exactly one of profiles, a list or a segment."
        raise Refusal(invalid(detail, "/data/attributes/profiles"))
    if "list" in asked:
        return lists.require(call, asked["list"]["data"]["id"])["id"], None
    if "segment" in asked:
        at = "/data/relationships/segment/data/id"
        return None, segments.require(call, asked["segment"]["data"]["id"], at)["id"]
    return None, None


def _people(
    call: Call, data: Mapping[str, Any], list_id: str | None, segment_id: str | None, *, make: bool
) -> list[tuple[Person, str]]:
    """Who is meant, and by which address where one was named."""
    if list_id:
        ids = list_store.members(call.sql, list_id)
    elif segment_id:
        ids = segments.members(call.sql, segments.require(call, segment_id))
    else:
        addresses = [one["attributes"]["email"] for one in data["attributes"]["profiles"]["data"]]
        found = [(_by_address(call, address, make=make), address) for address in addresses]
        return [(person, address) for person, address in found if person]
    return [(person, "") for one in ids if (person := people.get(call.sql, call.account, one))]


def _by_address(call: Call, address: str, *, make: bool) -> Person | None:
    """The person of an address; a stranger is made, so that a later import finds them suppressed."""
    person = people.by_email(call.sql, call.account, address)
    if person is None and make:
        person = people.new(call.account)
        person.email = address
        people.add(call.sql, person)
    return person


def _list(call: Call, kind: str) -> Answer:
    where = Where(("j.account = ?", "j.type = ?"), (call.account, kind))
    listing = Listing("SELECT j.* FROM jobs j", where, "j.seq", {"created": "j.created"}, "created", _FILTERS)
    page = call.page(listing)
    return call.many([_resource(call, row) for row in page.rows], page)


def _resource(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/{row['type']}s/{row['id']}"
    return jobs.resource(
        call,
        row,
        {
            "lists": link(call, "list", path, "lists", [row["list"]] if row["list"] else None),
            "segments": link(call, "segment", path, "segments", [row["segment"]] if row["segment"] else None),
        },
    )
