"""Inspector pages by path, and the two that are about no single account."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path

from klaviyo.sandbox.control import snapshots
from klaviyo.sandbox.control.snapshots import SeenAccount
from klaviyo.sandbox.http.wire import Reply, Request, html_reply, redirect
from klaviyo.sandbox.inspector import consent_buttons, events, layout, lists_and_segments, people, private_keys
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.state import people as people_kept
from klaviyo.sandbox.world import World

_CSS = Path(__file__).with_name("inspector.css")
_PAGES: Mapping[str, Callable[[View], Html]] = {
    "people": people.index,
    "events": events.events,
    "metrics": events.metrics,
    "lists": lists_and_segments.lists,
    "segments": lists_and_segments.segments,
    "keys": private_keys.index,
}
_SINGLE: Mapping[str, Callable[[View, str], Html | None]] = {
    "people": people.one,
    "lists": lists_and_segments.one_list,
    "segments": lists_and_segments.one_segment,
}
_ACCOUNT = """<section class="card"><header><h2><a href="/inspector/{id}/people">{name}</a></h2>{installed}</header>
<div class="body">{facts}<p><a href="/inspector/{id}/keys">Private keys</a></p></div></section>"""


def answer(world: World, request: Request) -> Reply:
    if request.method == "POST":
        reply = _press(world, request)
    elif request.method not in ("GET", "HEAD"):
        reply = None
    elif request.path.startswith("/profile/"):
        reply = _profile(world, request.path.removeprefix("/profile/").rstrip("/"))
    else:
        page = _page(world, request)
        reply = html_reply(200, page) if page else None
    return reply or html_reply(404, layout.page("Not here", layout.empty("There is no such page.")))


def static(path: str) -> Reply:
    if path != "/sandbox/static/inspector.css":
        return Reply(404)
    headers = {"Content-Type": "text/css; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Reply(200, _CSS.read_bytes(), headers)


def _profile(world: World, profile_id: str) -> Reply | None:
    """From the address that a profile has at Klaviyo to the page that it has here."""
    with world.database.transaction() as sql:
        account = people_kept.account_of(sql, profile_id)
    return redirect(f"/inspector/{account}/people/{profile_id}") if account else None


def _press(world: World, request: Request) -> Reply | None:
    # A form on another site has no business here.
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return Reply(403)
    parts = request.path.strip("/").split("/")
    if len(parts) != 3 or (parts[0], parts[2]) != ("inspector", "keys"):
        return consent_buttons.press(world, request)
    with world.database.transaction() as sql:
        view = _view(sql, parts[1], {})
        return private_keys.press(request, view) if view else None


def _view(sql: sqlite3.Connection, account_id: str, query: Mapping[str, str]) -> View | None:
    account = next((one for one in snapshots.accounts(sql) if one.id == account_id), None)
    return View(sql, account.id, account.name, account.timezone, query) if account else None


def _page(world: World, request: Request) -> Html | None:
    parts = [part for part in request.path.split("/") if part]
    if not parts:
        return _accounts(world)
    if parts == ["inspector", "calls"]:
        return _calls(world)
    if parts[0] != "inspector" or not 2 <= len(parts) <= 4:
        return None
    with world.database.transaction() as sql:
        view = _view(sql, parts[1], dict(request.query_pairs()))
        if view is None:
            return None
        section = parts[2] if len(parts) > 2 else "people"
        if len(parts) == 4:
            single = _SINGLE.get(section)
            return single(view, parts[3]) if single else None
        index = _PAGES.get(section)
        return index(view) if index else None


def _accounts(world: World) -> Html:
    with world.database.transaction() as sql:
        cards = join(_account(one) for one in snapshots.accounts(sql))
    body = fill('<div class="grid-3">{cards}</div>', cards=cards)
    lead = "A Klaviyo that runs on this machine. Nothing here reaches anybody."
    return layout.page("Accounts", join([body, _faults(world)]), section="accounts", lead=lead)


def _account(account: SeenAccount) -> Html:
    facts = {
        "Account id": account.id,
        "Time zone": account.timezone,
        "Currency": account.currency,
        "People": f"{account.profiles:,}",
        "Events": f"{account.events:,}",
        "Lists": f"{account.lists:,}",
        "Segments": f"{account.segments:,}",
    }
    installed = layout.pill("Connected", "good") if account.installs else layout.pill("Not connected")
    return fill(_ACCOUNT, id=account.id, name=account.name, installed=installed, facts=layout.pairs(facts))


def _faults(world: World) -> Html:
    lines = (
        (one.operation, one.kind, one.account or "any", f"{one.happened} of {one.count}") for one in world.faults.all()
    )
    nothing = "No faults are scripted: every call is answered as Klaviyo would on a good day."
    return layout.card("Faults", layout.table(("Operation", "Kind", "Account", "#Happened"), lines, nothing))


def _calls(world: World) -> Html:
    latest = world.journal.all()[:-201:-1]
    lines = (
        (
            layout.when(one.at, UTC),
            one.operation,
            one.account or layout.NONE,
            layout.pill(str(one.status), "good" if one.status < 400 else "bad"),
            one.fault or layout.NONE,
            fill("<code>{id}</code>", id=one.request_id),
        )
        for one in latest
    )
    columns = ("When", "Operation", "Account", "Status", "Fault", "Request id")
    body = layout.table(columns, lines, "No call has come yet.")
    return layout.page(
        "Calls",
        fill('<section class="card">{body}</section>', body=body),
        section="calls",
        lead="The last 200 calls to the API and the token endpoints, newest first, in UTC.",
    )
