"""Actions on metrics: kinds of events, the flows that listen to them, and their sums over time."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Id, Inputs, Listing, Reading, Text, wrong
from klaviyo.actions.profile_fields import Zone
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task, resource
from klaviyo.api import answers, published

MetricId = Annotated[Id, Field(description="The metric's id at Klaviyo.")]


class OfMetric(Reading):
    metric_id: MetricId


class Aggregating(Inputs):
    metric_id: MetricId
    measurements: Annotated[
        list[Literal["count", "sum_value", "unique"]], Field(min_length=1, max_length=3, description="What to count.")
    ]
    interval: Annotated[Literal["hour", "day", "week", "month"], Field(description="By what time.")] = "day"
    filter: Annotated[
        list[Text],
        Field(
            min_length=1,
            max_length=20,
            description="With a range of time: greater-or-equal(datetime,…) and less-than(datetime,…), a year at most.",
        ),
    ]
    by: Annotated[list[Text] | None, Field(max_length=10, description="By which properties it is told apart.")] = None
    timezone: Annotated[Zone, Field(description="In which time zone days begin.")] = "UTC"
    sort: Text | None = None
    page_size: Annotated[int | None, Field(ge=1, le=1_000)] = None
    page_cursor: Text | None = None

    @model_validator(mode="after")
    def _has_a_range(self) -> "Aggregating":
        text = " ".join(self.filter)
        if "greater-or-equal(datetime," not in text or "less-than(datetime," not in text:
            # https://developers.klaviyo.com/en/reference/query_metric_aggregates
            raise wrong(
                "The filter needs greater-or-equal(datetime,…) and less-than(datetime,…).", "missing", field="filter"
            )
        return self


@action("get_metrics", examples=({"all": True},))
def list_metrics(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's metrics: the kinds of events that it has seen."""
    return Listed("get_metrics", query=reading.query(given, published.find("get_metrics")))


@action("get_metric", examples=({"metric_id": "XyZ123"},))
def get_metric(task: Task, given: OfMetric) -> Any:
    """Get a metric."""
    return task.got("get_metric", given.metric_id, given)


@action("get_flows_triggered_by_metric", examples=({"metric_id": "XyZ123"},))
def list_flows_of_metric(task: Task, given: OfMetric) -> dict[str, Any]:
    """List the flows that an event of this kind starts."""
    items = task.got("get_flows_triggered_by_metric", given.metric_id, given)
    if not isinstance(items, list):
        raise answers.Unreadable("flows")
    return {"items": items, "count": len(items), "next": None}


@action(
    "query_metric_aggregates",
    examples=(
        {
            "metric_id": "XyZ123",
            "measurements": ["count"],
            "filter": ["greater-or-equal(datetime,2026-08-01T00:00:00)", "less-than(datetime,2026-09-01T00:00:00)"],
        },
    ),
)
def query_metric_aggregates(task: Task, given: Aggregating) -> Any:
    """Count a metric's events, or sum their values, over time."""
    names = ("metric_id", "measurements", "interval", "filter", "by", "timezone", "sort", "page_size", "page_cursor")
    return task.call("query_metric_aggregates", body=resource("metric-aggregate", given.given(*names))).data
