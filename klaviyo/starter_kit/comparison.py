"""Comparison of what Klaviyo holds with what was made: ids and what is empty do not count, all else does."""

from collections.abc import Mapping
from typing import Any

from klaviyo.api.answers import members, words
from klaviyo.api.things import Thing

COMPARED = {
    "tag": ("name",),
    "list": ("name", "opt_in_process"),
    "segment": ("name", "definition", "is_starred", "is_active"),
    "template": ("name", "editor_type", "html", "text"),
    "flow": ("name", "definition"),
}
_NO_CONTENT = ("id", "temporary_id", "template_id")  # of a flow's steps; the templates are looked at on their own


def look(thing: Thing) -> dict[str, Any]:
    """What of a thing is compared, so that it can be kept as JSON."""
    return of(thing.kind, thing.attributes)


def of(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """As `look`, of attributes as they are sent."""
    told = {name: attributes.get(name) for name in COMPARED[kind]}
    if kind == "flow":
        told["definition"] = _steps(members(told["definition"]))
    return members(_filled(told))


def agrees(planned: Any, held: Any) -> bool:
    """Whether all that was planned is held as it was; what Klaviyo has added by itself does not count."""
    if isinstance(planned, dict) and isinstance(held, dict):
        return all(name in held and agrees(value, held[name]) for name, value in planned.items())
    if isinstance(planned, list) and isinstance(held, list):
        return len(planned) == len(held) and all(map(agrees, planned, held))
    return bool(planned == held)


def templates(thing: Thing) -> list[str]:
    """The ids of the templates that a flow's mails are made of; empty where a mail has none."""
    actions = members(thing.attributes.get("definition")).get("actions")
    data = [members(members(one).get("data")) for one in actions] if isinstance(actions, list) else []
    return [words(members(one["message"]).get("template_id")) for one in data if "message" in one]


def _steps(definition: Mapping[str, Any]) -> dict[str, Any]:
    """With the number of a step in place of its id, which is another one after it was made."""
    actions = definition.get("actions")
    steps = [members(one) for one in actions] if isinstance(actions, list) else []
    numbers = {words(one.get("id") or one.get("temporary_id")): f"step {n}" for n, one in enumerate(steps)}
    return {
        **definition,
        "actions": [_numbered(one, numbers) for one in steps],
        "entry_action_id": numbers.get(words(definition.get("entry_action_id"))),
    }


def _numbered(value: Any, numbers: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(one, numbers) for name, one in value.items() if name not in _NO_CONTENT}
    if isinstance(value, list):
        return [_numbered(one, numbers) for one in value]
    return numbers.get(value, value) if isinstance(value, str) and value else value


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    return [_filled(one) for one in value] if isinstance(value, list) else value
