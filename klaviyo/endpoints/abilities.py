"""Abilities of tokens on Klaviyo: each action by its name, each group of them, all that reads, and raw requests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.api.abilities import RAW, READ, Ability
from klaviyo.action_groups import ASKING, GROUPS

if TYPE_CHECKING:
    from klaviyo.actions.declaration import Action

RAW_GROUP = "raw"


def declared() -> Iterator[Ability]:
    """They are declared when the site starts, so nothing is imported for them."""
    yield replace(RAW, permission="klaviyo.use_raw_request")
    for group, names in GROUPS.items():
        if group == RAW_GROUP:
            continue
        title = f"Klaviyo: {group}"
        yield Ability(group, f"All on {group}", title, is_dangerous=bool(ASKING & set(names)))
        for name in names:
            yield Ability(name, name.replace("_", " ").capitalize(), title, is_dangerous=name in ASKING)


def needed(action: "Action") -> list[str]:
    """Of which one is enough. A raw request needs its own."""
    if action.group == RAW_GROUP:
        return [RAW.name]
    return [action.name, action.group, *([READ.name] if action.is_read else [])]
