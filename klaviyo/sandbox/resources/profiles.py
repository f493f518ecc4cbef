"""Profile operations; none of them can touch consent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, link, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid, not_found
from klaviyo.sandbox.protocol.filters import AFTER_OR_BEFORE, EXACT, Column, Where, lower, moment
from klaviyo.sandbox.resources import ignored_phones, suppression_filters
from klaviyo.sandbox.resources import profile_shapes as shapes
from klaviyo.sandbox.state import people, profile_updates
from klaviyo.sandbox.state.people import Person, TakenIdentifier
from klaviyo.sandbox.state.unit_of_work import UnitOfWork

# By any of a profile's addresses: https://help.klaviyo.com/hc/en-us/articles/48274807144475
BY_EMAIL = (
    "p.seq IN (SELECT e.seq FROM profiles e WHERE e.email_key {} UNION ALL SELECT e.seq FROM other_addresses o "
    "JOIN profiles e ON e.id = o.profile WHERE o.email_key {})"
)
FILTERS = {
    "id": Column("p.id", EXACT),
    "email": Column(BY_EMAIL, EXACT, lower),
    "phone_number": Column("p.phone_number", EXACT, str),
    "external_id": Column("p.external_id", EXACT, str),
    "_kx": Column("p.kx", frozenset({"equals"}), str),
    "created": Column("p.created", AFTER_OR_BEFORE, moment),
    "updated": Column("p.updated", AFTER_OR_BEFORE, moment),
    **suppression_filters.FILTERS,
}
_PREDICTED = (
    "historic_number_of_orders",
    "predicted_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
    "historic_clv",
    "predicted_clv",
    "total_clv",
    "churn_probability",
    "expected_date_of_next_order",
    "ranked_channel_affinity",
)
_SORTS = {
    "created": "p.created",
    "updated": "p.updated",
    "email": "p.email_key",
    "id": "p.id",
    **suppression_filters.SORTS,
    "": "''",
}


def get_profiles(call: Call) -> Answer:
    suppression_filters.check(call.query.filter)
    where = Where(("p.account = ?",), (call.account,))
    page = call.page(Listing("SELECT p.* FROM profiles p", where, "p.seq", _SORTS, "", FILTERS))
    return call.many([resource(call, Person.of(row)) for row in page.rows], page)


def create_profile(call: Call) -> Answer:
    attributes = call.parse(shapes.CREATE)["data"]["attributes"]
    headers = ignored_phones.leave_out(call, [attributes])
    _need_identifier(attributes)
    taken = people.owner_of(UnitOfWork(call.sql, call.account).look, attributes)
    if taken:
        raise Refusal(_duplicate(taken))
    person = people.new(call.account)
    profile_updates.change(person, attributes)
    people.add(call.sql, person)
    return replace(call.one(resource(call, person), 201), headers=headers)


def update_profile(call: Call) -> Answer:
    data = call.parse(shapes.UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    person = require(call, call.ids["id"])
    headers = ignored_phones.leave_out(call, [data["attributes"]])
    profile_updates.change(person, data["attributes"])
    profile_updates.patch(person, data.get("meta") or {})
    _check_identifiers(UnitOfWork(call.sql, call.account), person)
    people.save(call.sql, person)
    return replace(call.one(resource(call, person)), headers=headers)


def create_or_update_profile(call: Call) -> Answer:
    data = call.parse(shapes.UPSERT)["data"]
    headers = ignored_phones.leave_out(call, [data["attributes"]])
    if not data.get("id"):
        _need_identifier(data["attributes"])
    unit = UnitOfWork(call.sql, call.account)
    person, is_new = upsert(unit, data)
    unit.write()
    return replace(call.one(resource(call, person), 201 if is_new else 200), headers=headers)


def upsert(unit: UnitOfWork, data: Mapping[str, Any], *, nulls_clear: bool = True) -> tuple[Person, bool]:
    """Finds or makes the person that `data` identifies and applies it; true when they are new.

    An identifier that belongs to somebody else stays theirs.
    """
    attributes = dict(data["attributes"])
    meta = {**(attributes.pop("meta", None) or {}), **(data.get("meta") or {})}
    person, is_new = _whom(unit, data.get("id"), attributes)
    for name in people.OWN:
        if name in attributes and people.owner_of(unit.look, {name: attributes[name]}, other_than=person.id):
            del attributes[name]
    if str(attributes.get("email") or "").lower() in person.others:
        del attributes["email"]  # it names the person, and does not become their first
    profile_updates.change(person, attributes, nulls_clear=nulls_clear)
    if meta:
        profile_updates.patch(person, meta)
        _check_identifiers(unit, person)
    unit.put(person, is_new=is_new)
    return person, is_new


def identifies(attributes: Mapping[str, Any]) -> bool:
    names = ("email", "phone_number", "external_id", "_kx", "anonymous_id")
    return any(attributes.get(name) for name in names)


def require(call: Call, profile_id: str) -> Person:
    return _known(UnitOfWork(call.sql, call.account), profile_id)


def resource(call: Call, person: Person, joined_at: str | None = None) -> Document:
    attributes = attributes_of(person)
    attributes |= {name: call.moment(attributes[name]) for name in ("created", "updated")}
    if joined_at is not None:
        attributes["joined_group_at"] = joined_at
    extra = call.query.additional("profile")
    if "subscriptions" in extra:
        attributes["subscriptions"] = person.consent.document(person.email, person.phone_number)
    if "predictive_analytics" in extra:
        attributes["predictive_analytics"] = dict.fromkeys(_PREDICTED)
    path = f"/api/profiles/{person.id}"
    talks = "conversations" if call.path.startswith("/api/profiles") and not call.body else "conversation"
    return {
        "type": "profile",
        "id": person.id,
        "attributes": call.query.sparse("profile", attributes),
        "relationships": {
            "lists": link(call, "list", path, "lists"),
            "segments": link(call, "segment", path, "segments"),
            "push-tokens": link(call, "push-token", path, "push-tokens"),
            # Both names were seen on one day: the newer one where profiles themselves are read.
            talks: link(call, "conversation", path, talks),
        },
        "links": {"self": call.address(path)},
    }


def attributes_of(person: Person) -> Document:
    place = person.attributes.get("location", {})
    return {
        "email": person.email,
        "phone_number": person.phone_number,
        "external_id": person.external_id,
        "anonymous_id": person.anonymous_id,
        "whatsapp_bsuid": None,
        **{name: person.attributes.get(name) for name in people.NAMES},
        "created": person.created,
        "updated": person.updated,
        "last_event_date": person.last_event_date,
        "location": {name: place.get(name) for name in people.PLACES},
        "properties": person.properties,
    }


def _whom(unit: UnitOfWork, profile_id: str | None, attributes: Mapping[str, Any]) -> tuple[Person, bool]:
    if profile_id:
        return _known(unit, profile_id).copy(), False
    identity = {**attributes, "kx": attributes.get("_kx")}
    found = people.first(unit.look, identity)
    return (found.copy(), False) if found else (people.new(unit.account), True)


def _known(unit: UnitOfWork, profile_id: str) -> Person:
    person = unit.get(profile_id)
    if person is None:
        raise Refusal(not_found("profile", profile_id))
    return person


def _need_identifier(attributes: Mapping[str, Any]) -> None:
    if not identifies(attributes):
        detail = "One of email, phone_number, external_id or id must be given."
        raise Refusal(invalid(detail, "/data/attributes"))


def _check_identifiers(unit: UnitOfWork, person: Person) -> None:
    if taken := people.owner_of_any(unit.look, person):
        raise Refusal(_duplicate(taken))
    if len(person.others) >= people.MOST_ADDRESSES:
        detail = f"A profile may have at most {people.MOST_ADDRESSES} email addresses."
        raise Refusal(invalid(detail, "/data/meta/patch_identifiers"))


def _duplicate(taken: TakenIdentifier) -> Problem:
    return Problem(
        409,
        "duplicate_profile",
        "Conflict.",
        "A profile already exists with one of these identifiers.",
        pointer="/data/attributes",
        meta={"duplicate_profile_id": taken.owner},
    )
