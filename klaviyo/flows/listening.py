"""Listening flows: workers read which flows each of our metrics starts, and when Klaviyo last saw it.

No page asks Klaviyo: that takes two requests for each metric.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models.functions import Now

from integrations.errors import IntegrationError, TemporaryError
from integrations.models import Connection
from integrations.wire.deadline import Deadline
from integrations.workers.rota import Rota
from klaviyo.actions import rests
from klaviyo.api import flows, published, values
from klaviyo.api.client import Client
from klaviyo.api.flows import Flow, Metric
from klaviyo.flows import copies
from klaviyo.mapping.catalogue import CATALOGUE
from klaviyo.models import FlowReading

EVERY = timedelta(hours=6)
SCOPES = ("metrics:read", "flows:read")
MOST_OTHERS = 1_000
LONGEST_NAME = 255


def take_all() -> int:
    """Read the flows of every connected account that is due, until the time is up; of how many."""
    return copies.take_all(ROTA, FlowReading)


def ask(connection: Connection) -> None:
    """Have them read as soon as a worker looks."""
    copies.ask(FlowReading, connection)


def lacking(connection: Connection) -> list[str]:
    """The scopes that an account is known not to have granted for it."""
    return connection.lacks(SCOPES)


def started(copy: FlowReading) -> dict[str, list[Flow]]:
    """The flows that each of our metrics starts, by the metric's key, as they were read."""
    return {key: [Flow(*row) for row in told.get("flows", ())] for key, told in copy.metrics.items()}


def seen(copy: FlowReading) -> dict[str, datetime]:
    """When each of our metrics was last seen at Klaviyo, of those that were."""
    found = {key: values.moment(told.get("seen_at")) for key, told in copy.metrics.items()}
    return {key: moment for key, moment in found.items() if moment}


def conversions(copy: FlowReading) -> list[Metric]:
    """The account's metrics that are not ours, from which one is chosen as the conversion."""
    return [Metric(*row) for row in copy.others]


def _read(copy: FlowReading) -> None:
    """What was read to its end takes the place of the copy."""
    began_at = cast(datetime, copy.next_look_at) - copies.LEASE  # it was set when the turn was taken
    missing = lacking(copy.connection)
    if "metrics:read" in missing:
        copies.note(copy, tried_at=began_at, problem="")
        return
    try:
        rests.obey(copy.connection, published.operation("get_metrics"))
        found = _found(copy.connection, has_flows=not missing)
    except IntegrationError as error:
        copies.note(copy, tried_at=began_at, problem=error.sentence)
        if isinstance(error, TemporaryError):
            copies.look_again(copy, max(error.retry_after or timedelta(), copies.AFTER_TROUBLE))
        elif lacking(Connection.objects.get(pk=copy.connection_id)) != missing:  # learnt of a key by trying
            copies.look_again(copy, copies.AFTER_TROUBLE)
        return
    copies.note(copy, **found, has_flows=not missing, read_at=Now(), tried_at=began_at, problem="")


def _found(connection: Connection, *, has_flows: bool) -> dict[str, Any]:
    client = Client(connection, is_backlog=True, deadline=Deadline(copies.SECONDS), patient=True)
    named: dict[str, list[str]] = defaultdict(list)
    others: list[tuple[str, str, str]] = []
    keys = {metric.name: metric.key for metric in CATALOGUE}
    for metric in flows.metrics(client):
        if metric.name in keys:
            named[keys[metric.name]].append(metric.id)
        elif len(others) < MOST_OTHERS:
            others.append((metric.id, _text(metric.name), _text(metric.integration)))
    told = {key: _of_metric(client, ids, has_flows=has_flows) for key, ids in named.items()}
    return {"metrics": told, "others": sorted(others, key=lambda row: (row[1].casefold(), row[0]))}


def _of_metric(client: Client, ids: list[str], *, has_flows: bool) -> dict[str, Any]:
    """What is known of one metric, which an account has twice where two apps have told of it."""
    moments = [moment for id in ids if (moment := flows.last_seen(client, id))]
    listening = {flow.id: flow for id in ids for flow in flows.started_by(client, id)} if has_flows else {}
    return {
        "ids": ids,
        "seen_at": max(moments).isoformat() if moments else None,
        "flows": [(flow.id, _text(flow.name), _text(flow.status)) for flow in listening.values()],
    }


def _text(told: str) -> str:
    return values.text(told)[:LONGEST_NAME]


ROTA = Rota(FlowReading, _read, every=EVERY, lease=copies.LEASE)
