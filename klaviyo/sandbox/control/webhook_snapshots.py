"""Snapshots of webhooks and their deliveries, as values; the secrets stay inside."""

import json
import sqlite3
from dataclasses import dataclass

from klaviyo.sandbox.state import webhooks


@dataclass(frozen=True)
class SeenWebhook:
    """One webhook, its endpoint in full."""

    id: str
    name: str
    description: str | None
    endpoint_url: str
    enabled: bool
    topics: tuple[str, ...]
    created: str
    updated: str


@dataclass(frozen=True)
class SeenDelivery:
    """One change on its way to one webhook; `state` is waiting, delivered or given_up."""

    webhook_id: str
    external_id: str
    topic: str
    profile_id: str
    email: str | None
    state: str
    attempts: int


def of_account(sql: sqlite3.Connection, account: str) -> list[SeenWebhook]:
    return [
        SeenWebhook(
            row["id"],
            row["name"],
            row["description"],
            row["endpoint_url"],
            bool(row["enabled"]),
            tuple(json.loads(row["topics"])),
            row["created"],
            row["updated"],
        )
        for row in webhooks.of_account(sql, account)
    ]


def deliveries(sql: sqlite3.Connection, account: str) -> list[SeenDelivery]:
    rows = sql.execute(
        "SELECT d.webhook, n.id, n.topic, n.profile, p.email, d.state, d.attempts FROM deliveries d "
        "JOIN notices n ON n.id = d.notice JOIN profiles p ON p.id = n.profile WHERE n.account = ? ORDER BY d.seq",
        (account,),
    )
    return [SeenDelivery(*row) for row in rows]
