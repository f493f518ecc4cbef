"""Jobs of a campaign: to send it, and to count who would get it; a job's id is the campaign's."""

import json
import sqlite3
import time
from datetime import UTC, datetime

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid, not_found
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import campaign_progress, campaigns
from klaviyo.sandbox.resources.campaign_progress import CANCELLED, DRAFT
from klaviyo.sandbox.resources.campaign_shapes import job
from klaviyo.sandbox.state import campaign_store, identifiers, template_store

SEND = "campaign-send-job"
ESTIMATION_JOB = "campaign-recipient-estimation-job"
ESTIMATION = "campaign-recipient-estimation"

_SEND = job(SEND)
_ESTIMATE = job(ESTIMATION_JOB)
_CANCEL = job(SEND, attributes=Members({"action": Text(choices=("cancel", "revert"))}))


def send_campaign(call: Call) -> Answer:
    row = campaigns.require(call, call.parse(_SEND)["data"]["id"])
    if row["status"] != DRAFT:
        raise Refusal(campaigns.not_a_draft(row["status"]))
    _refuse_unfinished(call, row)
    campaign_progress.schedule(call, row, _begins_at(row))
    return call.one(_resource(call, SEND, row["id"], {"status": "queued"}), 202)


def get_campaign_send_job(call: Call) -> Answer:
    row = campaigns.require(call, call.ids["id"])
    if row["job"] is None:
        raise Refusal(not_found("campaign send job", row["id"]))
    return call.one(_resource(call, SEND, row["id"], {"status": row["job"]}))


def cancel_campaign_send(call: Call) -> Answer:
    """`cancel` is for good, `revert` makes it a draft again; what is not on its way can be neither."""
    data = call.parse(_CANCEL)["data"]
    same_id(data["id"], call.ids["id"])
    row = campaigns.require(call, data["id"])
    if row["begins_at"] is None:
        raise Refusal(invalid(f"Nothing is on its way: the campaign is {row['status']}.", "/data/id"))
    status = CANCELLED if data["attributes"]["action"] == "cancel" else DRAFT
    campaign_store.change(
        call.sql, row["id"], status=status, job="cancelled", begins_at=None, scheduled_at=None, send_time=None
    )
    return Answer(204)


def refresh_campaign_recipient_estimation(call: Call) -> Answer:
    """Counts at once; the answer tells of a job that waits."""
    row = campaigns.require(call, call.parse(_ESTIMATE)["data"]["id"])
    number = len(campaign_progress.recipients(call, row))
    campaign_store.change(call.sql, row["id"], estimate=number, updated_at=row["updated_at"])
    return call.one(_resource(call, ESTIMATION_JOB, row["id"], {"status": "queued"}), 202)


def get_campaign_recipient_estimation_job(call: Call) -> Answer:
    row = _estimated(call, "campaign recipient estimation job")
    return call.one(_resource(call, ESTIMATION_JOB, row["id"], {"status": "complete"}))


def get_campaign_recipient_estimation(call: Call) -> Answer:
    """The count as it was when it was last refreshed."""
    row = _estimated(call, "campaign recipient estimation")
    return call.one(_resource(call, ESTIMATION, row["id"], {"estimated_recipient_count": row["estimate"]}))


def _estimated(call: Call, what: str) -> sqlite3.Row:
    row = campaigns.require(call, call.ids["id"])
    if row["estimate"] is None:
        raise Refusal(not_found(what, row["id"]))
    return row


def _refuse_unfinished(call: Call, row: sqlite3.Row) -> None:
    """What a message needs before it can be sent; which errors say so is not published."""
    wrong: list[Problem] = []
    for message in campaign_store.messages(call.sql, row["id"]):
        definition = json.loads(message["definition"])
        content = definition.get("content") or {}
        if row["channel"] == "email":
            if not content.get("subject"):
                wrong.append(invalid(f"The message {message['id']} has no subject.", "/data/id"))
            if template_store.of_message(call.sql, message["id"]) is None:
                wrong.append(invalid(f"The message {message['id']} has no template.", "/data/id"))
        elif definition.get("notification_type") != "silent" and not content.get("body"):
            wrong.append(invalid(f"The message {message['id']} has no body.", "/data/id"))
    if wrong:
        raise Refusal(*wrong)


def _begins_at(row: sqlite3.Row) -> float:
    """When its strategy has it begin, in seconds since 1970; Refusal where that is past."""
    strategy = json.loads(row["send_strategy"])
    now = time.time()
    if strategy["method"] == "immediate":
        return now
    if strategy["method"] == "smart_send_time":
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        is_past, begins_at = strategy["date"] < today, max(now, identifiers.parsed(strategy["date"]).timestamp())
    else:
        begins_at = identifiers.parsed(strategy["datetime"]).timestamp()
        is_past = begins_at < now
    if is_past:
        raise Refusal(invalid("The time at which the campaign is to be sent has passed.", "/data/id"))
    return begins_at


def _resource(call: Call, kind: str, campaign_id: str, attributes: Document) -> Document:
    return {
        "type": kind,
        "id": campaign_id,
        "attributes": call.query.sparse(kind, attributes),
        "links": {"self": call.address(f"/api/{kind}s/{campaign_id}")},
    }
