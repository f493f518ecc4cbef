"""Bearings of a campaign, list, segment or metric: its tags and the flows that it starts, where they are asked for."""

import sqlite3
from collections.abc import Iterable

from klaviyo.sandbox.protocol.calls import Call, Document, link
from klaviyo.sandbox.resources import flows, tags
from klaviyo.sandbox.state import flow_store, tag_store


def relationships(call: Call, kind: str, thing: str) -> Document:
    return {**tags_of(call, kind, thing), **flow_triggers(call, kind, thing)}


def tags_of(call: Call, kind: str, thing: str) -> Document:
    asked = "tags" in call.query.include
    borne = [one["id"] for one in tag_store.of_thing(call.sql, kind, thing)] if asked else None
    return {"tags": link(call, "tag", f"/api/{kind}s/{thing}", "tags", borne)}


def flow_triggers(call: Call, kind: str, thing: str) -> Document:
    asked = "flow-triggers" in call.query.include
    started = [one["id"] for one in _flows(call, kind, thing)] if asked else None
    return {"flow-triggers": link(call, "flow", f"/api/{kind}s/{thing}", "flow-triggers", started)}


def included(call: Call, kind: str, things: Iterable[str]) -> list[Document] | None:
    asked, named = call.query.include, list(things)
    if not asked:
        return None
    found: dict[tuple[str, str], Document] = {}
    if "tags" in asked:
        rows = (row for thing in named for row in tag_store.of_thing(call.sql, kind, thing))
        found |= {("tag", row["id"]): tags.resource(call, row) for row in rows}
    if "flow-triggers" in asked:
        rows = (row for thing in named for row in _flows(call, kind, thing))
        found |= {("flow", row["id"]): flows.resource(call, row) for row in rows}
    return list(found.values())


def _flows(call: Call, kind: str, thing: str) -> list[sqlite3.Row]:
    return flow_store.triggered_by(call.sql, call.account, kind, thing)
