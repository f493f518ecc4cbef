"""Progress of a campaign: scheduled, being sent to its recipients, sent."""

import json
import re
import sqlite3
import time

from klaviyo.sandbox.protocol.calls import Call
from klaviyo.sandbox.resources import segments
from klaviyo.sandbox.state import campaign_store, coupon_store, identifiers, list_store, people, template_store
from klaviyo.sandbox.state.people import Person

DRAFT = "Draft"
SCHEDULED = "Scheduled"
SENDING = "Sending"
SENT = "Sent"
CANCELLED = "Cancelled"
NO_RECIPIENTS = "Cancelled: No Recipients"
STATUSES = (
    "Adding Recipients",
    CANCELLED,
    "Cancelled: Account Disabled",
    "Cancelled: Billing Limit",
    "Cancelled: Internal Error",
    "Cancelled: Misconfigured",
    NO_RECIPIENTS,
    "Cancelled: Smart Sending",
    DRAFT,
    "Preparing to schedule",
    "Preparing to send",
    "Queued without Recipients",
    SCHEDULED,
    SENDING,
    "Sending Segments",
    SENT,
    "Unknown",
    "Variations Sent",
)
_COUPON = re.compile(r"{%\s*coupon_code\s+[\"']([\w-]+)[\"']\s*%}")


def go_on(call: Call) -> None:
    """Brings the account's campaigns to where they are by now."""
    now = time.time()
    for row in campaign_store.under_way(call.sql, call.account):
        if row["status"] == SCHEDULED and row["begins_at"] <= now:
            _begin(call, row)
        elif row["status"] == SENDING and row["begins_at"] + call.settings.campaign_seconds <= now:
            campaign_store.change(call.sql, row["id"], status=SENT, job="complete", begins_at=None)


def schedule(call: Call, row: sqlite3.Row, begins_at: float) -> None:
    campaign_store.change(
        call.sql,
        row["id"],
        status=SCHEDULED,
        job="queued",
        begins_at=begins_at,
        scheduled_at=identifiers.now(),
        send_time=identifiers.second(int(begins_at)),
    )
    go_on(call)


def recipients(call: Call, row: sqlite3.Row) -> list[str]:
    """The ids of those who are in an included audience, in none excluded, and can be reached on the channel."""
    audiences = json.loads(row["audiences"])
    left_out = {one for group in audiences["excluded"] for one in _members(call, group)}
    found: dict[str, None] = {}
    for group in audiences["included"]:
        for one in _members(call, group):
            person = people.get(call.sql, call.account, one) if one not in left_out and one not in found else None
            if person and _can_be_reached(person, row["channel"], group):
                found[one] = None
    return list(found)


def _begin(call: Call, row: sqlite3.Row) -> None:
    whom = recipients(call, row)
    if not whom:
        campaign_store.change(call.sql, row["id"], status=NO_RECIPIENTS, job="complete", begins_at=None)
        return
    for message in campaign_store.messages(call.sql, row["id"]):
        template = template_store.of_message(call.sql, message["id"])
        for coupon in dict.fromkeys(_COUPON.findall(template["html"] if template else "")):
            coupon_store.assign(call.sql, call.account, coupon, whom)
    campaign_store.change(call.sql, row["id"], status=SENDING, job="processing", recipients=whom)
    go_on(call)


def _members(call: Call, group: str) -> list[str]:
    """Of a list or a segment; one that has been deleted since has none."""
    if list_store.get(call.sql, call.account, group) is not None:
        return list_store.members(call.sql, group)
    row = call.sql.execute("SELECT * FROM segments WHERE id = ? AND account = ?", (group, call.account)).fetchone()
    return segments.members(call.sql, row) if row else []


def _can_be_reached(person: Person, channel: str, group: str) -> bool:
    if channel == "email":
        return person.consent.can_receive_email(person.email) and group not in person.consent.list_suppressions
    return channel == "sms" and bool(person.phone_number) and person.consent.sms.consent == "SUBSCRIBED"
