"""Accounts: the three Klaviyo accounts that one person can choose from."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Account:
    """A Klaviyo account: its public id, and what GET /api/accounts tells about it."""

    id: str
    name: str
    timezone: str
    currency: str
    sender: str
    website: str
    industry: str
    city: str
    country: str
    locale: str
    opt_in_process: str


ACCOUNTS = (
    Account(
        "VxYz12",
        "Tea House Ltd",
        "Europe/Helsinki",
        "EUR",
        "hello@teahouse.example",
        "https://teahouse.example",
        "Food & Drink",
        "Helsinki",
        "Finland",
        "en-GB",
        "single_opt_in",
    ),
    Account(
        "Qk7LmA",
        "Nordlys Coffee",
        "Europe/Oslo",
        "NOK",
        "hei@nordlys.example",
        "https://nordlys.example",
        "Food & Drink",
        "Oslo",
        "Norway",
        "nb-NO",
        "double_opt_in",
    ),
    Account(
        "Rb3WdN",
        "Harbor & Pine",
        "America/New_York",
        "USD",
        "team@harborandpine.example",
        "https://harborandpine.example",
        "Home & Garden",
        "Portland",
        "United States",
        "en-US",
        "single_opt_in",
    ),
)


def seed(sql: sqlite3.Connection) -> None:
    rows = [(one.id, json.dumps(_document(one)), one.opt_in_process) for one in ACCOUNTS]
    sql.executemany("INSERT OR IGNORE INTO accounts (id, document, opt_in_process) VALUES (?, ?, ?)", rows)


def attributes(sql: sqlite3.Connection, account: str) -> dict[str, Any] | None:
    row = sql.execute("SELECT document FROM accounts WHERE id = ?", (account,)).fetchone()
    return json.loads(row["document"]) if row else None


def ids(sql: sqlite3.Connection) -> list[str]:
    return [row["id"] for row in sql.execute("SELECT id FROM accounts")]


def opt_in_process(sql: sqlite3.Connection, account: str) -> str:
    row = sql.execute("SELECT opt_in_process FROM accounts WHERE id = ?", (account,)).fetchone()
    return str(row["opt_in_process"])


def _document(account: Account) -> dict[str, Any]:
    address = {"address1": "1 Market Square", "address2": None, "city": account.city, "region": None}
    return {
        "test_account": True,
        "contact_information": {
            "default_sender_name": account.name,
            "default_sender_email": account.sender,
            "website_url": account.website,
            "organization_name": account.name,
            "street_address": {**address, "country": account.country, "zip": "00100"},
        },
        "industry": account.industry,
        "timezone": account.timezone,
        "preferred_currency": account.currency,
        "public_api_key": account.id,
        "locale": account.locale,
    }
