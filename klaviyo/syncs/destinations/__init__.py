"""Destinations: how changes reach Klaviyo; of each kind its requests, and what an answer says of the rows."""

from typing import Any

from klaviyo.models import Sync
from klaviyo.syncs.changes.settling import Change
from klaviyo.syncs.destinations import events, lists, profiles, subscriptions
from klaviyo.syncs.destinations.work import Work

Destination, Mode = Sync.Destination, Sync.Mode


def sizes(sync: Sync) -> tuple[int, int]:
    """How many rows are sent in a request, and how many are taken off in one."""
    wanted = int(sync.options.get("at_once") or 0)
    sent, removed = (min(most, wanted or most) for most in _most(sync))
    return sent, removed


def _most(sync: Sync) -> tuple[int, int]:
    if sync.mode == Mode.REMOVE:
        return lists.MOST_REMOVED, lists.MOST_REMOVED
    if sync.destination == Destination.EVENTS:
        return events.MOST, events.MOST
    if sync.destination == Destination.SUBSCRIPTIONS:
        return subscriptions.most(sync), subscriptions.MOST_ENDED
    return profiles.MOST, lists.MOST_REMOVED


def target(sync: Sync) -> str:
    """What makes the same row another request: the account, and the list."""
    return f"{sync.connection.account_id}/{sync.options.get('list_id', '')}"


def aim(sync: Sync) -> str:
    """What its rows have been told when they have been told: where, and whether that makes or ends something."""
    way = sync.mode if sync.mode in (Mode.REMOVE, Mode.SUBSCRIBE, Mode.UNSUBSCRIBE) else ""
    return f"{sync.destination}/{way}/{target(sync)}"


def prepare(sync: Sync) -> None:
    """What must be there before the first row is read: a list that the sync makes. Raises IntegrationError."""
    if sync.destination == Destination.LIST:
        lists.make(sync)


def send(work: Work) -> None:
    """Tell of a chunk's changes. Raises IntegrationError; then nobody has been passed over."""
    if sync_removes(work.sync):
        lists.take_off(work)
    elif work.sync.destination == Destination.EVENTS:
        events.send(work)
    elif work.sync.destination == Destination.SUBSCRIPTIONS:
        subscriptions.send(work)
    else:
        profiles.send(work)


def remove(work: Work) -> None:
    """Take off whoever has left. Raises IntegrationError."""
    if work.sync.destination == Destination.LIST and work.sync.mode == Mode.MIRROR:
        lists.remove(work)
    elif work.sync.removes:
        subscriptions.end(work)
    else:
        work.forget()


def sample(work: Work, change: Change) -> dict[str, Any]:
    """What would be said of one row, as Klaviyo would get it."""
    match work.sync.destination:
        case Destination.EVENTS:
            return events.one(work, change)
        case Destination.SUBSCRIPTIONS:
            return subscriptions.sample(work, change)
        case _ if sync_removes(work.sync):
            return {"off the list": change.identity}
        case _:
            return profiles.data_of(work.sync, change)


def sync_removes(sync: Sync) -> bool:
    """Whether its rows are those who are to be taken off a list."""
    return sync.destination == Destination.LIST and sync.mode == Mode.REMOVE
