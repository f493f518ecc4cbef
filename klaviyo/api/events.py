"""Events API: an event recorded, and events read back by their time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from integrations.models import Delivery
from integrations.wire.attempts import LastLook
from klaviyo.api import paging
from klaviyo.api.answers import Unreadable, members, words
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

CREATE_EVENT = Operation("create_event", "POST /api/events", "events:write", 350, 3500, success=(202,))
GET_EVENTS = Operation("get_events", "GET /api/events", "events:read", 350, 3500)

READ_AT_ONCE = 1_000  # the most: https://developers.klaviyo.com/en/reference/get_events
MOST_PAGES = 50  # of one second's events, whoever's they are
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Event:
    """An event that Klaviyo holds. `at` is cut to the second; `metric` is its name, empty where none was told."""

    unique_id: str
    at: datetime
    metric_id: str
    metric: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Some of many events, earliest first, the names of their metrics by id, and whether more follow."""

    events: list[Event]
    metrics: dict[str, str]
    is_last: bool


def create(
    client: Client,
    body: dict[str, Any],
    deliveries: Sequence[Delivery] = (),
    last_look: LastLook | None = None,
    *,
    is_told_with_outcome: bool = False,
) -> None:
    """Record one event. Klaviyo keeps the first of each (profile, metric, unique_id): sending again is safe.

    https://developers.klaviyo.com/en/reference/create_event
    """
    client.call(
        CREATE_EVENT,
        body=body,
        deliveries=deliveries,
        last_look=last_look,
        is_told_with_outcome=is_told_with_outcome,
    )


def between(
    client: Client, first: datetime, last: datetime, metric_id: str = "", deliveries: Sequence[Delivery] = ()
) -> Iterator[Page]:
    """The account's events from the second of `first` to that of `last`, by their own time, page by page."""
    since, until = first.astimezone(UTC), last.astimezone(UTC) + SECOND
    filters = [
        f"greater-or-equal(datetime,{since:%Y-%m-%dT%H:%M:%SZ})",
        f"less-than(datetime,{until:%Y-%m-%dT%H:%M:%SZ})",
    ]
    if metric_id:
        filters.insert(0, f'equals(metric_id,"{metric_id}")')
    first_page = {
        "filter": ",".join(filters),
        "fields[event]": "datetime,event_properties",
        "fields[metric]": "name",
        "include": "metric",
        "page[size]": str(READ_AT_ONCE),
        "sort": "datetime",
    }
    following: paging.Query | None = None
    for document in paging.walk(
        lambda query: client.call(GET_EVENTS, query=query, deliveries=deliveries).document, first_page, "events"
    ):
        following = paging.next_query(document, "events")
        yield _page(document, is_last=following is None)
    if following is not None:
        raise Unreadable("events")  # it goes round in circles


def is_there(client: Client, unique_id: str, at: datetime, deliveries: Sequence[Delivery] = ()) -> bool:
    """Whether the account holds an event of that id and time. Raises IntegrationError when that cannot be learnt."""
    for number, page in enumerate(between(client, at, at, deliveries=deliveries)):
        if any(event.unique_id == unique_id for event in page.events):
            return True
        if number >= MOST_PAGES:
            raise Unreadable("events")
    return False


def _page(document: dict[str, Any], *, is_last: bool) -> Page:
    data = document["data"]
    if not isinstance(data, list):
        raise Unreadable("events")
    included = document.get("included")
    names = dict(_named(one) for one in included) if isinstance(included, list) else {}
    names.pop("", None)
    return Page([event for one in data if (event := _event(members(one), names))], names, is_last)


def _named(resource: Any) -> tuple[str, str]:
    """A metric's id and name; two empty words for what is none."""
    told = members(resource)
    name = words(members(told.get("attributes")).get("name"))
    return (words(told.get("id")), name) if told.get("type") == "metric" and name else ("", "")


def _event(resource: dict[str, Any], names: dict[str, str]) -> Event | None:
    """One event; None for one without a readable time, which cannot be what we asked for."""
    attributes = members(resource.get("attributes"))
    properties = members(attributes.get("event_properties"))
    metric = members(members(members(resource.get("relationships")).get("metric")).get("data"))
    try:
        at = parse_datetime(words(attributes.get("datetime")))
    except ValueError:
        at = None
    if at is None:
        return None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    id = words(metric.get("id"))
    # A unique_id reads back as $event_id: https://developers.klaviyo.com/en/reference/events_api_overview
    return Event(words(properties.get("$event_id")), at, id, names.get(id, ""), properties)
