"""The control calls that change what people agreed to, and those about the webhooks that hear of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from klaviyo.sandbox import flips, optins, seen, seen_webhooks
from klaviyo.sandbox.control_asks import Ask
from klaviyo.sandbox.state import notices
from klaviyo.sandbox.validation import Members, Text


def confirm(ask: Ask) -> Any:
    email = ask.body(Members({"email": Text()}))["email"]
    with ask.world.database.transaction() as sql:
        is_confirmed = optins.confirm(sql, ask.account, email)
    ask.world.courier.wake()
    return {"confirmed": is_confirmed}


def flip(ask: Ask) -> Any:
    told = ask.body(Members({"email": Text(), "to": Text(choices=flips.TO)}))
    with ask.world.database.transaction() as sql:
        flipped = seen.of_person(sql, flips.by_email(sql, ask.account, told["email"], told["to"]))
    ask.world.courier.wake()
    return asdict(flipped)


def webhooks(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"webhooks": [asdict(one) for one in seen_webhooks.of_account(sql, ask.account)]}


def deliveries(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"deliveries": [asdict(one) for one in seen_webhooks.deliveries(sql, ask.account)]}


def redeliver(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        changes = notices.again(sql, ask.account)
    ask.world.courier.wake()
    return {"changes": changes}
