"""Addresses of actions and runs, and their lines in the API's document."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID

from integrations.api import tokens
from integrations.api.answers import JSON, Answer
from integrations.api.document import Described
from integrations.api.endpoint import MULTIPART, Call, Endpoint
from integrations.api.outcome import SUCCESS, Outcome
from integrations.api.refusals import refused
from integrations.api.tokens import Code, forbidden
from klaviyo.actions import catalogue, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import labels_of
from klaviyo.endpoints import abilities, inputs, running, schemas
from klaviyo.models import ActionRun

ACTIONS = "/connections/{connection}/actions"
ANY = {"type": "object"}


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", f"{ACTIONS}/{{action}}", running.act, content_types=(JSON, MULTIPART)),
        Endpoint("GET", "/runs/{run}", show),
        Endpoint("GET", "/actions", index),
    ]


def described() -> Iterator[Described]:
    yield Described(
        "/actions",
        "GET",
        "All actions: their names, fields and scopes",
        answers={200: {"type": "object", "properties": {"actions": {"type": "array", "items": ANY}}}},
        tags=("Actions",),
        operation_id="list_actions",
    )
    yield Described(
        "/runs/{run}",
        "GET",
        "What became of a run",
        answers={200: ANY, 202: "It is under way, or waits for a worker."},
        tags=("Actions",),
        operation_id="get_run",
    )
    for action in catalogue.everything():
        yield _line(action)


def show(call: Call) -> Answer:
    """The outcome of a run, as it was answered; 202 while it is under way."""
    try:
        pk = UUID(call.parts["run"])
    except ValueError:
        raise _no_such_run() from None
    row = ActionRun.objects.select_related("connection").filter(pk=pk).first()
    if row is None or not tokens.may_reach(call.token, row.connection_id):
        raise _no_such_run()
    wanted = abilities.needed(catalogue.find(row.action)) if row.action in catalogue.names() else ["read"]
    if not tokens.may_do(call.token, wanted):
        sentence = f"This token may not look at it: it needs one of {', '.join(wanted)}."
        raise forbidden(Code.ABILITY_NOT_ALLOWED, sentence, call.token, row.action)
    outcome = record.outcome_of(row)
    return Answer(outcome) if outcome else running.under_way(row)


def index(_call: Call) -> Answer:
    """Every action, for whoever writes a program or a form over them."""
    return Answer(Outcome(SUCCESS, data={"actions": _index()}))


@cache
def _index() -> list[dict[str, Any]]:
    return [
        {
            "name": action.name,
            "group": action.group,
            "summary": action.summary,
            "description": action.description,
            "seeds": list(action.seeds),
            "operations": [*action.sometimes, *action.operations],
            "scopes": list(action.scopes),
            "is_read": action.is_read,
            "is_list": action.is_listing,
            "asks": bool(action.asks),
            "fields": _fields(action),
            "examples": list(action.examples),
        }
        for action in catalogue.everything()
    ]


def _fields(action: Action) -> list[dict[str, Any]]:
    labels: dict[str, list[str]] = {}
    for name, _, label in labels_of(action.inputs):
        labels.setdefault(name, []).append(label)
    return [
        {
            "name": field.alias or name,
            "description": field.description or "",
            "is_required": field.is_required(),
            "seeds": labels.get(name, []),
        }
        for name, field in action.inputs.model_fields.items()
    ]


def _no_such_run() -> Exception:
    return refused(404, "no_such_run", "There is no such run.")


def _line(action: Action) -> Described:
    words = [action.description]
    if action.is_listing:
        words.append(f"With Accept: {running.NDJSON} it is streamed to its end, an item on each line.")
    if action.asks:
        words.append("It asks first: send confirm: true.")
    words.append("With dry_run: true it is answered with the requests as they would go, and nothing is sent.")
    confirmed = {inputs.CONFIRM: True} if action.asks else {}
    return Described(
        f"{ACTIONS}/{action.name}",
        "POST",
        action.summary,
        description="\n\n".join(words),
        model=schemas.model_of(action),
        tags=(action.group.capitalize(),),
        extensions={
            "x-klaviyo-operations": [*action.sometimes, *action.operations],
            "x-klaviyo-scopes": list(action.scopes),
            **({"x-seeds": list(action.seeds)} if action.seeds else {}),
        },
        examples={f"example {number}": {**one, **confirmed} for number, one in enumerate(action.examples, start=1)},
        operation_id=action.name,
        bodies={MULTIPART: _form()} if action.name in inputs.TAKES_FILES else {},
        may_take_long=True,
    )


def _form() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
            "name": {"type": "string", "minLength": 1, "maxLength": 255},
            "hidden": {"enum": ["true", "false"]},
            "dry_run": {"enum": ["true", "false"]},
        },
        "required": ["file"],
        "additionalProperties": False,
    }
