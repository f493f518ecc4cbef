"""Snapshots of templates, campaigns, images and coupon codes, as values."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.state import campaign_store, coupon_store, image_store, template_store


@dataclass(frozen=True)
class SeenTemplate:
    """One template of the library; the private copies of messages are with their campaigns."""

    id: str
    name: str
    editor_type: str
    html: str
    text: str | None
    amp: str | None


@dataclass(frozen=True)
class SeenCampaign:
    """One campaign as it was when it was last asked for; `recipients` are the ids of those it has gone to."""

    id: str
    name: str
    channel: str
    status: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    send_strategy: dict[str, Any]
    messages: tuple[str, ...]
    templates: tuple[str, ...]
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class SeenImage:
    """One image; `digest` is the SHA-256 of its bytes, empty where only an address was given."""

    id: str
    name: str | None
    format: str
    size: int
    digest: str
    hidden: bool


@dataclass(frozen=True)
class SeenCouponCode:
    """One code of a coupon and, once it was given to somebody, whose it is."""

    id: str
    coupon: str
    unique_code: str
    status: str
    expires_at: str
    profile_id: str | None


def templates(sql: sqlite3.Connection, account: str) -> list[SeenTemplate]:
    return [
        SeenTemplate(row["id"], row["name"], row["editor_type"], row["html"], row["text"], row["amp"])
        for row in template_store.of_account(sql, account)
    ]


def campaigns(sql: sqlite3.Connection, account: str) -> list[SeenCampaign]:
    return [_campaign(sql, row) for row in campaign_store.of_account(sql, account)]


def images(sql: sqlite3.Connection, account: str) -> list[SeenImage]:
    return [
        SeenImage(str(row["seq"]), row["name"], row["format"], row["size"], row["digest"], bool(row["hidden"]))
        for row in image_store.of_account(sql, account)
    ]


def coupon_codes(sql: sqlite3.Connection, account: str) -> list[SeenCouponCode]:
    return [
        SeenCouponCode(row["id"], row["coupon"], row["unique_code"], row["status"], row["expires_at"], row["profile"])
        for row in coupon_store.of_account(sql, account)
    ]


def _campaign(sql: sqlite3.Connection, row: sqlite3.Row) -> SeenCampaign:
    audiences = json.loads(row["audiences"])
    messages = [one["id"] for one in campaign_store.messages(sql, row["id"])]
    copies = [copy["id"] for one in messages if (copy := template_store.of_message(sql, one))]
    return SeenCampaign(
        row["id"],
        row["name"],
        row["channel"],
        row["status"],
        tuple(audiences["included"]),
        tuple(audiences["excluded"]),
        json.loads(row["send_strategy"]),
        tuple(messages),
        tuple(copies),
        tuple(json.loads(row["recipients"])),
    )
