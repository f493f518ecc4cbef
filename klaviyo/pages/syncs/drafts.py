"""Drafts: what a sync says of each step of its editor, and what is still wrong with it. Nobody is asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from klaviyo.models import Sync, SyncRun
from klaviyo.pages.syncs import cron_words
from klaviyo.syncs import schedule
from klaviyo.syncs.columns.mapped import Mapping as ColumnMapping
from klaviyo.syncs.columns.mapped import MappingError
from klaviyo.syncs.run import runs

SOURCE, DESTINATION, MAPPING, SCHEDULE = STEPS = ("source", "destination", "mapping", "schedule")
TITLES = {SOURCE: "Source", DESTINATION: "Destination", MAPPING: "Mapping", SCHEDULE: "Schedule"}

NEEDS = {
    Sync.Destination.PROFILES: ("profiles:read", "profiles:write"),
    Sync.Destination.EVENTS: ("events:read", "events:write", "profiles:read", "profiles:write"),
    Sync.Destination.LIST: ("lists:read", "lists:write", "profiles:read", "profiles:write"),
    Sync.Destination.SUBSCRIPTIONS: (
        "lists:read",
        "lists:write",
        "profiles:read",
        "profiles:write",
        "subscriptions:write",
    ),
}
Problems = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """A step in the editor's own navigation."""

    name: str
    title: str
    number: int
    is_current: bool
    is_sound: bool


def steps(sync: Sync | None, current: str) -> list[Step]:
    return [
        Step(name, TITLES[name], number, name == current, sync is not None and not problems(sync, name))
        for number, name in enumerate(STEPS, 1)
    ]


def first_unsound(sync: Sync) -> str:
    """The first step that is not sound; empty where all are."""
    return next((name for name in STEPS if problems(sync, name)), "")


def problems(sync: Sync, step: str) -> Problems:
    """What is wrong with a step: sentences by the names of fields."""
    return _CHECKS[step](sync)


def locked(sync: Sync) -> str:
    """Why it cannot be changed now; empty where it can."""
    run = runs.under_way(sync)
    if run is None or (run.state == SyncRun.State.HELD and run.code == runs.SOURCE_CHANGED):
        return ""
    return f"Run {run.pk} is under way: what it does would not be what is said here. Let it end, or stop it first."


def is_settled(sync: Sync) -> bool:
    """Whether rows have been told: then where they were told stays."""
    return SyncRun.objects.filter(sync=sync, is_dry=False, read_at__isnull=False).exists()


def lacking(sync: Sync) -> list[str]:
    """The scopes for want of which it would be refused."""
    return sync.connection.lacks(NEEDS[Sync.Destination(sync.destination)])


def _source(sync: Sync) -> Problems:
    source = sync.source
    found = {}
    if source.kind == source.Kind.FILE and not source.upload_id and not source.path:
        found["file"] = "Upload a file."
    if source.kind == source.Kind.SQL and not source.query.strip():
        found["query"] = "Write a query."
    if not source.columns:
        found.setdefault("file" if source.kind == source.Kind.FILE else "query", "The source was not read yet.")
    if not source.key_columns:
        found["key"] = "Choose the column that tells one row from another."
    elif gone := [one for one in source.key_columns if source.columns and one not in source.columns]:
        found["key"] = f"The source has no column {gone[0]} any more. Choose another."
    return found


def _destination(sync: Sync) -> Problems:
    found = {}
    if sync.mode not in Sync.MODES[Sync.Destination(sync.destination)]:
        found["mode"] = "Choose what is done."
    if not sync.connection.is_connected:
        found["connection"] = "This account is not connected now. Connect it again, or choose another."
    if scopes := lacking(sync):
        found["scopes"] = f"The account has not allowed {', '.join(scopes)}. Reconnect it, and allow them."
    options = sync.options
    if sync.destination == Sync.Destination.LIST and not options.get("list_id") and not options.get("make_list"):
        found["list"] = "Choose a list, or have one made."
    is_asking = sync.destination == Sync.Destination.SUBSCRIPTIONS and sync.mode == Sync.Mode.SUBSCRIBE
    if is_asking and not options.get("historical") and not options.get("asked_days"):
        found["asked"] = "Say when these people have asked for it."
    return found


def _mapping(sync: Sync) -> Problems:
    if not sync.mapping:
        return {"identity": "Choose what says whom a row is about."}
    zone = ZoneInfo(sync.zone or "UTC")
    try:
        ColumnMapping.from_json(sync.mapping, sync.source.columns, destination=sync.destination, zone=zone)
    except MappingError as error:
        return dict(reversed(error.problems))
    return {}


def _schedule(sync: Sync) -> Problems:
    found = {}
    if sync.cron and (problem := schedule.problem(sync.cron)):
        found["cron"] = problem
    if not cron_words.is_zone(sync.zone):
        found["zone"] = "There is no such time zone: it is named like Europe/Berlin."
    return found


_CHECKS = {SOURCE: _source, DESTINATION: _destination, MAPPING: _mapping, SCHEDULE: _schedule}
