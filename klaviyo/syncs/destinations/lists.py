"""Lists: whoever leaves the source is taken off by id, unless another row still stands for them."""

from datetime import timedelta

from django.utils import timezone

from klaviyo.api import lists
from klaviyo.api.client import Client
from klaviyo.models import Sync, SyncRow
from klaviyo.syncs.changes import chunks, settling
from klaviyo.syncs.destinations import people
from klaviyo.syncs.destinations.work import Work

MOST_REMOVED = lists.MOST_MEMBERS
CLOCKS_DIFFER = timedelta(minutes=2)


def make(sync: Sync) -> None:
    """Make the sync's own list, once: what a crash has left without its id is found by its name and its time."""
    if sync.options.get("list_id") or not sync.options.get("make_list"):
        return
    client = Client(sync.connection, is_backlog=True)
    name = str(sync.options.get("list_name") or sync.source.name)
    began = sync.options.get("making_since")
    found = ""
    if began:
        found = next((one.id for one in lists.all_of(client) if one.name == name and one.created_at >= began), "")
    else:
        since = (timezone.now() - CLOCKS_DIFFER).isoformat()
        _note(sync, {"making_since": since})
    _note(sync, {"list_id": found or lists.create(client, name), "list_name": name})


def remove(work: Work) -> None:
    """Take off whom nobody stands for any more. Raises IntegrationError."""
    wanted = {change.identity for change in work.changes if change.identity}
    wanted -= settling.still_stand(work.run, wanted)
    ids = _ids(work, wanted)
    if ids:
        lists.remove(work.client, str(work.sync.options["list_id"]), sorted(set(ids.values())), last_look=work.look)
        work.count_request()
    with chunks.held(work.chunk) as run:
        settling.remove(run, [change.n for change in work.changes])
        chunks.close(work.chunk)


def take_off(work: Work) -> None:
    """Of a sync that only removes: these rows say who is not to be on the list. Raises IntegrationError."""
    ids = people.find(work.client, work.by, sorted({change.identity for change in work.changes}))
    if ids:
        lists.remove(work.client, str(work.sync.options["list_id"]), sorted(set(ids.values())), last_look=work.look)
        work.count_request()
    with chunks.held(work.chunk) as run:
        settling.tell(run, [change.n for change in work.changes])
        chunks.close(work.chunk)


def _ids(work: Work, identities: set[str]) -> dict[str, str]:
    rows = SyncRow.objects.filter(sync=work.sync, identity__in=list(identities)).exclude(profile_id="")
    known = dict(rows.values_list("identity", "profile_id"))
    unknown = sorted(identities - known.keys())
    return known | (people.find(work.client, work.by, unknown) if unknown else {})


def _note(sync: Sync, said: dict[str, str]) -> None:
    sync.options = sync.options | said
    Sync.objects.filter(pk=sync.pk).update(options=sync.options)
