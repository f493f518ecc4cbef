"""Ways to run an action, and what of its outcome must be the same over each of them."""

import base64
import binascii
import html
import io
import json
import re
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from integrations.api import tokens
from integrations.api.outcome import Outcome, Problem
from klaviyo import actions
from klaviyo.actions import catalogue, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.run import How
from klaviyo.models import ActionRun
from klaviyo.pages import action_fields
from klaviyo.pages.action_fields import Field
from tests.klaviyo.actions.world import World

Given = dict[str, Any]
#: Of a run, not of what it did: and names that Klaviyo or we make anew each time.
OF_THE_RUN = ("request_ids", "took_ms")
NOT_USED = 2  # how the command ends


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """An outcome without what differs from run to run; of its data the shape: names, and kinds
    of values, but for `next`, as there are more and more things."""
    found = {name: value for name, value in document.items() if name not in OF_THE_RUN}
    return found | {"data": shape(found.get("data"))}


def shape(value: Any) -> Any:
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items() if name != "next"}
        case list():
            return [shape(inner) for inner in value]
        case _:
            return type(value).__name__


def as_json(given: Given) -> bytes:
    return json.dumps(given).encode()


class Unused(Exception):
    """The input could not be used: its problems, as far as the way tells them apart."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{one.pointer}: {one.detail}" for one in problems))
        self.problems = problems


def by_python(world: World, name: str, given: Given, key: str) -> Outcome:
    try:
        return actions.run(name, world.connection, How(key=key), **given)
    except actions.BadInput as bad:
        raise Unused(*bad.problems) from None


def by_command(world: World, name: str, given: Given, key: str, raw: bytes = b"") -> Outcome:
    """A list is told by its lines, and what broke off by the last of them."""
    action = catalogue.find(name)
    words = ["klaviyo", name, "--connection", str(world.connection.pk), "--input", "-", "--json"]
    words += ["--key", key] if key else []
    words += ["--yes"] if action.asks else []
    out, status = io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw or as_json(given))))
        try:
            call_command(*words, stdout=out, stderr=io.StringIO())
        except CommandError as problem:
            status, words = problem.returncode, str(problem).splitlines()
        except SystemExit as ended:
            status = int(str(ended.code))
    if status == NOT_USED:
        raise Unused(*map(_of_line, words))
    said = out.getvalue()
    if not action.is_listing:
        return outcome_of(json.loads(said))
    items = [json.loads(line) for line in said.splitlines()]
    last = items.pop() if items and "outcome" in items[-1] else {"outcome": "success", "next": None}
    return outcome_of(last | {"data": {"items": items, "count": len(items), "next": last["next"]}})


def _of_line(line: str) -> Problem:
    """`--list-id (0/x): words`, as a problem there."""
    found = re.fullmatch(r"--([\w-]+)(?: \(([^)]*)\))?: (.*)", line)
    if found is None:
        return Problem("invalid", line)
    within = f"/{found[2]}" if found[2] else ""
    return Problem("invalid", found[3], pointer=f"/{found[1].replace('-', '_')}{within}")


def by_http(world: World, name: str, given: Given, key: str, raw: bytes = b"") -> Outcome:
    action = catalogue.find(name)
    if not world.secret:
        user = User.objects.get(username="operator")
        _, world.secret = tokens.make("Till", user, abilities=list(catalogue.GROUPS), per_minute=60_000)
    sure = {"confirm": True} if action.asks else {}
    said = {"authorization": f"Bearer {world.secret}"} | ({"idempotency-key": key} if key else {})
    answer = Client(enforce_csrf_checks=True).post(
        f"/api/v1/connections/{world.connection.pk}/actions/{name}",
        raw or as_json(given | sure),
        content_type="application/json",
        headers=said,
    )
    outcome = outcome_of(json.loads(answer.content))
    if answer.status_code in (400, 422):
        raise Unused(*outcome.errors)
    assert answer.status_code == 200, answer.content
    return outcome


def by_page(world: World, name: str, given: Given, key: str) -> Outcome:
    """The form, filled with what one would type, and the page that it leads to."""
    browser = Client()
    browser.force_login(User.objects.get(username="operator"))
    typed = {**as_typed(catalogue.find(name), given), "run": "1", "sure": "yes", "once": key or uuid.uuid4().hex}
    before = len(world.exchanges)
    answer = browser.post(f"/admin/klaviyo/actions/{world.connection.pk}/{name}/", typed)
    if answer.status_code == 400:
        raise Unused(*_of_page(catalogue.find(name), answer.content.decode()))
    row = ActionRun.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])
    outcome = record.outcome_of(row)
    assert outcome is not None
    looked_up = max(len(world.exchanges) - before - outcome.attempts, 0)  # an id that may be a name is looked for first
    del world.exchanges[before : before + looked_up]
    assert browser.get(answer["Location"]).status_code == 200
    return outcome


def _of_page(action: Action, page: str) -> list[Problem]:
    places = {one.id: one.name for one in action_fields.of(action)}
    at = [(places[id], said) for id, said in re.findall(r'id="(f-[\w-]+)-errors">(.*?)</ul>', page, re.S)]
    whole = re.search(r'class="errornote"[^>]*>(.*?)</div>', page, re.S)
    at += [("", whole[1])] if whole else []
    return [
        Problem("invalid", html.unescape(words), pointer=f"/{name.replace('.', '/')}" if name else "")
        for name, said in at
        for words in re.findall(r"<li>(.*?)</li>", said, re.S)
    ]


Way = Callable[[World, str, Given, str], Outcome]
WAYS: dict[str, Way] = {"python": by_python, "command": by_command, "http": by_http, "page": by_page}


def as_typed(action: Action, given: Given) -> dict[str, Any]:
    """What one would type for an input; of what has no field, as a program would send it."""
    fields = action_fields.of(action)
    flat = dict(given)
    if isinstance(flat.get("location"), dict) and not set(flat) & set(flat["location"]):
        flat |= flat.pop("location")
    typed: dict[str, Any] = {}
    for name, value in flat.items():
        typed |= _within(fields, name, value)
    return typed


def _within(fields: Sequence[Field], name: str, value: Any) -> dict[str, Any]:
    field = next((one for one in fields if one.name == name), None)
    if field is None and isinstance(value, dict) and any(one.name.startswith(f"{name}.") for one in fields):
        return {
            key: told for inner, one in value.items() for key, told in _within(fields, f"{name}.{inner}", one).items()
        }
    return _typed(field, name, value)


def _typed(field: Field | None, name: str, value: Any) -> dict[str, Any]:
    kind = field.kind if field else "line"
    if kind == "file":
        return _uploaded(name, value)
    if kind in ("many", "lines") and isinstance(value, list):
        return {name: [str(one) for one in value] if kind == "many" else "\n".join(map(str, value))}
    if isinstance(value, bool):
        return {name: "yes" if value else "no"}
    return {name: value if isinstance(value, str) else json.dumps(value)}


def _uploaded(name: str, value: str) -> dict[str, Any]:
    try:
        return {name: SimpleUploadedFile("picture", base64.b64decode(value, validate=True))}
    except binascii.Error:
        return {f"{name}.kept": value}


def outcome_of(document: dict[str, Any]) -> Outcome:
    """The outcome that a document tells."""
    said: dict[str, Any] = {name: _problems(document.get(name) or {}) for name in ("errors", "warnings")}
    names = ("outcome", "reason", "data", "request_ids", "attempts", "took_ms", "is_known")
    return Outcome(**said, **{name: document[name] for name in names if name in document})


def _problems(columns: dict[str, list[Any]]) -> tuple[Problem, ...]:
    names = list(columns)
    return tuple(Problem(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True))
