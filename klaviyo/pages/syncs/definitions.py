"""Definitions of syncs as YAML: all that says what they do, by names alone; no id, no secret, and no row.

Whoever takes a file in is held to what the editor asks for. What differs is a plan first, and nothing is ever deleted.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.models import Connection
from klaviyo.models import Sync, SyncRow, SyncSource
from klaviyo.pages import list_choices
from klaviyo.pages.syncs import cron_words, drafts, schedule_form
from klaviyo.syncs import schedule

VERSION = 1
MOST_BYTES = 4 * 1024 * 1024
WIDTH = 110

SOURCE_FIELDS = ("kind", "ready", "database", "query", "path", "key_columns", "columns", "reading", "zone")
SYNC_FIELDS = ("name", "destination", "mode", "mapping", "cron", "zone", "alerts", "is_on")
GUARDS = tuple(name for name, *_ in schedule_form.GUARDS)
NAMED_OTHERWISE = {"key_columns": "key", "is_on": "switched_on"}
#: What an account or a run has put among a sync's options: of one machine only.
OF_THIS_MACHINE = ("list_id", "making_since")
TOLD_BY = ("destination", "mode", "mapping", "account", "source", "options")
MOST_OF_ALL = 10_000
OPTION_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(
        ("backfill", "historical", "removed_unsubscribe", "make_list", "after_import"), (bool, "true or false")
    ),
    **dict.fromkeys(("asked_days", "at_once"), (int, f"a number from 1 to {MOST_OF_ALL:,}")),
    "list_name": (str, "text (in quotation marks)"),
}
DEFAULTS = {"reading": {}, "columns": [], "zone": "UTC", "mapping": {}, "cron": "", "alerts": {}, "is_on": False}


class CannotRead(Exception):
    """What is wrong with a file, in sentences."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Step:
    """One thing to be done: `what` is new, changed or switched off; `about` names it."""

    what: str
    about: str
    changes: tuple[str, ...] = ()
    again: int = 0  # rows that may be told anew

    def __str__(self) -> str:
        told = f"{self.what}: {self.about}"
        if self.changes:
            told += f" ({', '.join(self.changes)})"
        if self.again:
            told += f"; up to {self.again:,} rows would be sent again"
        return told


@dataclass
class Plan:
    """What taking a file in would do; its rows are ready to be saved."""

    steps: list[Step] = field(default_factory=list)
    sources: list[SyncSource] = field(default_factory=list)
    syncs: list[Sync] = field(default_factory=list)


def text() -> str:
    """All syncs and their sources."""
    sources = SyncSource.objects.select_related("upload").order_by("name")
    syncs = Sync.objects.select_related("source", "connection").order_by("slug")
    document = {
        "version": VERSION,
        "sources": {one.name: of_source(one) for one in sources},
        "syncs": {one.slug: of_sync(one) for one in syncs},
    }
    written: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return written


def of_source(source: SyncSource) -> dict[str, Any]:
    told = {_named(name): getattr(source, name) for name in SOURCE_FIELDS if _is_told(source, name)}
    if source.upload is not None:
        told["file"] = source.upload.name
    return told


def of_sync(sync: Sync) -> dict[str, Any]:
    told = {_named(name): getattr(sync, name) for name in SYNC_FIELDS if _is_told(sync, name)}
    told |= {"source": sync.source.name, "account": sync.connection.account_name}
    if options := {name: value for name, value in sync.options.items() if name not in OF_THIS_MACHINE}:
        told["options"] = dict(sorted(options.items()))
    told["guards"] = {name: getattr(sync, name) for name in GUARDS}
    return told


def plan(written: str) -> Plan:
    """What the file would do here. Raises CannotRead with all that is wrong with it."""
    document = read(written)
    found, wrong = Plan(), list[str]()
    sources = {one.name: one for one in SyncSource.objects.select_related("upload")}
    for name, said in document["sources"].items():
        _plan_source(found, sources, name, said, wrong)
    known = {one.slug: one for one in Sync.objects.select_related("source__upload", "connection")}
    for slug, said in document["syncs"].items():
        _plan_sync(found, known.get(slug), sources, slug, said, wrong)
    for slug, sync in known.items():
        if slug not in document["syncs"] and sync.is_on:
            sync.is_on = False
            found.syncs.append(sync)
            found.steps.append(Step("switched off", f"sync {slug}", ("it is not in the file",)))
    if wrong:
        raise CannotRead(*wrong)
    return found


@transaction.atomic
def carry_out(found: Plan) -> None:
    """Do what was planned, all of it or nothing."""
    for source in found.sources:
        source.save()
    for sync in found.syncs:
        sync.source_id = sync.source.pk
        sync.version += sync.pk is not None
        schedule.look_ahead(sync)
        sync.save()


def read(written: str) -> dict[str, dict[str, Any]]:
    """The file's sources and syncs. Raises CannotRead for what is no such file."""
    if len(written.encode()) > MOST_BYTES:
        raise CannotRead(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    try:
        found = yaml.load(written, Loader=_Loader)  # noqa: S506  (a safe one, with fewer words)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CannotRead(f"{at}{error.problem or 'this is no YAML'}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CannotRead(f"This is no YAML that can be read ({type(error).__name__}).") from None
    if said := _no_plain_value(found):
        raise CannotRead(said)
    if not isinstance(found, dict):
        raise CannotRead("The file has no syncs: it begins with version, sources and syncs, as an export does.")
    if strange := sorted(str(one) for one in found if one not in ("version", "sources", "syncs")):
        raise CannotRead(f"{strange[0]} is not known here: a file has version, sources and syncs.")
    if found.get("version") != VERSION:
        raise CannotRead(f"version is {found.get('version')!r}; this product reads version {VERSION}.")
    parts = {name: found.get(name) or {} for name in ("sources", "syncs")}
    for name, part in parts.items():
        if not isinstance(part, dict) or not all(isinstance(one, dict) for one in part.values()):
            raise CannotRead(f"{name} holds, below each name, what it says: a name, a colon, and its lines below it.")
        if odd := [key for key in part if not isinstance(key, str)]:
            raise CannotRead(f"{name}: the name {odd[0]!r} is no text. Put it in quotation marks.")
    return parts


def _no_plain_value(value: Any, where: str = "") -> str:
    """What no database keeps as it stands, such as a date without quotation marks: where it is; empty for none."""
    match value:
        case dict():
            parts = [(f"{where}, {key}" if where else f"{key}", one) for key, one in value.items()]
            strange = next((said for key in value if (said := _no_plain_value(key, where))), "")
            return strange or next((said for at, one in parts if (said := _no_plain_value(one, at))), "")
        case list():
            return next((said for one in value if (said := _no_plain_value(one, where))), "")
        case str():
            is_plain = "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
        case float():
            is_plain = math.isfinite(value)
        case _:
            is_plain = value is None or isinstance(value, int)
    return "" if is_plain else f"{where or 'the file'}: {_shown(value)} cannot be kept. Put a text in quotation marks."


def _plan_source(
    found: Plan, sources: dict[str, SyncSource], name: str, said: Mapping[str, Any], wrong: list[str]
) -> None:
    where = f"sources, {name}"
    known = sources.get(name)
    source = known or SyncSource(name=name)
    before = of_source(source) if known else {}
    _take(source, said, SOURCE_FIELDS, where, wrong, besides=("file",))
    file = said.get("file")
    if file is not None and (source.upload is None or source.upload.name != file) and not source.path:
        if known is None:
            found.steps.append(Step("to be done", f"source {name}", (f"upload the file {file} in its editor",)))
        elif source.upload is None:
            wrong.append(f"{where}: its file {file} is not here. Upload it in the editor, or give a path.")
    sources[name] = source
    _check(source, where, wrong)
    changes = _changes(before, of_source(source))
    if known is None:
        found.steps.append(Step("new", f"source {name}"))
    elif changes:
        found.steps.append(Step("changed", f"source {name}", changes))
    if known is None or changes:
        found.sources.append(source)


def _plan_sync(
    found: Plan,
    known: Sync | None,
    sources: Mapping[str, SyncSource],
    slug: str,
    said: Mapping[str, Any],
    wrong: list[str],
) -> None:
    where, many = f"syncs, {slug}", len(wrong)
    sync = known or Sync(slug=slug)
    before, was_on = (of_sync(sync), sync.is_on) if known else ({}, False)
    told = {"source": said.get("source"), "account": said.get("account")}
    if (source := sources.get(told["source"]) if isinstance(told["source"], str) else None) is None:
        wrong.append(f"{where}: there is no source {told['source']!r}, neither in the file nor here.")
    connection = _account(told["account"], sync, where, wrong)
    if source is None or connection is None:
        return
    if (
        known
        and drafts.is_settled(known)
        and (known.connection_id, known.destination)
        != (
            connection.pk,
            said.get("destination", known.destination),
        )
    ):
        wrong.append(f"{where}: it has told rows, so its account and destination stay. Make a sync of another name.")
        return
    sync.source, sync.connection = source, connection
    _take(sync, said, SYNC_FIELDS, where, wrong, besides=("source", "account", "options", "guards"))
    _take_options(sync, said.get("options") or {}, where, wrong)
    _take_guards(sync, said.get("guards") or {}, where, wrong)
    _check(sync, where, wrong)
    ways = {str(one): modes for one, modes in Sync.MODES.items()}.get(sync.destination, ())
    if ways and sync.mode not in ways:
        wrong.append(f"{where}: mode is {sync.mode}, and {sync.destination} has {', '.join(ways)}.")
    if len(wrong) > many:
        return
    if sync.is_on:
        for step in drafts.STEPS:
            is_to_be_uploaded = step == drafts.SOURCE and source.pk is None and source.kind == SyncSource.Kind.FILE
            if not is_to_be_uploaded:
                wrong += [f"{where}: {sentence}" for sentence in drafts.problems(sync, step).values()]
            elif not source.path:
                wrong.append(f"{where}: it is switched on, and its file is not here. Switch it on when it is.")
    changes = _changes(before, of_sync(sync))
    if known and changes and (why := drafts.locked(known)):
        wrong.append(f"{where}: {why}")
    what = "new" if known is None else "switched off" if was_on and not sync.is_on else "changed"
    again = SyncRow.objects.filter(sync=known, digest__isnull=False).count() if set(changes) & set(TOLD_BY) else 0
    if known is None or changes:
        found.steps.append(Step(what, f"sync {slug}", changes if known else (), again))
        found.syncs.append(sync)


def _account(name: Any, sync: Sync, where: str, wrong: list[str]) -> Connection | None:
    """By its name; of several the one that the sync has already."""
    rows = Connection.objects.filter(provider="klaviyo", account_name=name).exclude(state__in=Connection.ENDED)
    there = list(rows) if isinstance(name, str) and name else []
    if len(there) == 1:
        return there[0]
    if own := next((one for one in there if one.pk == sync.connection_id), None):
        return own
    if there:
        wrong.append(f"{where}: {len(there)} accounts are named {name}. Name one of them otherwise in Klaviyo.")
    else:
        wrong.append(f"{where}: no account named {name!r} is connected. Connect it first.")
    return None


def _take(
    row: SyncSource | Sync,
    said: Mapping[str, Any],
    names: tuple[str, ...],
    where: str,
    wrong: list[str],
    *,
    besides: tuple[str, ...],
) -> None:
    """The fields as the file says them; what it does not say is as in a new one."""
    known = {_named(name) for name in names} | set(besides)
    wrong += [f"{where}: {one} is not known here." for one in said if one not in known]
    for name in names:
        given = said.get(_named(name), _default(name))
        kind = type(_default(name))
        if not isinstance(given, kind):
            wrong.append(f"{where}: {_named(name)} is {_shown(given)}, and should be {_KINDS[kind]}.")
        elif isinstance(given, list) and not all(isinstance(one, str) for one in given):
            wrong.append(f"{where}: {_named(name)} has what is no text. Put each in quotation marks.")
        else:
            setattr(row, name, given)


def _take_options(sync: Sync, said: Any, where: str, wrong: list[str]) -> None:
    """Options by their names; a list by its name, which the account must have just once."""
    if not isinstance(said, dict):
        wrong.append(f"{where}: options are names with values below them.")
        return
    wrong += [
        f"{where}: options has {one}, which is not known here."
        for one in said
        if one not in Sync.OPTIONS or one in OF_THIS_MACHINE
    ]
    for option, (kind, words) in OPTION_KINDS.items():
        value = said.get(option)
        is_beyond = kind is int and isinstance(value, int) and not 0 < value <= MOST_OF_ALL
        if value is not None and (type(value) is not kind or is_beyond):
            wrong.append(f"{where}: options, {option} is {_shown(value)}, and should be {words}.")
    before, sync.options = sync.options, dict(said)
    name = said.get("list_name")
    if not name:
        return
    if name == before.get("list_name") and sync.connection_id and before.get("list_id"):
        sync.options |= {one: before[one] for one in OF_THIS_MACHINE if one in before}
        return
    if said.get("make_list"):
        return
    there = [one for one in list_choices.of(sync.connection).lists if one.name == name]
    if len(there) == 1:
        sync.options["list_id"] = there[0].id
    elif there:
        wrong.append(f"{where}: {len(there)} lists of {sync.connection.account_name} are named {name}. Rename one.")
    else:
        wrong.append(f"{where}: {sync.connection.account_name} has no list named {name}, as far as is known here.")


def _take_guards(sync: Sync, said: Any, where: str, wrong: list[str]) -> None:
    if not isinstance(said, dict):
        wrong.append(f"{where}: guards are names with numbers below them.")
        return
    wrong += [f"{where}: guards has {one}, which is not known here." for one in said if one not in GUARDS]
    for name, title, most, _ in schedule_form.GUARDS:
        value = said.get(name, getattr(Sync(), name))
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            wrong.append(f"{where}: {name} ({title.lower()}) is a number from 0 to {most:,}.")
        else:
            setattr(sync, name, value)


def _check(row: SyncSource | Sync, where: str, wrong: list[str]) -> None:
    """What the database would refuse, in words."""
    try:
        row.clean_fields(exclude=["source", "connection", "upload", "created_by", "mapping", "key_columns", "columns"])
    except ValidationError as error:
        wrong += [f"{where}: {_named(name)}: {' '.join(of_one)}" for name, of_one in error.message_dict.items()]
    if not cron_words.is_zone(row.zone):
        wrong.append(f"{where}: there is no time zone {row.zone}: it is named like Europe/Berlin.")


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    names = dict.fromkeys([*before, *after])
    return tuple(name for name in names if before.get(name) != after.get(name))


def _named(name: str) -> str:
    return NAMED_OTHERWISE.get(name, name)


def _is_told(row: SyncSource | Sync, name: str) -> bool:
    """What a new one says as well need not be said."""
    return name in ("kind", "name", "destination", "mode") or getattr(row, name) != _default(name)


def _default(name: str) -> Any:
    kept = DEFAULTS.get(name)
    if kept is not None:
        return kept.copy() if isinstance(kept, dict | list) else kept
    return [] if name == "key_columns" else ""


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value!r}"[:60]


_KINDS = {str: "text (in quotation marks)", bool: "true or false", dict: "names with values below them", list: "a list"}


class _Dumper(yaml.SafeDumper):
    """Text of several lines is written as such: https://yaml.org/spec/1.1/#id926836"""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text_of(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text_of)


class _Loader(yaml.SafeLoader):
    """Without aliases, which make much of little, and without a name that stands twice, of which one would be lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read here", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        for name in _twice(node):
            raise yaml.constructor.ConstructorError(None, None, f"{name.value} stands here twice", name.start_mark)
        return super().construct_mapping(node, deep)


def _twice(node: yaml.MappingNode) -> Iterator[yaml.ScalarNode]:
    seen = set[str]()
    for name, _ in node.value:
        if isinstance(name, yaml.ScalarNode):
            if name.value in seen:
                yield name
            seen.add(name.value)
