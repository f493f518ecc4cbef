"""Campaign messages as answers have them."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Call, Document, known, link_to_one
from klaviyo.sandbox.state import campaign_store, template_store


def resource(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/campaign-messages/{row['id']}"
    template = template_store.of_message(call.sql, row["id"])
    attributes = {"definition": json.loads(row["definition"]), **_times(call, row)}
    return {
        "type": "campaign-message",
        "id": row["id"],
        "attributes": call.query.sparse("campaign-message", attributes),
        "relationships": {
            "campaign": link_to_one(call, "campaign", path, "campaign", row["campaign"]),
            "template": link_to_one(call, "template", path, "template", template["id"] if template else None),
            "image": link_to_one(call, "image", path, "image", row["image"]),
        },
        "links": {"self": call.address(path)},
    }


def flat_resource(call: Call, row: sqlite3.Row) -> Document:
    """The one answer that has no `definition` around a message's members."""
    definition = json.loads(row["definition"])
    path = f"/api/campaign-messages/{row['id']}"
    template = template_store.of_message(call.sql, row["id"])
    attributes = {
        "label": definition.get("label") or row["campaign_name"],
        "channel": definition["channel"],
        "content": definition["content"],
        **_times(call, row),
    }
    return {
        "type": "campaign-message",
        "id": row["id"],
        "attributes": call.query.sparse("campaign-message", attributes),
        "relationships": {
            "campaign": link_to_one(call, "campaign", path, "campaign", row["campaign"]),
            "template": link_to_one(call, "template", path, "template", template["id"] if template else None),
        },
        "links": {"self": call.address(path)},
    }


def complete(definition: Mapping[str, Any]) -> Document:
    """A message's definition with the members that were not given."""
    if definition["channel"] == "email":
        names = ("subject", "preview_text", "from_email", "from_label", "reply_to_email", "cc_email", "bcc_email")
        content = {**dict.fromkeys(names), **(definition.get("content") or {})}
        return {"channel": "email", "label": definition.get("label"), "content": content}
    if definition["channel"] == "sms":
        options = {"shorten_links": True, "add_org_prefix": True, "add_info_link": True, "add_opt_out_language": False}
        options |= {
            name: value for name, value in (definition.get("render_options") or {}).items() if value is not None
        }
        content = {"body": None, "media_url": None, **(definition.get("content") or {})}
        return {"channel": "sms", "content": content, "render_options": options}
    return {"notification_type": "standard", **definition}


def _times(call: Call, row: sqlite3.Row) -> Document:
    campaign = known("campaign", row["campaign"], campaign_store.get(call.sql, call.account, row["campaign"]))
    options = json.loads(campaign["send_strategy"]).get("options") or {}
    sent_at = campaign["send_time"]
    send_times = [{"datetime": sent_at, "is_local": bool(options.get("is_local"))}] if sent_at else []
    return {
        "send_times": send_times,
        "created_at": call.moment(row["created_at"]),
        "updated_at": call.moment(row["updated_at"]),
    }
