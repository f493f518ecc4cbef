"""An account's things by their names, for whoever fills in a form: all of its pages are read, not the first alone."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.wire.deadline import Deadline
from klaviyo.actions.refusals import Refused
from klaviyo.actions.retries import Patience
from klaviyo.actions.task import Task
from klaviyo.api import published
from klaviyo.api.answers import members, words
from klaviyo.pages.action_fields import Field
from klaviyo.pages.list_choices import plain

SECONDS = 20
KEPT_FOR = 60  # seconds
SHOWN = 50
MOST = 20_000
#: Of each kind: the operation that lists it, the attribute that names it, and the filters to walk one by one.
KINDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "list": ("get_lists", "name", ("",)),
    "segment": ("get_segments", "name", ("",)),
    "template": ("get_templates", "name", ("",)),
    "campaign": (
        "get_campaigns",
        "name",
        tuple(f"equals(messages.channel,'{channel}')" for channel in ("email", "sms", "mobile_push")),
    ),
    "metric": ("get_metrics", "name", ("",)),
    "coupon": ("get_coupons", "external_id", ("",)),
    "flow": ("get_flows", "name", ("",)),
    "tag": ("get_tags", "name", ("",)),
    "image": ("get_images", "name", ("",)),
    "webhook": ("get_webhooks", "name", ("",)),
    "topic": ("get_webhook_topics", "name", ("",)),
}
_ID = re.compile(r"[A-Za-z0-9_.:~-]{1,64}")


@dataclass(frozen=True)
class Thing:
    """One thing: what kind it is of, its id, and its name."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True)
class Found:
    """The things that have the words in their name or id; `problem` says why some or all may be missing."""

    field: Field
    words: str
    things: list[Thing]
    hidden: int = 0
    problem: str = ""

    @property
    def is_of_several_kinds(self) -> bool:
        return len(self.field.things) > 1


def search(connection: Connection, field: Field, typed: str) -> Found:
    """What a field can name, by what was typed (of several lines, in the last one); the likeliest first."""
    lines = [line.strip() for line in typed.splitlines() if line.strip()] or [""]
    wanted = plain(lines[-1])
    things, problem = _all(connection, field)
    matching = [one for one in things if wanted in plain(f"{one.name} {one.id}")]
    if not matching and wanted and not problem:
        _forget(connection, field)  # it may be newer than what we know
        things, problem = _all(connection, field)
        matching = [one for one in things if wanted in plain(f"{one.name} {one.id}")]
    matching.sort(key=lambda one: (not plain(one.name).startswith(wanted), plain(one.name), one.id))
    return Found(field, lines[-1], matching[:SHOWN], max(len(matching) - SHOWN, 0), problem)


def named(connection: Connection, field: Field, typed: str, *, asks: bool = True) -> str | None:
    """The id of the one thing that is called so, unless it is an id itself."""
    things = [Thing(kind, *pair) for kind in field.things for pair in cache.get(_key(connection, kind)) or ()]
    if not any(one.id == typed for one in things) and (not can_be_id(typed) or (asks and _is_a_word(typed))):
        things, _ = _all(connection, field)
    if any(one.id == typed for one in things):
        return None
    ids = {one.id for one in things if plain(one.name) == plain(typed)}
    return ids.pop() if len(ids) == 1 else None


def can_be_id(typed: str) -> bool:
    return bool(_ID.fullmatch(typed))


def _is_a_word(typed: str) -> bool:
    """Whether it is rather a name: ids of Klaviyo's that were seen mix capitals, or have digits."""
    return typed.isalpha() and typed[1:].islower()


def name_of(connection: Connection, field: Field, id: str) -> str:
    """The name of a thing, as far as it is known without asking."""
    known = [one for kind in field.things for one in cache.get(_key(connection, kind)) or ()]
    return next((name for kind_id, name in known if kind_id == id), "")


def _all(connection: Connection, field: Field) -> tuple[list[Thing], str]:
    found: list[Thing] = []
    problems: list[str] = []
    for kind in field.things:
        pairs, problem = _of_kind(connection, kind)
        found += [Thing(kind, id, name) for id, name in pairs]
        problems += [problem] if problem else []
    return found, " ".join(problems)


def _of_kind(connection: Connection, kind: str) -> tuple[list[tuple[str, str]], str]:
    kept = cache.get(_key(connection, kind))
    if kept is not None:
        return kept, ""
    found: list[tuple[str, str]] = []
    operation, attribute, filters = KINDS[kind]
    task = Task.over(connection, Patience(1, timedelta(seconds=1), False, False), Deadline(SECONDS))
    try:
        task.must_be_allowed([operation])
        for one in _walk(task, operation, filters):
            told = members(one)
            found.append((words(told.get("id")), words(members(told.get("attributes")).get(attribute))))
            if len(found) >= MOST:
                return found, f"Only the first {MOST:,} were looked through. Type the id of another one."
    except (IntegrationError, Refused) as error:
        sentence = error.sentence if isinstance(error, IntegrationError) else error.problem.detail
        return found, f"Not all could be read: {sentence}" if found else f"They could not be read: {sentence}"
    cache.set(_key(connection, kind), found, KEPT_FOR)
    return found, ""


def _walk(task: Task, operation: str, filters: Iterable[str]) -> Iterator[Any]:
    most = published.find(operation).page[1]
    for one in filters:
        query = ({"filter": one} if one else {}) | ({"page[size]": str(most)} if most else {})
        for items, _ in task.pages(operation, None, query):
            yield from items


def _forget(connection: Connection, field: Field) -> None:
    cache.delete_many([_key(connection, kind) for kind in field.things])


def _key(connection: Connection, kind: str) -> str:
    return f"action things {connection.pk} {connection.generation} {kind}".replace(" ", "-")
