"""Events: a row is one event for ever. Of a request of which nobody knows whether it left, each goes by itself.

Klaviyo keeps the first of each person, metric and unique_id. That it also drops what an earlier bulk request has
brought is not published, so it is not relied upon: https://developers.klaviyo.com/en/reference/bulk_create_events
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from integrations import shutdown
from integrations.errors import PermanentError
from klaviyo.api import bulk, events
from klaviyo.models import Sync
from klaviyo.syncs.changes import digests
from klaviyo.syncs.changes.settling import Change, Said
from klaviyo.syncs.destinations import people
from klaviyo.syncs.destinations.work import Work

MOST = bulk.MOST_EVENTS
SETTLED_AT_ONCE = 25

Body = dict[str, Any]


def send(work: Work) -> None:
    """Record a chunk's events. Raises IntegrationError."""
    if work.sync.mode == Sync.Mode.UPDATE or work.by == "id":
        people.only_the_known(work)
    people.look_at_everybody(work)
    if not work.changes:
        return
    if work.chunk.is_unsure or len(work.changes) == 1:
        one_by_one(work)
        return
    groups = grouped(work)
    if too_much := _first_beyond(work):
        work.cut([too_much])
        return
    asked_of = work.emails
    data = [
        {"type": "event-bulk-create", "attributes": _profile(work, group) | {"events": {"data": _events(work, group)}}}
        for group in groups
    ]
    body = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": data}}}}
    try:
        work.client.call(bulk.BULK_CREATE_EVENTS, body=body, last_look=work.look)
    except PermanentError as error:
        work.count_request(refused=True)
        _refuse(work, error, groups)
        return
    work.count_request()
    people.after(work, asked_of)
    work.told([change.n for change in work.changes])


def one_by_one(work: Work) -> None:
    """Each by a request of its own, of which Klaviyo takes the first."""
    for some in [work.changes[at : at + SETTLED_AT_ONCE] for at in range(0, len(work.changes), SETTLED_AT_ONCE)]:
        taken, refused = list[int](), dict[int, Said]()
        for change in some:
            try:
                events.create(work.client, one(work, change), last_look=work.look)
                taken.append(change.n)
            except PermanentError as error:
                refused[change.n] = Said(error.sentence, error.code)
            work.count_request(refused=change.n in refused)
        people.after(work, {email for change in some for email in work.emails_of(change)})
        work.refused(refused)
        work.told(taken)
        if shutdown.asked():
            return


def unique_id(sync: Sync, key: str) -> str:
    return f"sync-{sync.uid}-{digests.of_key(key)}"


def grouped(work: Work) -> list[list[Change]]:
    """By person: Klaviyo takes each of them once in a request."""
    groups: dict[str, list[Change]] = {}
    for change in work.changes:
        groups.setdefault(change.identity, []).append(change)
    return list(groups.values())


def one(work: Work, change: Change) -> Body:
    """The request of one event: https://developers.klaviyo.com/en/reference/create_event."""
    attributes = event(work, change) | _profile(work, [change])
    return {"data": {"type": "event", "attributes": attributes}}


def event(work: Work, change: Change) -> Body:
    """What happened, without whom it happened to."""
    told = change.payload
    made: Body = {
        "metric": {"data": {"type": "metric", "attributes": {"name": told["metric"]}}},
        "properties": told.get("properties") or {},
        "time": told.get("time") or work.run.began_at.isoformat(timespec="seconds"),
        "unique_id": unique_id(work.sync, change.key),
    }
    return made | {name: told[name] for name in ("value", "value_currency") if told.get(name) is not None}


def _profile(work: Work, group: Sequence[Change]) -> Body:
    who: Body = {"type": "profile", "attributes": {}}
    if work.by == "id":
        who["id"] = group[0].identity
    else:
        who["attributes"] = {work.by: group[0].identity}
    # https://developers.klaviyo.com/en/reference/bulk_create_events: events of the past start no flow
    return {"profile": {"data": who}} | ({"backfill": True} if is_of_the_past(work) else {})


def is_of_the_past(work: Work) -> bool:
    """The first run's are, unless somebody has said otherwise: old orders must not start flows."""
    return bool(work.sync.options.get("backfill", not work.run.notes.get("is_later")))


def _events(work: Work, group: Sequence[Change]) -> list[Body]:
    return [{"type": "event", "attributes": event(work, change)} for change in group]


def _first_beyond(work: Work) -> int:
    size, total = partial(json.dumps, separators=(",", ":")), 0
    for place, change in enumerate(work.changes):
        total += len(size(one(work, change))) + 1
        if place and total > bulk.MOST_BYTES:
            return change.n
    return 0


def _refuse(work: Work, error: PermanentError, groups: Sequence[Sequence[Change]]) -> None:
    """Whom Klaviyo points at is refused; the rest goes again, or in halves where it points at nobody."""
    said = bulk.words_about(error, bulk.EVENT_OF_JOB)
    named: dict[int, Said] = {}
    for first, second in bulk.named(error, bulk.EVENT_OF_JOB):
        if first < len(groups):
            group = groups[first] if second is None else groups[first][second : second + 1]
            code, sentence = said[first]
            named |= {change.n: Said(sentence, code) for change in group}
    if named:
        work.refused(named)
        if work.changes:
            work.cut([])
        return
    ns = sorted(change.n for change in work.changes)
    work.cut(ns[1:] if len(ns) <= SETTLED_AT_ONCE else [ns[len(ns) // 2]])
