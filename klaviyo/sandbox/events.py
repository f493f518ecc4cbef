"""The operations on events: accepted at once, the same event only once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo.sandbox import metrics, profile_shapes, profiles
from klaviyo.sandbox.calls import Answer, Call, Document, Listing, known, link
from klaviyo.sandbox.filters import RANGE, Column, Where, moment, number
from klaviyo.sandbox.problems import Problem, Refusal, invalid
from klaviyo.sandbox.state import happenings, identifiers, people
from klaviyo.sandbox.state.happenings import Happening
from klaviyo.sandbox.validation import Anything, Boolean, Items, Members, Number, Shape, Text

MOST_EVENTS = 1000
MOST_PROPERTIES = 400
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def _time_in_range(text: str) -> str | None:
    try:
        at = identifiers.parsed(text)
    except ValueError:
        return "This value must be an ISO 8601 date and time."
    if not _EARLIEST <= at <= datetime.now(UTC) + timedelta(days=365):
        return "The time must be after the year 2000 and at most one year ahead."
    return None


_METRIC = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("metric",)),
                "attributes": Members({"name": Text(shortest=1, longest=127)}, {"service": Text(nullable=True)}),
            }
        )
    }
)
_REQUIRED: dict[str, Shape] = {"properties": Anything(most=MOST_PROPERTIES), "metric": _METRIC}
_OPTIONAL: dict[str, Shape] = {
    "time": Text(nullable=True, form=_time_in_range),
    "value": Number(nullable=True),
    "value_currency": Text(nullable=True, shortest=3, longest=3),
    "unique_id": Text(nullable=True, shortest=1, longest=255),
    "backfill": Boolean(nullable=True),
}
_TYPE = Text(choices=("event",))
_EVENT = Members({"type": _TYPE, "attributes": Members(_REQUIRED, _OPTIONAL)})
_ONE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "attributes": Members({**_REQUIRED, "profile": Members({"data": profile_shapes.OF_EVENT})}, _OPTIONAL),
            }
        )
    }
)
_OF_ONE_PROFILE = Members(
    {
        "type": Text(choices=("event-bulk-create",)),
        "attributes": Members(
            {
                "profile": Members({"data": profile_shapes.OF_BULK_EVENT}),
                "events": Members({"data": Items(_EVENT, fewest=1)}),
            },
            {"backfill": Boolean(nullable=True)},
        ),
    }
)
_JOB = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("event-bulk-create-job",)),
                "attributes": Members({"events-bulk-create": Members({"data": Items(_OF_ONE_PROFILE, fewest=1)})}),
            }
        )
    }
)

_FILTERS = {
    "metric_id": Column("e.metric", frozenset({"equals"})),
    "profile_id": Column("e.profile", frozenset({"equals"})),
    "profile": Column("e.profile", frozenset({"has"})),
    "metric": Column("e.metric", frozenset({"has"})),
    "datetime": Column("e.time", RANGE, lambda value: identifiers.parsed(moment(value)).timestamp()),
    "timestamp": Column("e.time", RANGE, number),
}
_SORTS = {"datetime": "e.time", "timestamp": "e.time"}


def create_event(call: Call) -> Answer:
    attributes = call.parse(_ONE)["data"]["attributes"]
    data = attributes["profile"]["data"]
    _need_identity(data, "/data/attributes/profile/data/attributes")
    person, _ = profiles.upsert(call, data)
    _record(call, person.id, attributes, backfill=False)
    return Answer(202)


def bulk_create_events(call: Call) -> Answer:
    groups = call.parse(_JOB)["data"]["attributes"]["events-bulk-create"]["data"]
    root = "/data/attributes/events-bulk-create/data"
    if sum(len(group["attributes"]["events"]["data"]) for group in groups) > MOST_EVENTS:
        raise Refusal(invalid(f"At most {MOST_EVENTS} events are allowed in one request.", root))
    for index, group in enumerate(groups):
        data = group["attributes"]["profile"]["data"]
        _need_identity(data, f"{root}/{index}/attributes/profile/data/attributes")
    _refuse_repeats(groups, root)
    for group in groups:
        person, _ = profiles.upsert(call, group["attributes"]["profile"]["data"])
        for event in group["attributes"]["events"]["data"]:
            _record(call, person.id, event["attributes"], backfill=bool(group["attributes"].get("backfill")))
    return Answer(202)


def get_events(call: Call) -> Answer:
    where = Where(("e.account = ?", "e.readable_at <= ?"), (call.account, time.time()))
    page = call.page(Listing("SELECT e.* FROM events e", where, "e.seq", _SORTS, "-datetime", _FILTERS))
    return call.many([_resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_event(call: Call) -> Answer:
    event_id = call.ids["id"]
    if not identifiers.EVENT.fullmatch(event_id):
        raise Refusal(invalid("Invalid event id.", "/data/id"))
    row = call.sql.execute(
        "SELECT * FROM events WHERE id = ? AND account = ? AND readable_at <= ?",
        (event_id, call.account, time.time()),
    ).fetchone()
    row = known("event", event_id, row)
    return call.one(_resource(call, row), included=_included(call, [row]))


def _record(call: Call, profile_id: str, attributes: Mapping[str, Any], *, backfill: bool) -> None:
    text = attributes.get("time")
    happening = Happening(
        metric=attributes["metric"]["data"]["attributes"]["name"],
        time=int(identifiers.parsed(text).timestamp() if text else time.time()),
        properties=attributes["properties"],
        unique_id=attributes.get("unique_id"),
        value=None if attributes.get("value") is None else float(attributes["value"]),
        value_currency=attributes.get("value_currency"),
        backfill=bool(attributes.get("backfill")) or backfill,
    )
    happenings.record(call.sql, call.account, profile_id, happening, call.settings.event_delay)


def _need_identity(data: Mapping[str, Any], pointer: str) -> None:
    if not data.get("id") and not profiles.identifies(data["attributes"]):
        detail = "At least one profile identifier is required: id, email, phone_number, external_id."
        raise Refusal(invalid(detail, pointer))


def _refuse_repeats(groups: list[Any], root: str) -> None:
    """One repeated profile, metric and unique_id inside a request refuses all of it."""
    seen: set[tuple[str, str, str]] = set()
    found: list[Problem] = []
    for index, group in enumerate(groups):
        data = group["attributes"]["profile"]["data"]
        identity = {**data["attributes"], "kx": data["attributes"].get("_kx")}
        whom = data.get("id") or next(str(identity[name]).lower() for name in people.IDENTIFIERS if identity.get(name))
        for place, event in enumerate(group["attributes"]["events"]["data"]):
            unique_id = event["attributes"].get("unique_id")
            if unique_id is None:
                continue
            key = (whom, event["attributes"]["metric"]["data"]["attributes"]["name"], unique_id)
            if key in seen:
                at = f"{root}/{index}/attributes/events/data/{place}/attributes/unique_id"
                found.append(invalid("This event is repeated inside the request.", at))
            seen.add(key)
    if found:
        raise Refusal(*found)


def _resource(call: Call, row: sqlite3.Row) -> Document:
    properties = json.loads(row["properties"])
    properties["$event_id"] = row["unique_id"]
    if row["value"] is not None:
        properties["$value"] = row["value"]
    if row["value_currency"]:
        properties["$currency_code"] = row["value_currency"]
    attributes = {
        "timestamp": row["time"],
        "event_properties": properties,
        "datetime": identifiers.moment(identifiers.from_timestamp(row["time"])),
        "uuid": row["uuid"],
    }
    path = f"/api/events/{row['id']}"
    profile = link(call, "profile", path, "profile")
    metric = link(call, "metric", path, "metric")
    return {
        "type": "event",
        "id": row["id"],
        "attributes": call.query.sparse("event", attributes),
        "relationships": {
            "profile": {"data": {"type": "profile", "id": row["profile"]}, **profile},
            "metric": {"data": {"type": "metric", "id": row["metric"]}, **metric},
            "attributions": link(call, "attribution", path, "attributions", ()),
        },
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    asked = call.query.include
    if not asked:
        return None
    included: list[Document] = []
    if "metric" in asked:
        ids = dict.fromkeys(row["metric"] for row in rows)
        included += [metrics.resource(call, metrics.row_of(call, one)) for one in ids]
    if "profile" in asked:
        for one in dict.fromkeys(row["profile"] for row in rows):
            person = people.get(call.sql, call.account, one)
            if person:
                included.append(profiles.resource(call, person))
    return included
