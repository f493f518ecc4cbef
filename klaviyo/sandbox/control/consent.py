"""The control calls that change what people agreed to, and those about the webhooks that hear of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from klaviyo.sandbox.control import consent_by_hand, snapshots, webhook_snapshots
from klaviyo.sandbox.control.request import Ask
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import optins
from klaviyo.sandbox.state import notices


def confirm(ask: Ask) -> Any:
    email = ask.body(Members({"email": Text()}))["email"]
    with ask.world.database.transaction() as sql:
        is_confirmed = optins.confirm(sql, ask.account, email)
    ask.world.courier.wake()
    return {"confirmed": is_confirmed}


def flip(ask: Ask) -> Any:
    told = ask.body(Members({"email": Text(), "to": Text(choices=consent_by_hand.TO)}))
    with ask.world.database.transaction() as sql:
        flipped = snapshots.of_person(sql, consent_by_hand.by_email(sql, ask.account, told["email"], told["to"]))
    ask.world.courier.wake()
    return asdict(flipped)


def webhooks(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"webhooks": [asdict(one) for one in webhook_snapshots.of_account(sql, ask.account)]}


def deliveries(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"deliveries": [asdict(one) for one in webhook_snapshots.deliveries(sql, ask.account)]}


def redeliver(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        changes = notices.again(sql, ask.account)
    ask.world.courier.wake()
    return {"changes": changes}
