"""Dispatch of the control API under /sandbox/: seed, look, break, reset. JSON, no authentication, loopback only."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from klaviyo.sandbox.control import (
    behaviour,
    campaign_snapshots,
    consent_by_hand,
    seeding,
    snapshots,
    webhook_snapshots,
)
from klaviyo.sandbox.control.request import Ask, Work
from klaviyo.sandbox.control.seeding import SeedList, SeedProfile
from klaviyo.sandbox.http.wire import Reply, Request, json_reply
from klaviyo.sandbox.protocol import scopes
from klaviyo.sandbox.protocol.errors import Problem, Refusal, errors_reply
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.resources import double_opt_in
from klaviyo.sandbox.state import accounts, event_store, private_keys, token_store, webhook_deliveries
from klaviyo.sandbox.world import World


def answer(world: World, request: Request) -> Reply:
    """Answers one call under /sandbox/."""
    parts = request.path.strip("/").split("/")[1:]
    account, name = (parts[1], "/".join(parts[2:])) if parts[:1] == ["accounts"] and parts[1:] else ("", "")
    key = (request.method, f"accounts/*/{name}" if account else "/".join(parts))
    work = _ROUTES.get(key)
    try:
        if work is None:
            raise Refusal(Problem(404, "not_found", "Not found.", "There is no such control call."))
        if account:
            _know(world, account)
        return json_reply(200, work(Ask(world, request, account)))
    except Refusal as refusal:
        return errors_reply(refusal.problems)


def _state(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        known = [asdict(one) for one in snapshots.accounts(sql)]
    return {
        "accounts": known,
        "settings": asdict(ask.world.settings),
        "faults": len([one for one in ask.world.faults.all() if not one.is_over]),
        "requests": len(ask.world.journal.all()),
        "is_quiet": ask.world.webhook_sender.is_quiet(),
    }


def _events(ask: Ask) -> Any:
    metric = dict(ask.request.query_pairs()).get("metric")
    with ask.world.database.transaction() as sql:
        return {"events": [asdict(one) for one in snapshots.events(sql, ask.account, metric)]}


def _arrivals(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"arrivals": event_store.arrivals(sql, ask.account)}


def _profile(ask: Ask) -> Any:
    email = dict(ask.request.query_pairs()).get("email", "")
    with ask.world.database.transaction() as sql:
        found = snapshots.profile(sql, ask.account, email)
    return {"profile": asdict(found) if found else None}


def _all(name: str, of_account: Callable[[sqlite3.Connection, str], Sequence[Any]]) -> Work:
    """Everything of a kind that the account has."""

    def listed(ask: Ask) -> Any:
        with ask.world.database.transaction() as sql:
            return {name: [asdict(one) for one in of_account(sql, ask.account)]}

    return listed


def _put_profiles(ask: Ask) -> Any:
    seeds = [SeedProfile(**one) for one in ask.body(seeding.PROFILES)["profiles"]]
    with ask.world.database.transaction() as sql:
        unknown = seeding.unknown_lists(sql, ask.account, seeds)
        if unknown:
            raise Refusal(*unknown)
        return {"ids": seeding.put_profiles(sql, ask.account, seeds)}


def _put_lists(ask: Ask) -> Any:
    seeds = [SeedList(**one) for one in ask.body(seeding.LISTS)["lists"]]
    with ask.world.database.transaction() as sql:
        return {"ids": seeding.put_lists(sql, ask.account, seeds)}


def _reset(ask: Ask) -> Any:
    ask.world.reset()
    return {}


def _uninstall(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"installs": token_store.uninstall(sql, ask.account)}


def _expire(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        return {"expired": token_store.expire(sql, ask.account)}


def _connect(ask: Ask) -> Any:
    asked = ask.body(Members(optional={"scope": Text()})).get("scope", " ".join(scopes.ALL))
    with ask.world.database.transaction() as sql:
        seconds = ask.world.settings.access_token_seconds
        return asdict(token_store.install(sql, ask.account, ask.world.app.client_id, asked, seconds))


def _make_private_key(ask: Ask) -> Any:
    asked = ask.body(Members(optional={"scopes": Items(Text(choices=scopes.ALL))})).get("scopes")
    with ask.world.database.transaction() as sql:
        return {"key": private_keys.make(sql, ask.account, None if asked is None else scopes.of_a_key(asked))}


def _revoke_private_key(ask: Ask) -> Any:
    key = ask.body(Members({"key": Text()}))["key"]
    with ask.world.database.transaction() as sql:
        return {"revoked": private_keys.revoke(sql, ask.account, key)}


def _confirm(ask: Ask) -> Any:
    email = ask.body(Members({"email": Text()}))["email"]
    with ask.world.database.transaction() as sql:
        is_confirmed = double_opt_in.confirm(sql, ask.account, email)
    ask.world.webhook_sender.wake()
    return {"confirmed": is_confirmed}


def _flip(ask: Ask) -> Any:
    told = ask.body(Members({"email": Text(), "to": Text(choices=consent_by_hand.TO)}))
    with ask.world.database.transaction() as sql:
        flipped = snapshots.of_person(sql, consent_by_hand.by_email(sql, ask.account, told["email"], told["to"]))
    ask.world.webhook_sender.wake()
    return asdict(flipped)


def _redeliver(ask: Ask) -> Any:
    with ask.world.database.transaction() as sql:
        changes = webhook_deliveries.again(sql, ask.account)
    ask.world.webhook_sender.wake()
    return {"changes": changes}


_ROUTES: dict[tuple[str, str], Work] = {
    ("GET", "state"): _state,
    ("GET", "accounts/*/events"): _events,
    ("GET", "accounts/*/arrivals"): _arrivals,
    ("GET", "accounts/*/profile"): _profile,
    ("GET", "accounts/*/profiles"): _all("profiles", snapshots.profiles),
    ("GET", "accounts/*/lists"): _all("lists", snapshots.lists),
    ("PUT", "accounts/*/profiles"): _put_profiles,
    ("PUT", "accounts/*/lists"): _put_lists,
    ("POST", "accounts/*/uninstall"): _uninstall,
    ("POST", "accounts/*/expire-tokens"): _expire,
    ("POST", "accounts/*/connect"): _connect,
    ("POST", "accounts/*/make-private-key"): _make_private_key,
    ("POST", "accounts/*/revoke-private-key"): _revoke_private_key,
    ("POST", "accounts/*/confirm"): _confirm,
    ("POST", "accounts/*/flip"): _flip,
    ("GET", "accounts/*/webhooks"): _all("webhooks", webhook_snapshots.of_account),
    ("GET", "accounts/*/deliveries"): _all("deliveries", webhook_snapshots.deliveries),
    ("GET", "accounts/*/templates"): _all("templates", campaign_snapshots.templates),
    ("GET", "accounts/*/campaigns"): _all("campaigns", campaign_snapshots.campaigns),
    ("GET", "accounts/*/images"): _all("images", campaign_snapshots.images),
    ("GET", "accounts/*/coupon-codes"): _all("coupon_codes", campaign_snapshots.coupon_codes),
    ("POST", "accounts/*/redeliver"): _redeliver,
    ("POST", "faults"): behaviour.add_fault,
    ("GET", "faults"): behaviour.all_faults,
    ("DELETE", "faults"): behaviour.clear_faults,
    ("GET", "requests"): behaviour.requests,
    ("GET", "counts"): behaviour.counts,
    ("PUT", "settings"): behaviour.put_settings,
    ("POST", "reset"): _reset,
}


def _know(world: World, account: str) -> None:
    with world.database.transaction() as sql:
        if account not in accounts.ids(sql):
            detail = f"There is no account {account}."
            raise Refusal(Problem(404, "not_found", "Not found.", detail))
