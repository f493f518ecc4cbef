"""Shelf of the actions: all of them by group, found by our names and by other products', and which rest and why."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from integrations.models import Connection
from klaviyo.actions import catalogue
from klaviyo.actions.catalogue import GROUPS
from klaviyo.actions.declaration import Action
from klaviyo.api import published, scopes
from klaviyo.pages.list_choices import plain
from klaviyo.provider import KLAVIYO

RUN, RAW = "klaviyo.run_action", "klaviyo.use_raw_request"
TITLES = {
    "profiles": "Profiles",
    "imports": "Many profiles at once",
    "events": "Events",
    "metrics": "Metrics",
    "raw": "Anything else",
    "accounts": "Account",
}

#: What people say for the words of an action's name.
ALSO = {
    "profile": "person people contact customer subscriber member user somebody someone anybody anyone",
    "list": "audience newsletter",
    "add": "put insert",
    "create": "make new",
    "update": "change edit rename",
    "upsert": "create update make change",
    "delete": "remove",
    "remove": "take delete",
    "get": "show see look find read",
    "subscribe": "sign up opt in",
    "unsubscribe": "sign off opt out",
    "event": "track",
}


@dataclass(frozen=True)
class Shown:
    """An action as the page lists it. `lacks` are the scopes for want of which it rests; `never` says why for good."""

    action: Action
    lacks: tuple[str, ...]
    never: str
    words: str

    @property
    def elsewhere(self) -> str:
        """Its names in other products."""
        return " · ".join(self.action.seeds)

    @property
    def asks(self) -> bool:
        return bool(self.action.asks) and self.action.name != "raw_request"


def of(
    user: AbstractBaseUser | AnonymousUser, connection: Connection | None, search: str
) -> list[tuple[str, list[Shown]]]:
    """The groups with those of their actions that the user may run and that have all the words."""
    wanted = plain(search).split()
    found = []
    for group, names in GROUPS.items():
        title = TITLES.get(group, group.capitalize())
        shown = [_shown(catalogue.find(name), title, connection) for name in names if may(user, name)]
        matching = [one for one in shown if all(word in one.words for word in wanted)]
        if matching:
            found.append((title, matching))
    return found


def may(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    """Whether the user may run the action of that name."""
    return isinstance(user, PermissionsMixin) and user.has_perm(RAW if name == "raw_request" else RUN)


def lacking(connection: Connection, action: Action) -> tuple[str, ...]:
    """The scopes without which the action cannot be done; of operations among which an input chooses, if all lack."""
    missing = _missing(connection, action.operations)
    if action.operations or not action.sometimes:
        return missing
    each = [_missing(connection, [operation]) for operation in action.sometimes]
    return tuple(dict.fromkeys(scope for some in each for scope in some)) if all(each) else ()


def never(connection: Connection, action: Action) -> str:
    """Why no private key can do it; empty where one can, and for other connections."""
    if not connection.has_key or KLAVIYO.keys is None:
        return ""
    reasons = [KLAVIYO.keys.never[scope] for scope in action.scopes if scope in KLAVIYO.keys.never]
    return next(iter(reasons), "")


def _missing(connection: Connection, operations: Iterable[str]) -> tuple[str, ...]:
    found = [scope for id in operations for scope in scopes.lacking(connection, published.operation(id))]
    return tuple(dict.fromkeys(found))


def _shown(action: Action, title: str, connection: Connection | None) -> Shown:
    also = " ".join(ALSO.get(word.removesuffix("s"), "") for word in action.name.split("_"))
    said = f"{action.title} {action.name} {action.summary} {' '.join(action.seeds)} {title} {also}"
    lacks = lacking(connection, action) if connection else ()
    return Shown(action, lacks, never(connection, action) if connection else "", plain(said))
