"""Values reports of campaigns and flows, made from the events that name a message.

An event belongs to the flow in its `$flow` and the message in its `$message`, a conversion to those in
`$attributed_flow` and `$attributed_message`; a message without a flow is a campaign's.
"""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid, invalid_parameter
from klaviyo.sandbox.protocol.filter_language import Condition, parse
from klaviyo.sandbox.protocol.formats import moment
from klaviyo.sandbox.protocol.validation import Items, Members, Shape, Text
from klaviyo.sandbox.protocol.variants import Null, OneOf
from klaviyo.sandbox.resources import report_statistics, spans
from klaviyo.sandbox.resources.report_statistics import Tally
from klaviyo.sandbox.state import accounts, flow_store, identifiers, tag_store

CAMPAIGNS, FLOWS = "campaign-values-report", "flow-values-report"
_AT = "/data/attributes"
_CHANNELS = ("email", "sms", "push-notification", "whatsapp")
_MOST_ITEMS = 100
_TIMEFRAME = OneOf(
    (Members({"key": Text(choices=spans.KEYS)}), Members({"start": Text(form=moment), "end": Text(form=moment)}))
)
_OF_ALL = ("send_channel", "tag_id", "tag_name", "text_message_format", "variation", "variation_name")
_GROUPS = {
    CAMPAIGNS: ("campaign_id", "campaign_message_id", "campaign_message_name", "group", "group_name", *_OF_ALL),
    FLOWS: ("flow_id", "flow_message_id", "flow_message_name", "flow_name", *_OF_ALL),
}
_NEEDED = {CAMPAIGNS: ("campaign_id", "campaign_message_id"), FLOWS: ("flow_id", "flow_message_id")}
_TAGS = ("tag_id", "tag_name")


def _body(kind: str) -> Members:
    optional: dict[str, Shape] = {
        "group_by": Null(Items(Text(choices=_GROUPS[kind]))),
        "filter": Text(nullable=True),
    }
    attributes = Members(
        {
            "statistics": Items(Text(choices=report_statistics.NAMES), fewest=1),
            "timeframe": _TIMEFRAME,
            "conversion_metric_id": Text(),
        },
        optional,
    )
    return Members({"data": Members({"type": Text(choices=(kind,)), "attributes": attributes})})


_BODIES = {kind: _body(kind) for kind in (CAMPAIGNS, FLOWS)}


@dataclass(frozen=True)
class _Message:
    """What an event says of the message that it is about."""

    flow: str
    id: str
    channel: str
    name: str
    variation: str


def query_campaign_values(call: Call) -> Answer:
    return _report(call, CAMPAIGNS)


def query_flow_values(call: Call) -> Answer:
    return _report(call, FLOWS)


def _report(call: Call, kind: str) -> Answer:
    if call.query.given.get("page_cursor"):
        raise Refusal(invalid_parameter("Invalid cursor provided.", "page_cursor"))
    asked = call.parse(_BODIES[kind])["data"]["attributes"]
    by = _grouped_by(kind, asked)
    wanted = _conditions(kind, asked.get("filter"))
    conversion = _metric(call, asked["conversion_metric_id"])
    tallies: dict[tuple[str, ...], Tally] = {}
    for event in _events(call, conversion, _span(call, asked["timeframe"])):
        message = _message(event, is_conversion=event["metric"] == conversion)
        if message is None or bool(message.flow) != (kind == FLOWS):
            continue
        whole = _groupings(call, kind, message)
        for one in _by_tag(call, kind, whole, by):
            if all(_holds(condition, one, _borne(call, kind, whole)) for condition in wanted):
                tally = tallies.setdefault(tuple(one[name] for name in by), Tally())
                _count(tally, event, is_conversion=event["metric"] == conversion)
    results = [
        {
            "groupings": dict(zip(by, key, strict=True)),
            "statistics": report_statistics.of(tally, dict.fromkeys(asked["statistics"])),
        }
        for key, tally in tallies.items()
    ]
    return call.one(_resource(call, kind, results))


def _resource(call: Call, kind: str, results: list[Document]) -> Document:
    made = identifiers.uuid4()
    path = f"/api/{kind}s/{made}"
    thing, message = ("flow", "flow-message") if kind == FLOWS else ("campaign", "")
    named = list(dict.fromkeys(one["groupings"][f"{thing}_id"] for one in results))
    relationships = {f"{thing}s": link(call, thing, path, f"{thing}s", named)}
    if message:
        messages = list(dict.fromkeys(one["groupings"]["flow_message_id"] for one in results))
        relationships["flow-messages"] = link(call, message, path, "flow-messages", messages)
    return {
        "type": kind,
        "id": made,
        "attributes": call.query.sparse(kind, {"results": results}),
        "relationships": relationships,
        "links": {"self": call.address(path)},
    }


def _grouped_by(kind: str, asked: Mapping[str, Any]) -> list[str]:
    by = list(dict.fromkeys(asked.get("group_by") or (*_NEEDED[kind], "send_channel")))
    missing = [name for name in _NEEDED[kind] if name not in by]
    if missing:
        raise Refusal(invalid(f"group_by must have: {', '.join(_NEEDED[kind])}.", f"{_AT}/group_by"))
    return by


def _metric(call: Call, metric_id: str) -> str:
    row = call.sql.execute("SELECT 1 FROM metrics WHERE id = ? AND account = ?", (metric_id, call.account)).fetchone()
    if row is None:
        raise Refusal(invalid(f"A metric with id {metric_id} does not exist.", f"{_AT}/conversion_metric_id"))
    return metric_id


def _span(call: Call, timeframe: Mapping[str, str]) -> spans.Span:
    where = ZoneInfo(str((accounts.attributes(call.sql, call.account) or {}).get("timezone", "UTC")))
    if "key" in timeframe:
        return spans.named(timeframe["key"], datetime.now(where))
    span = spans.read(timeframe["start"], where), spans.read(timeframe["end"], where)
    if not span[0] < span[1] <= span[0] + spans.LONGEST:
        raise Refusal(invalid("The timeframe must end after it begins, within a year.", f"{_AT}/timeframe"))
    return span


def _conditions(kind: str, text: str | None) -> list[Condition]:
    try:
        found = parse(text) if text else []
    except Refusal as refusal:
        raise Refusal(*(invalid(one.detail, f"{_AT}/filter") for one in refusal.problems)) from None
    for one in found:
        allowed = ("contains-any", "contains-all") if one.field in _TAGS else ("equals", "contains-any")
        if one.field not in _GROUPS[kind] or one.field.startswith("group"):
            raise Refusal(invalid(f"'{one.field}' is not a valid filter field.", f"{_AT}/filter"))
        if one.operator not in allowed or isinstance(one.value, list) == (one.operator == "equals"):
            raise Refusal(invalid(f"Invalid filter operator '{one.operator}' for '{one.field}'.", f"{_AT}/filter"))
        if len(_values(one)) > _MOST_ITEMS:
            raise Refusal(invalid(f"A filter may list at most {_MOST_ITEMS} items.", f"{_AT}/filter"))
        if one.field == "send_channel" and not set(_values(one)) <= set(_CHANNELS):
            raise Refusal(invalid(f"send_channel is one of: {', '.join(_CHANNELS)}.", f"{_AT}/filter"))
    if len({one.field for one in found}) < len(found):
        raise Refusal(invalid("Only one filter can be used per attribute.", f"{_AT}/filter"))
    return found


def _values(condition: Condition) -> list[str]:
    return [str(one) for one in (condition.value if isinstance(condition.value, list) else [condition.value])]


def _events(call: Call, conversion: str, span: spans.Span) -> list[sqlite3.Row]:
    names = json.dumps(list(report_statistics.COUNTED))
    return call.sql.execute(
        "SELECT e.metric, m.name, e.profile, e.value, e.properties FROM events e JOIN metrics m ON m.id = e.metric "
        "WHERE e.account = ? AND e.time >= ? AND e.time < ? AND e.readable_at <= ? "
        "AND (e.metric = ? OR m.name IN (SELECT value FROM json_each(?))) ORDER BY e.seq",
        (call.account, span[0].timestamp(), span[1].timestamp(), time.time(), conversion, names),
    ).fetchall()


def _message(event: sqlite3.Row, *, is_conversion: bool) -> _Message | None:
    said = json.loads(event["properties"])
    prefix = "$attributed_" if is_conversion else "$"
    named = said.get(f"{prefix}message")
    if not named:
        return None
    flow = str(said.get(f"{prefix}flow") or "")
    channel = said.get("$attributed_channel") or said.get("$flow_channel" if flow else "$campaign_channel")
    variation = str(said.get(f"{prefix}variation") or "")
    return _Message(flow, str(named), str(channel or "email"), str(said.get("Message Name") or ""), variation)


def _groupings(call: Call, kind: str, message: _Message) -> dict[str, str]:
    known = {
        "send_channel": message.channel,
        "text_message_format": "",
        "variation": message.variation,
        "variation_name": "",
    }
    if kind == FLOWS:
        row = flow_store.get(call.sql, call.account, message.flow)
        name = row["name"] if row else ""
        return known | {
            "flow_id": message.flow,
            "flow_name": name,
            "flow_message_id": message.id,
            "flow_message_name": message.name,
        }
    return known | {
        "campaign_id": _campaign(call, message.id),
        "campaign_message_id": message.id,
        "campaign_message_name": message.name,
        "group": "",
        "group_name": "",
    }


def _campaign(call: Call, message_id: str) -> str:
    """The campaign of a message; an id that is not a message's is the campaign's own."""
    row = call.sql.execute("SELECT campaign FROM campaign_messages WHERE id = ?", (message_id,)).fetchone()
    return row["campaign"] if row else message_id


def _borne(call: Call, kind: str, groupings: Mapping[str, str]) -> list[sqlite3.Row]:
    thing = "flow" if kind == FLOWS else "campaign"
    return tag_store.of_thing(call.sql, thing, groupings[f"{thing}_id"])


def _by_tag(call: Call, kind: str, groupings: dict[str, str], by: list[str]) -> list[dict[str, str]]:
    """One for each tag, where that is asked for."""
    if not set(_TAGS) & set(by):
        return [groupings]
    borne = [(row["id"], row["name"]) for row in _borne(call, kind, groupings)] or [("", "")]
    return [{**groupings, "tag_id": tag, "tag_name": name} for tag, name in borne]


def _holds(condition: Condition, groupings: Mapping[str, str], borne: list[sqlite3.Row]) -> bool:
    values = set(_values(condition))
    if condition.field not in _TAGS:
        return groupings.get(condition.field, "") in values
    has = {row["id" if condition.field == "tag_id" else "name"] for row in borne}
    return values <= has if condition.operator == "contains-all" else bool(values & has)


def _count(tally: Tally, event: sqlite3.Row, *, is_conversion: bool) -> None:
    if is_conversion:
        tally.add("conversions", event["profile"])
        tally.add("value", event["profile"], float(event["value"] or 0))
    else:
        tally.add(report_statistics.COUNTED[event["name"]], event["profile"])
