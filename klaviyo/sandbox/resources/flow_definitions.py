"""Flow definitions: their shape, what must hold together in them, and the ids that their actions are given."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from klaviyo.sandbox.protocol.calls import Call, Document
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import definition_shapes
from klaviyo.sandbox.state import tag_store, template_store

AT = "/data/attributes/definition"
STATUSES = ("draft", "live", "manual")
CREATE = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("flow",)),
                "attributes": Members(
                    {"name": Text(shortest=1, longest=255), "definition": definition_shapes.named("FlowDefinition")}
                ),
            }
        )
    }
)
_TRIGGERS = {
    "list": "Added to List",
    "segment": "Added to List",
    "metric": "Metric",
    "date": "Date Based",
    "price-drop": "Price Drop",
    "low-inventory": "Low Inventory",
}
_FOLLOWERS = ("next", "next_if_true", "next_if_false")


def trigger_type(definition: Document) -> str:
    triggers = definition["triggers"]
    return _TRIGGERS[triggers[0]["type"]] if triggers else "Unconfigured"


def check(call: Call, definition: Document) -> None:
    """Refusal unless its trigger is there, its actions have names of their own, and all that is named exists."""
    found = [
        *_wrong_triggers(call, definition["triggers"]),
        *_wrong_actions(definition),
        *_wrong_templates(call, definition["actions"]),
    ]
    if found:
        raise Refusal(*found)


def with_ids(definition: Document) -> Document:
    """The same with lasting ids instead of the temporary ones; whatever sends begins as a draft."""
    made = copy.deepcopy(definition)
    first = random.randrange(10_000_000, 90_000_000)  # noqa: S311 - no secret
    ids = {one["temporary_id"]: str(first + number) for number, one in enumerate(made["actions"])}
    for action in made["actions"]:
        action["id"] = ids[action.pop("temporary_id")]
        for links, _ in _links(action, ""):
            links |= {name: ids[links[name]] for name in _FOLLOWERS if links.get(name)}
        if _has_status(action):
            action["data"].setdefault("status", "draft")
    if made["entry_action_id"] is not None:
        made["entry_action_id"] = ids[made["entry_action_id"]]
    return made


def with_status(definition: Document, status: str) -> Document:
    made = copy.deepcopy(definition)
    for action in made["actions"]:
        if _has_status(action):
            action["data"]["status"] = status
    return made


def _has_status(action: Document) -> bool:
    data = action.get("data")
    return isinstance(data, dict) and ("status" in data or action["type"].startswith("send-"))


def _wrong_triggers(call: Call, triggers: list[Document]) -> Iterator[Problem]:
    if len(triggers) > 1:
        yield invalid("A flow may have one trigger.", f"{AT}/triggers")
    known: dict[str, Callable[[str], bool]] = {
        "list": lambda one: tag_store.exists(call.sql, call.account, "list", one),
        "segment": lambda one: tag_store.exists(call.sql, call.account, "segment", one),
        "metric": lambda one: _has_metric(call, one),
    }
    for index, trigger in enumerate(triggers):
        there = known.get(trigger["type"])
        if there and trigger.get("id") is not None and not there(trigger["id"]):
            detail = f"A {trigger['type']} with id {trigger['id']} does not exist."
            yield invalid(detail, f"{AT}/triggers/{index}/id")


def _has_metric(call: Call, metric_id: str) -> bool:
    row = call.sql.execute("SELECT 1 FROM metrics WHERE id = ? AND account = ?", (metric_id, call.account)).fetchone()
    return row is not None


def _wrong_templates(call: Call, actions: list[Document]) -> Iterator[Problem]:
    for index, action in enumerate(actions):
        message = (action.get("data") or {}).get("message")
        template = message.get("template_id") if isinstance(message, dict) else None
        if template and template_store.get(call.sql, call.account, template) is None:
            detail = f"A template with id {template} does not exist."
            yield invalid(detail, f"{AT}/actions/{index}/data/message/template_id")


def _wrong_actions(definition: Document) -> Iterator[Problem]:
    known: set[str] = set()
    for index, action in enumerate(definition["actions"]):
        at, name = f"{AT}/actions/{index}", action.get("temporary_id")
        if action.get("id") is not None:
            yield invalid("A new action has a temporary_id and no id.", f"{at}/id")
        if not name:
            yield invalid("'temporary_id' is a required field.", f"{at}/temporary_id")
        elif name in known:
            yield invalid(f"The temporary_id {name} is given twice.", f"{at}/temporary_id")
        known.add(name or "")
    for index, action in enumerate(definition["actions"]):
        for links, at in _links(action, f"{AT}/actions/{index}"):
            for name in _FOLLOWERS:
                if links.get(name) and links[name] not in known:
                    yield invalid(f"There is no action {links[name]}.", f"{at}/{name}")
    entry = definition["entry_action_id"]
    if entry is not None and entry not in known:
        yield invalid(f"There is no action {entry}.", f"{AT}/entry_action_id")
    if entry is None and definition["actions"]:
        yield invalid("A flow with actions needs an entry_action_id.", f"{AT}/entry_action_id")


def _links(action: Document, at: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Where an action names those after it: itself, and each branch of a split."""
    if action.get("links"):
        yield action["links"], f"{at}/links"
    branches = (action.get("data") or {}).get("branches")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        if isinstance(branch, dict) and branch.get("links"):
            yield branch["links"], f"{at}/data/branches/{index}/links"
