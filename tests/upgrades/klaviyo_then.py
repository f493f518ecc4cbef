"""Klaviyo as it was when the fixture was taken: our tokens, whom it knows and what they said, what it had taken."""

import hashlib
import sqlite3
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import requests

from klaviyo.api.bodies import MEDIA_TYPE
from klaviyo.api.operation import REVISION
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.sandbox.protocol import scopes
from klaviyo.sandbox.state import token_store
from klaviyo.sandbox.world import World
from tests.upgrades.past import Fixture

SCOPES = " ".join(scopes.ALL)
TEA, NORDLYS, HARBOR = "VxYz12", "Qk7LmA", "Rb3WdN"
TAKEN = ("accepted", "confirmed")

Rows = list[dict[str, Any]]


def remember(sandbox: Sandbox, fixture: Fixture) -> dict[str, str]:
    """Put it there; what has another id by now, by the old one."""
    _know_our_tokens(sandbox._world, {TEA: True, NORDLYS: False, HARBOR: True})
    sandbox.put_lists(TEA, [SeedList("Advocates", id="AdvLst"), SeedList("Newsletter", id="NewLst")])
    sandbox.put_lists(
        NORDLYS,
        [SeedList("Advocates", id="NrdAdv"), SeedList("Newsletter", id="NrdNew", opt_in_process="double_opt_in")],
    )
    deliveries: Rows = fixture["rows"]["integrations.delivery"]
    _know_people(sandbox, deliveries)
    for row in deliveries:
        if row["kind"] == "event" and row["connection_id"] == 1 and _has_arrived(row):
            _post(sandbox, "events", row["body"])
    _let_imports_wait(sandbox)
    return _metrics(sandbox, fixture) | _imports(sandbox, fixture)


def copy(sandbox: Sandbox, to: sqlite3.Connection) -> None:
    """All that it knows."""
    with sandbox._world.database._lock:
        sandbox._world.database._connection.backup(to)


def put_back(known: sqlite3.Connection, sandbox: Sandbox, later: timedelta) -> None:
    """Into a new one, that is then as `remember` had left the other, but so much later; its events can be read."""
    with sandbox._world.database._lock:
        known.backup(sandbox._world.database._connection)
    with sandbox._world.database.transaction() as sql:
        for column in ("access_tokens.expires_at", "events.time", "events.received_at"):
            table, _, name = column.partition(".")
            sql.execute(f"UPDATE {table} SET {name} = {name} + ?", [round(later.total_seconds())])
    _let_imports_wait(sandbox)


def _let_imports_wait(sandbox: Sandbox) -> None:
    sandbox.settings(import_seconds=3600)


def _know_our_tokens(world: World, accounts: dict[str, bool]) -> None:
    """Those of the fixture, which names them for their account; of an account that was lost they are dead."""
    with world.database.transaction() as sql:
        for account, is_alive in accounts.items():
            given = token_store.install(sql, account, world.app.client_id, SCOPES, 3600)
            for table, kind, token in (
                ("access_tokens", "access", given.access_token),
                ("refresh_tokens", "refresh", given.refresh_token),
            ):
                sql.execute(
                    f"UPDATE {table} SET digest = ? WHERE digest = ?", (_digest(f"{kind}-of-{account}"), _digest(token))
                )
            if not is_alive:
                token_store.uninstall(sql, account)


def _know_people(sandbox: Sandbox, deliveries: Rows) -> None:
    """Whose profile was taken, whoever is about to join a list, and what people have said since."""
    for account, number in ((TEA, 1), (NORDLYS, 2)):
        mine = [row for row in deliveries if row["connection_id"] == number]
        taken = {row["subject"] for row in mine if row["kind"] == "profile" and row.get("state") in TAKEN}
        taken |= {row["subject"] for row in mine if row["kind"] == "list"}
        sandbox.put_profiles(account, [SeedProfile(email=email) for email in sorted(taken)])
    _say(sandbox, TEA, "UNSUBSCRIBED", ["invite-no", "reminder-no", "email-no"])
    _say(sandbox, TEA, "SUBSCRIBED", ["subscribe-taken"], lists=["NewLst"])
    ending = [f"unsubscribe-{name}" for name in ("queued", "expired", "running", "held", "invites")]
    _say(sandbox, TEA, "SUBSCRIBED", ending, lists=["NewLst"])
    _say(sandbox, NORDLYS, "SUBSCRIBED", ["lost-unsubscribe@oslo.test"], lists=["NrdNew"])
    erased = [f"erase-{name}@friends.test" for name in ("queued", "expired", "running")]
    sandbox.put_profiles(TEA, [SeedProfile(email=email) for email in erased])
    sandbox.put_profiles(NORDLYS, [SeedProfile(email="lost-erase@oslo.test")])


def _say(sandbox: Sandbox, account: str, consent: str, names: Iterable[str], lists: Iterable[str] = ()) -> None:
    emails = [name if "@" in name else f"{name}@friends.test" for name in names]
    sandbox.put_profiles(account, [SeedProfile(email=email, consent=consent, lists=lists) for email in emails])


def _has_arrived(row: dict[str, Any]) -> bool:
    """Also from workers that died before they could write it down."""
    names = ("invite-taken", "invite-read", "invite-unanswered")
    return row.get("state") in TAKEN or row["subject"].startswith(names)


def _imports(sandbox: Sandbox, fixture: Fixture) -> dict[str, str]:
    """Both imports that are under way: of deliveries, and of a part of the walk."""
    rows = fixture["rows"]
    numbers: dict[str, str] = {}
    for job in rows["integrations.job"]:
        if note := job.get("note"):
            people = [a["email"] for a in rows["referrals.advocate"] if note["first"] <= a["id"] <= note["last"]]
        else:
            people = [d["subject"] for d in rows["integrations.delivery"] if d.get("job_id") == job["id"]]
        profiles = [{"type": "profile", "attributes": {"email": email}} for email in people]
        attributes = {"profiles": {"data": profiles}}
        body = {"data": {"type": "profile-bulk-import-job", "attributes": attributes}}
        numbers[job["number"]] = _post(sandbox, "profile-bulk-import-jobs", body)["data"]["id"]
    return numbers


def _metrics(sandbox: Sandbox, fixture: Fixture) -> dict[str, str]:
    answer = requests.get(f"{sandbox.url}/api/metrics", headers=_headers(), timeout=300).json()
    now = {metric["attributes"]["name"]: metric["id"] for metric in answer["data"]}
    [reading] = fixture["rows"]["klaviyo.reading"]
    return {old: now[name] for name, ids in reading["metrics"].items() for old in ids}


def _post(sandbox: Sandbox, resource: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = requests.post(
        f"{sandbox.url}/api/{resource}", json=body, headers=_headers() | {"Content-Type": MEDIA_TYPE}, timeout=300
    )
    assert answer.status_code == 202, answer.text
    said: dict[str, Any] = answer.json() if answer.content else {}
    return said


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer access-of-{TEA}", "revision": REVISION, "Accept": MEDIA_TYPE}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
