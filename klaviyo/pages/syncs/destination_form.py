"""The second step of a sync: the account, what is written there and how, and to which list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from integrations.models import Connection
from klaviyo.models import Sync
from klaviyo.pages.list_choices import KnownLists
from klaviyo.pages.syncs import drafts

Destination, Mode = Sync.Destination, Sync.Mode
MOST_DAYS = 365

DOES = {
    Destination.PROFILES: "Fields and properties of people's profiles.",
    Destination.EVENTS: "Each row is an event of a person, once and for ever.",
    Destination.LIST: "Who is on a list; their profiles' fields as well.",
    Destination.SUBSCRIPTIONS: "Who gets marketing by e-mail or text message. The only sync that speaks of consent.",
}
MODES = {
    (Destination.PROFILES, Mode.UPSERT): (
        "Create or update",
        "Whom Klaviyo does not know gets a profile. Who leaves the source keeps theirs. Nobody is subscribed.",
    ),
    (Destination.PROFILES, Mode.UPDATE): (
        "Update existing only",
        "Whom Klaviyo does not know is left out, and looked up again with the next run. Nobody is subscribed.",
    ),
    (Destination.EVENTS, Mode.SEND): (
        "Send",
        "Each new row is sent once. A changed or removed row changes nothing. Who is unknown gets a profile.",
    ),
    (Destination.EVENTS, Mode.UPDATE): (
        "Send for known people only",
        "Each new row is sent once, if Klaviyo knows the person. No profile is made.",
    ),
    (Destination.LIST, Mode.MIRROR): (
        "Mirror",
        "Who is in the source joins the list, and who leaves it is taken off, if this sync added them. It never takes "
        "off whom others added, and never unsubscribes. Joining a list may start flows.",
    ),
    (Destination.LIST, Mode.ADD): (
        "Add only",
        "Who is in the source joins the list. Nobody is ever taken off. Joining a list may start flows.",
    ),
    (Destination.LIST, Mode.REMOVE): (
        "Remove",
        "Who is in the source is taken off the list. Nobody is added, and nobody is unsubscribed.",
    ),
    (Destination.SUBSCRIPTIONS, Mode.SUBSCRIBE): (
        "Subscribe",
        "Only rows that say yes are subscribed. Who has said no, at Klaviyo or here, is never asked back.",
    ),
    (Destination.SUBSCRIPTIONS, Mode.UNSUBSCRIBE): (
        "Unsubscribe",
        "Everybody in the source is unsubscribed, and stands on Sorae's own list of no from then on.",
    ),
}


@dataclass(frozen=True)
class ModeChoice:
    destination: str
    mode: str
    title: str
    means: str
    is_chosen: bool


@dataclass(frozen=True)
class Group:
    """What can be written, and its ways."""

    value: str
    title: str
    means: str
    is_chosen: bool
    modes: tuple[ModeChoice, ...]


def groups(sync: Sync) -> list[Group]:
    found = []
    for destination in Destination:
        modes = tuple(
            ModeChoice(
                destination,
                mode,
                *MODES[destination, mode],
                is_chosen=(sync.destination, sync.mode) == (destination, mode),
            )
            for mode in Sync.MODES[destination]
        )
        is_chosen = sync.destination == destination
        found.append(Group(destination, destination.label, DOES[destination], is_chosen, modes))
    return found


def accounts() -> "QuerySet[Connection]":
    rows = Connection.objects.filter(provider="klaviyo").exclude(state__in=Connection.ENDED)
    return rows.order_by("account_name", "pk")


def read(sync: Sync, data: QueryDict, known: KnownLists) -> dict[str, str]:
    """Take the form into the sync; what cannot be taken, in sentences by field."""
    problems = dict[str, str]()
    destination, _, mode = data.get("what", "").partition("/")
    before = sync.connection_id
    if not drafts.is_settled(sync):
        chosen = next((one for one in accounts() if str(one.pk) == data.get("connection")), None)
        if chosen is None and "connection" in data:
            problems["connection"] = "Choose an account."
        sync.connection = chosen or sync.connection
        if destination in Destination.values and destination != sync.destination:
            sync.destination, sync.mapping = destination, _kept(sync.mapping)
    allowed = Sync.MODES[Destination(sync.destination)]
    if destination == sync.destination and mode in allowed:
        sync.mode = mode
    elif sync.mode not in allowed:
        sync.mode = allowed[0]
    sync.options = _options(sync, data, known, problems)
    if sync.connection_id != before and sync.options.get("list_id"):  # a list is of one account
        del sync.options["list_id"], sync.options["list_name"]
    return problems


def _kept(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Of a mapping to another destination only who is meant stays."""
    return {"identity": mapping["identity"]} if "identity" in mapping else {}


def _options(sync: Sync, data: QueryDict, known: KnownLists, problems: dict[str, str]) -> dict[str, Any]:
    options = {name: value for name, value in sync.options.items() if name not in CHOSEN_HERE}
    if sync.destination in (Destination.LIST, Destination.SUBSCRIPTIONS):
        options |= _list(sync, data, known, problems)
    if sync.destination == Destination.EVENTS and data.get("backfill") in ("yes", "no"):
        options["backfill"] = data["backfill"] == "yes"
    if sync.destination == Destination.SUBSCRIPTIONS and sync.mode == Mode.SUBSCRIBE:
        if data.get("asked") == "historical":
            options["historical"] = True
        elif data.get("asked") == "days":
            days = data.get("asked_days", "").strip()
            if days.isdecimal() and 0 < int(days) <= MOST_DAYS:
                options["asked_days"] = int(days)
            else:
                problems["asked"] = f"Say within how many days, from 1 to {MOST_DAYS}."
        if "removed_unsubscribe" in data:
            options["removed_unsubscribe"] = True
    return options


CHOSEN_HERE = (
    "list_id",
    "list_name",
    "make_list",
    "making_since",
    "backfill",
    "historical",
    "asked_days",
    "removed_unsubscribe",
)


def _list(sync: Sync, data: QueryDict, known: KnownLists, problems: dict[str, str]) -> dict[str, Any]:
    before = {name: sync.options[name] for name in CHOSEN_HERE[:4] if name in sync.options}
    wanted = data.get("list", "")[:64]
    if wanted == "make" and sync.destination == Destination.LIST:
        name = data.get("list_name", "").replace("\x00", "").strip()[:100] or sync.source.name
        if before.get("make_list") and before.get("list_id"):
            return before
        return {"make_list": True, "list_name": name}
    if not wanted:
        return {}
    if wanted == before.get("list_id"):
        return before
    if (found := known.with_id(wanted)) is None:
        problems["list"] = "The account has no such list any more. Choose another."
        return {}
    return {"list_id": found.id, "list_name": found.name or found.id}
