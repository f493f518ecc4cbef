"""Catalogue of the actions: which there are, by group; a group's module is imported when one of it is wanted."""

import difflib
from importlib import import_module

from klaviyo.action_groups import GROUPS as GROUPS
from klaviyo.action_groups import MODULE_OF
from klaviyo.actions.declaration import REGISTRY, Action


class NoSuchAction(LookupError):
    """There is no action of that name; it says which is like it."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name, MODULE_OF, 1)
        super().__init__(f"There is no action {name}{f': did you mean {near[0]}?' if near else '.'}")


def names() -> list[str]:
    """All actions, in the order of the groups."""
    return list(MODULE_OF)


def find(name: str) -> Action:
    """The action of that name. Raises NoSuchAction."""
    if name not in MODULE_OF:
        raise NoSuchAction(name)
    import_module(f"klaviyo.actions.{MODULE_OF[name]}")
    return REGISTRY[name]


def everything() -> list[Action]:
    """All actions, which imports all groups."""
    return [find(name) for name in names()]
