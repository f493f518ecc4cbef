"""Bulk jobs of Klaviyo: many events or many profiles in one request, and the import job that follows."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from integrations.errors import PermanentError, Throttled
from integrations.models import Delivery
from integrations.wire.attempts import LastLook
from klaviyo.api import answers, paging
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

MOST_EVENTS = 1_000  # https://developers.klaviyo.com/en/reference/bulk_create_events
MOST_PROFILES = 10_000  # https://developers.klaviyo.com/en/reference/bulk_import_profiles
MOST_MEMBERS = 1_000  # https://developers.klaviyo.com/en/reference/add_profiles_to_list
MOST_BYTES = 4_500_000  # Klaviyo takes 5 MB: https://developers.klaviyo.com/en/reference/bulk_create_events
EVENT_OF_JOB = re.compile(r"/events-bulk-create/data/(\d+)(?:/attributes/events/data/(\d+))?")
TRIES, LONGEST_WAIT = 3, timedelta(seconds=3)
NUMBER = re.compile(r"[\w=.:-]{1,128}", re.ASCII)  # of a job; its form is not published
PROFILE_OF_JOB = re.compile(r"/profiles/data/(\d+)")

BULK_CREATE_EVENTS = Operation(
    "bulk_create_events", "POST /api/event-bulk-create-jobs", "events:write", 10, 150, success=(202,)
)
BULK_IMPORT_PROFILES = Operation(
    "bulk_import_profiles",
    "POST /api/profile-bulk-import-jobs",
    "lists:write profiles:write",
    10,
    150,
    success=(202,),
    needs_body=True,
)
GET_BULK_IMPORT_PROFILES_JOB = Operation(
    "get_bulk_import_profiles_job", "GET /api/profile-bulk-import-jobs/{job_id}", "lists:read profiles:read", 10, 150
)
GET_ERRORS_FOR_BULK_IMPORT_PROFILES_JOB = Operation(
    "get_errors_for_bulk_import_profiles_job",
    "GET /api/profile-bulk-import-jobs/{id}/import-errors",
    "profiles:read",
    10,
    150,
)

Body = dict[str, Any]


@dataclass(frozen=True)
class Import:
    """An import job as Klaviyo tells of it: `status` is its word (queued, processing, complete, cancelled)."""

    id: str
    status: str
    total: int
    failed: int


@dataclass(frozen=True)
class ImportError:
    """A profile that an import did not take: by its address, with Klaviyo's code and sentence.

    Beside it whatever else names it in what was asked.
    """

    email: str
    code: str
    detail: str
    phone_number: str = ""
    external_id: str = ""
    id: str = ""


def events_body(events: Sequence[Body]) -> tuple[Body, list[list[int]]]:
    """One job of the single requests' bodies; and which of them stand where: by profile, then in order."""
    groups: dict[str, Body] = {}
    places: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        attributes = dict(event["data"]["attributes"])
        profile = attributes.pop("profile")
        person = str(profile["data"]["attributes"].get("email")).lower()
        group = groups.setdefault(person, {"profile": profile, "events": {"data": []}})
        group["events"]["data"].append({"type": "event", "attributes": attributes})
        places.setdefault(person, []).append(index)
    data = [{"type": "event-bulk-create", "attributes": group} for group in groups.values()]
    attributes = {"events-bulk-create": {"data": data}}
    return {"data": {"type": "event-bulk-create-job", "attributes": attributes}}, list(places.values())


def create_events(client: Client, body: Body, deliveries: Sequence[Delivery] = ()) -> None:
    """Record up to 1,000 events. Klaviyo says no more than that it has them (202, no body)."""
    client.call(BULK_CREATE_EVENTS, body=body, deliveries=deliveries)


def import_profiles(
    client: Client,
    profiles: Sequence[Body],
    list_id: str = "",
    deliveries: Sequence[Delivery] = (),
    last_look: LastLook | None = None,
) -> Import:
    """Create or update up to 10,000 profiles (the `data` of upserts), who join the list if one is named."""
    data: Body = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": list(profiles)}}}
    if list_id:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    body = {"data": data}
    return _import(client.call(BULK_IMPORT_PROFILES, body=body, deliveries=deliveries, last_look=last_look).data)


def look_at_import(client: Client, number: str) -> Import | None:
    """How an import stands; None when Klaviyo knows nothing of it (any more)."""
    try:
        return _import(client.call(GET_BULK_IMPORT_PROFILES_JOB, path={"job_id": number}).data)
    except PermanentError as error:
        # After some days (`expires_at`; how many, and in which words, is not published).
        if not answers.is_missing(error, "job", "import", "not found."):
            raise
        return None


def import_errors(client: Client, number: str) -> Iterator[ImportError]:
    """Whom an import did not take, page by page (a hundred is the most)."""
    ask = partial(_patiently, client, GET_ERRORS_FOR_BULK_IMPORT_PROFILES_JOB, {"id": number})
    for document in paging.walk(ask, {"page[size]": "100"}, "an import"):
        if not isinstance(document["data"], list):
            raise answers.Unreadable("an import")
        yield from map(_error, document["data"])


def _patiently(client: Client, operation: Operation, path: dict[str, str], query: paging.Query) -> Body:
    """An import may have a hundred pages of errors: for a second's budget it is waited, for a minute's it is not."""
    for _ in range(TRIES):
        try:
            return client.call(operation, path=path, query=query).document
        except Throttled as error:
            if error.retry_after > LONGEST_WAIT:
                raise
            time.sleep(error.retry_after.total_seconds())
    return client.call(operation, path=path, query=query).document


def named(error: PermanentError, pattern: re.Pattern[str]) -> set[tuple[int, int | None]]:
    """Which items Klaviyo's errors point at: the first number of their pointers, and the second where there is one."""
    found: set[tuple[int, int | None]] = set()
    for detail in error.details:
        pointer = answers.words(answers.members(detail.get("source")).get("pointer"))
        if match := pattern.search(pointer):
            first, *more = match.groups()
            found.add((int(first), int(more[0]) if more and more[0] is not None else None))
    return found


def words_about(error: PermanentError, pattern: re.Pattern[str]) -> dict[int, tuple[str, str]]:
    """What Klaviyo's errors say of each item that they point at: its code and its sentence."""
    found: dict[int, tuple[str, str]] = {}
    for detail in error.details:
        if match := pattern.search(answers.words(answers.members(detail.get("source")).get("pointer"))):
            found[int(match[1])] = _said(detail)
    return found


def _import(data: Any) -> Import:
    told = answers.members(data)
    attributes, number = answers.members(told.get("attributes")), answers.words(told.get("id"))
    if not NUMBER.fullmatch(number):
        raise answers.Unreadable("an import")
    counts = [attributes.get(name) for name in ("total_count", "failed_count")]
    total, failed = (count if isinstance(count, int) else 0 for count in counts)
    return Import(number, answers.words(attributes.get("status")), total, failed)


def _error(item: Any) -> ImportError:
    attributes = answers.members(answers.members(item).get("attributes"))
    payload = answers.members(attributes.get("original_payload"))
    inner = answers.members(payload.get("attributes")) or payload
    others = {name: answers.words(inner.get(name)) for name in ("phone_number", "external_id")}
    id = answers.words(payload.get("id"))
    return ImportError(answers.words(inner.get("email")).lower(), *_said(attributes), **others, id=id)


def _said(told: Body) -> tuple[str, str]:
    return answers.words(told.get("code"))[:64] or "invalid", answers.words(told.get("detail"))[
        :500
    ] or "no reason given."
