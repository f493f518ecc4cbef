"""Webhook bodies: events in the form of get_event's answer, and the signature over them."""

import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from klaviyo.sandbox.resources import profiles, topics
from klaviyo.sandbox.state import identifiers, people

_ORIGIN = "https://a.klaviyo.com"
_VERSION = "2026-07-15"


def body(sql: sqlite3.Connection, webhook: sqlite3.Row, rows: Iterable[sqlite3.Row], *, with_profiles: bool) -> bytes:
    told = [
        {
            "external_id": row["id"],
            "topic": row["topic"],
            "payload": _document(sql, row, with_profile=with_profiles),
        }
        for row in rows
    ]
    meta = {
        "klaviyo_webhook_id": webhook["id"],
        "klaviyo_account_id": webhook["account"],
        "timestamp": identifiers.now(),
        "version": _VERSION,
    }
    return json.dumps({"data": told, "meta": meta}, separators=(",", ":"), ensure_ascii=False).encode()


def headers(webhook: sqlite3.Row, body: bytes) -> dict[str, str]:
    """The signature is over the body and, right behind it, the text of the timestamp."""
    at = formatdate(time.time(), usegmt=True)
    signed = hmac.new(webhook["secret_key"].encode(), body + at.encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "klaviyo-sandbox",
        "Klaviyo-Webhook-Id": webhook["id"],
        "Klaviyo-Timestamp": at,
        "Klaviyo-Signature": signed,
    }


def _document(sql: sqlite3.Connection, row: sqlite3.Row, *, with_profile: bool) -> dict[str, Any]:
    address = f"{_ORIGIN}/api/events/{row['id']}"
    attributes = {
        "timestamp": int(row["time"]),
        "event_properties": {**json.loads(row["properties"]), "$event_id": row["id"]},
        "datetime": identifiers.moment(identifiers.from_timestamp(row["time"])),
        "uuid": row["uuid"],
    }
    relationships = {
        "profile": {"data": {"type": "profile", "id": row["profile"]}},
        "metric": {"data": {"type": "metric", "id": topics.metric_id(row["topic"])}},
    }
    event = {
        "type": "event",
        "id": row["id"],
        "attributes": attributes,
        "relationships": relationships,
        "links": {"self": address},
    }
    if not with_profile:
        return {"data": event, "links": {"self": address}}
    return {"data": event, "included": _included(sql, row), "links": {"self": address}}


def _included(sql: sqlite3.Connection, row: sqlite3.Row) -> list[dict[str, Any]]:
    person = people.get(sql, row["account"], row["profile"])
    if person is None:
        return []
    links = {"self": f"{_ORIGIN}/api/profiles/{person.id}"}
    return [{"type": "profile", "id": person.id, "attributes": profiles.attributes_of(person), "links": links}]
