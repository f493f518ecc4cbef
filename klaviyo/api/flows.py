"""Flows API: the account's metrics, the flows that each of them starts, and what flows have earned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from klaviyo.api import filters, ids, paging, published, values
from klaviyo.api.answers import Unreadable, members, words
from klaviyo.api.client import Client
from klaviyo.api.events import GET_EVENTS

LIVE, DRAFT = "live", "draft"
FLOWS_OF_A_REPORT = 100  # in a filter: https://developers.klaviyo.com/en/reference/reporting_api_overview


@dataclass(frozen=True)
class Metric:
    """A kind of events; `integration` is the name of the app that tells them. Two apps may use one name."""

    id: str
    name: str
    integration: str


@dataclass(frozen=True)
class Flow:
    """A flow; `status` is Klaviyo's word: draft, manual or live."""

    id: str
    name: str
    status: str


@dataclass(frozen=True)
class Earned:
    """What one flow's messages have brought: to how many they went, how many conversions, and their value."""

    flow_id: str
    name: str
    recipients: float
    conversions: float
    value: float


def metrics(client: Client) -> Iterator[Metric]:
    """Every metric of the account, 200 a page: https://developers.klaviyo.com/en/reference/get_metrics"""
    for item in _all(client, "get_metrics", {}):
        attributes, id = members(item.get("attributes")), words(item.get("id"))
        if ids.is_one(id):
            integration = words(members(attributes.get("integration")).get("name"))
            yield Metric(id, words(attributes.get("name")), integration)


def started_by(client: Client, metric_id: str) -> list[Flow]:
    """The flows that a metric starts, without those that are archived.

    https://developers.klaviyo.com/en/reference/get_flows_triggered_by_metric
    """
    found = []
    for item in _all(client, "get_flows_triggered_by_metric", {}, {"id": ids.checked(metric_id)}):
        attributes, id = members(item.get("attributes")), words(item.get("id"))
        if ids.is_one(id) and attributes.get("archived") is not True:
            found.append(Flow(id, words(attributes.get("name")), words(attributes.get("status"))))
    return found


def last_seen(client: Client, metric_id: str) -> datetime | None:
    """When an event of this metric last stood in the account, by its own time; None where there is none."""
    query = {
        "filter": filters.equals("metric_id", ids.checked(metric_id)),
        "sort": "-datetime",
        "page[size]": "1",
        "fields[event]": "datetime",
    }
    data = client.call(GET_EVENTS, query=query).data
    if not isinstance(data, list):
        raise Unreadable("events")
    return values.moment(members(members(data[0]).get("attributes")).get("datetime")) if data else None


def earned(client: Client, metric_id: str, flow_ids: Sequence[str], since: datetime, until: datetime) -> list[Earned]:
    """What each of up to 100 flows has brought in a time, counted by a conversion metric.

    One of two reports a minute, and of 225 a day: https://developers.klaviyo.com/en/reference/query_flow_values
    """
    asked = {
        "statistics": ["recipients", "conversions", "conversion_value"],
        "timeframe": {"start": since.isoformat(), "end": until.isoformat()},
        "conversion_metric_id": ids.checked(metric_id),
        "group_by": ["flow_id", "flow_name", "flow_message_id"],
        "filter": filters.contains_any("flow_id", flow_ids),
    }
    body = {"data": {"type": "flow-values-report", "attributes": asked}}
    operation = published.operation("query_flow_values")

    def ask(query: paging.Query) -> paging.Document:
        return client.call(operation, query=query, body=body).document

    found: dict[str, Earned] = {}
    for document in paging.walk(ask, {}, "reports"):
        results = members(members(document.get("data")).get("attributes")).get("results")
        if not isinstance(results, list):
            raise Unreadable("reports")
        for one in results:
            groups, said = members(members(one).get("groupings")), members(members(one).get("statistics"))
            id = words(groups.get("flow_id"))
            before = found.get(id, Earned(id, words(groups.get("flow_name")), 0, 0, 0))
            found[id] = Earned(
                id,
                before.name,
                before.recipients + (values.number(said.get("recipients")) or 0),
                before.conversions + (values.number(said.get("conversions")) or 0),
                before.value + (values.number(said.get("conversion_value")) or 0),
            )
    return list(found.values())


def _all(
    client: Client, operation: str, first: paging.Query, path: dict[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    asked = published.operation(operation)

    def ask(query: paging.Query) -> paging.Document:
        return client.call(asked, path=path, query=query).document

    for document in paging.walk(ask, first, operation):
        if not isinstance(document.get("data"), list):
            raise Unreadable(operation)
        yield from map(members, document["data"])
