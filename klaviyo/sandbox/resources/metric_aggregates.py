"""Metric aggregates: a metric's events counted by time and by what they say of themselves."""

import base64
import json
import sqlite3
import time
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from klaviyo.sandbox.protocol.calls import Answer, Call, Document
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filter_language import Condition, parse
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.protocol.variants import Null, Whole
from klaviyo.sandbox.resources import metrics, spans
from klaviyo.sandbox.state import identifiers

MEASUREMENTS = ("count", "sum_value", "unique")
DIMENSIONS = (
    *(f"$attributed_{name}" for name in ("channel", "flow", "message", "variation")),
    "$campaign_channel",
    "$flow",
    "$flow_channel",
    "$message",
    "$message_send_cohort",
    "$usage_amount",
    "$value_currency",
    "$variation",
    "$variation_send_cohort",
    "Bot Click",
    "Bounce Type",
    "Campaign Name",
    *(f"Client {name}" for name in ("Canonical", "Name", "Type")),
    "Email Domain",
    "Failure Source",
    "Failure Type",
    "From Number",
    "From Phone Region",
    "Inbox Provider",
    "List",
    *(f"Message {name}" for name in ("Format", "Name", "Type")),
    "Method",
    "Segment Count",
    "Subject",
    "To Number",
    "To Phone Region",
    "URL",
    "form_id",
)
_SORTS = tuple(f"{sign}{name}" for name in (*DIMENSIONS, *MEASUREMENTS) for sign in ("", "-"))
_MOST_ROWS = 500
_AT = "/data/attributes"
_BODY = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("metric-aggregate",)),
                "attributes": Members(
                    {
                        "metric_id": Text(),
                        "measurements": Items(Text(choices=MEASUREMENTS), fewest=1),
                        "filter": Items(Text(), fewest=1),
                    },
                    {
                        "page_cursor": Text(nullable=True),
                        "interval": Text(nullable=True, choices=spans.INTERVALS),
                        "page_size": Null(Whole()),
                        "by": Null(Items(Text(choices=DIMENSIONS))),
                        "return_fields": Null(Items(Text())),
                        "timezone": Text(nullable=True, form=spans.zone),
                        "sort": Text(nullable=True, choices=_SORTS),
                    },
                ),
            }
        )
    }
)

Rows = dict[tuple[str, ...], list[list[sqlite3.Row]]]


def query_metric_aggregates(call: Call) -> Answer:
    asked = call.parse(_BODY)["data"]["attributes"]
    where = ZoneInfo(asked.get("timezone") or "UTC")
    metric = metrics.row_of(call, asked["metric_id"])
    conditions = _conditions(asked["filter"])
    span = _span(conditions, where)
    dates = list(spans.beginnings(span, asked.get("interval") or "day"))
    by: list[str] = asked.get("by") or []
    rows: Rows = {} if by else {(): [[] for _ in dates]}
    starts = [one.timestamp() for one in dates]
    for event in _events(call, metric["id"], span):
        said = _said(event)
        if all(_holds(one, said) for one in conditions if one.field != "datetime"):
            buckets = rows.setdefault(tuple(said.get(name, "") for name in by), [[] for _ in dates])
            buckets[bisect_right(starts, event["time"]) - 1].append(event)
    measured = [
        {
            "dimensions": list(key),
            "measurements": {name: [_measure(name, one) for one in buckets] for name in asked_for},
        }
        for asked_for in [dict.fromkeys(asked["measurements"])]
        for key, buckets in rows.items()
    ]
    _sort(measured, asked.get("sort"), by)
    return _answer(call, asked, dates, measured)


def _answer(call: Call, asked: Mapping[str, Any], dates: list[datetime], measured: list[Document]) -> Answer:
    size, begin = asked.get("page_size"), _opened(asked.get("page_cursor"))
    size = _MOST_ROWS if size is None else size
    if not 1 <= size <= _MOST_ROWS:
        raise Refusal(invalid(f"Page size must be an integer between 1 and {_MOST_ROWS}.", f"{_AT}/page_size"))
    attributes = {"dates": [one.isoformat() for one in dates], "data": measured[begin : begin + size]}
    path = call.address("/api/metric-aggregates")
    resource = {
        "type": "metric-aggregate",
        "id": identifiers.uuid4(),
        "attributes": call.query.sparse("metric-aggregate", attributes),
        "links": {"self": path},
    }
    answer = call.one(resource)
    if answer.document and len(measured) > begin + size:
        answer.document["links"]["next"] = f"{path}?page_cursor={_cursor(begin + size)}"
    return answer


def _events(call: Call, metric_id: str, span: spans.Span) -> list[sqlite3.Row]:
    return call.sql.execute(
        "SELECT profile, time, value, value_currency, properties FROM events "
        "WHERE metric = ? AND time >= ? AND time < ? AND readable_at <= ? ORDER BY time, seq",
        (metric_id, span[0].timestamp(), span[1].timestamp(), time.time()),
    ).fetchall()


def _said(event: sqlite3.Row) -> dict[str, str]:
    properties = json.loads(event["properties"])
    said = {name: str(properties[name]) for name in DIMENSIONS if properties.get(name) is not None}
    return said | ({"$value_currency": event["value_currency"]} if event["value_currency"] else {})


def _measure(name: str, events: list[sqlite3.Row]) -> float:
    if name == "sum_value":
        return float(sum(one["value"] or 0 for one in events))
    return float(len({one["profile"] for one in events}) if name == "unique" else len(events))


def _conditions(texts: list[str]) -> list[Condition]:
    found: list[Condition] = []
    for index, text in enumerate(texts):
        at = f"{_AT}/filter/{index}"
        try:
            read = parse(text)
        except Refusal as refusal:
            raise Refusal(*(invalid(one.detail, at) for one in refusal.problems)) from None
        for one in read:
            allowed = ("greater-or-equal", "less-than") if one.field == "datetime" else ("equals", "any")
            if one.field not in ("datetime", *DIMENSIONS):
                raise Refusal(invalid(f"'{one.field}' is not a valid filter field.", at))
            if one.operator not in allowed:
                raise Refusal(invalid(f"Invalid filter operator '{one.operator}' for '{one.field}'.", at))
        found += read
    return found


def _span(conditions: list[Condition], where: ZoneInfo) -> spans.Span:
    bounds: dict[str, datetime] = {}
    for one in conditions:
        if one.field == "datetime":
            try:
                bounds[one.operator] = spans.read(str(one.value), where)
            except ValueError:
                raise Refusal(invalid(f"'{one.value}' is not an ISO 8601 date and time.", f"{_AT}/filter")) from None
    if len(bounds) < 2:
        detail = "A time range is needed: greater-or-equal and less-than on datetime."
        raise Refusal(invalid(detail, f"{_AT}/filter"))
    span = bounds["greater-or-equal"], bounds["less-than"]
    if not span[0] < span[1] <= span[0] + spans.LONGEST:
        raise Refusal(invalid("The time range must end after it begins, within a year.", f"{_AT}/filter"))
    return span


def _holds(condition: Condition, said: Mapping[str, str]) -> bool:
    wanted = condition.value if isinstance(condition.value, list) else [condition.value]
    return said.get(condition.field, "") in [str(one) for one in wanted]


def _sort(measured: list[Document], sort: str | None, by: list[str]) -> None:
    name = (sort or "").removeprefix("-")
    if name in MEASUREMENTS:
        measured.sort(key=lambda one: sum(one["measurements"].get(name, ())), reverse=(sort or "").startswith("-"))
    elif name in by:
        measured.sort(key=lambda one: one["dimensions"][by.index(name)], reverse=(sort or "").startswith("-"))
    elif name:
        raise Refusal(invalid(f"'{sort}' is not among what is grouped by.", f"{_AT}/sort"))


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"row:{number}".encode()).rstrip(b"=").decode()


def _opened(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        mark, _, number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
    except ValueError:
        mark, number = "", ""
    if mark != "row" or not number.isdecimal():
        raise Refusal(invalid("Invalid cursor provided.", f"{_AT}/page_cursor"))
    return int(number)
