"""Actions on reports: what campaigns and flows have brought. Klaviyo makes two a minute, and 225 a day."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Id,
    Inputs,
    Moment,
    Part,
    Text,
    only_one_of,
    wrong,
)
from klaviyo.actions.task import Task, resource

Statistic = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[a-z_]+$")]
Key = Literal[
    "today",
    "yesterday",
    "this_week",
    "last_7_days",
    "last_week",
    "this_month",
    "last_30_days",
    "last_month",
    "last_90_days",
    "last_3_months",
    "last_365_days",
    "last_year",
    "last_12_months",
    "this_year",
]


class Timeframe(Part):
    """A time that Klaviyo knows by name, or from start to end."""

    RULES = (only_one_of("key", "start"), only_one_of("key", "end"))

    key: Key | None = None
    start: Moment | None = None
    end: Moment | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Timeframe":
        if bool(self.key) == bool(self.start or self.end) or bool(self.start) != bool(self.end):
            raise wrong("Give a key, or start and end.", field="key")
        if self.start and self.end and self.start >= self.end:
            raise wrong("The start must be before the end.", field="start")
        return self


class Report(Inputs):
    statistics: Annotated[
        list[Statistic], Field(min_length=1, max_length=50, description="Such as recipients, opens, conversion_value.")
    ]
    timeframe: Annotated[Timeframe, Field(description="A key such as last_30_days, or start and end.")]
    conversion_metric_id: Annotated[Id, Field(description="The metric that counts as a conversion.")]
    group_by: Annotated[list[Statistic] | None, Field(max_length=20)] = None
    filter: Text | None = None
    page_cursor: Text | None = None


EXAMPLE = {
    "statistics": ["recipients", "conversion_value"],
    "timeframe": {"key": "last_30_days"},
    "conversion_metric_id": "XyZ123",
}


@action("query_campaign_values", examples=(EXAMPLE,))
def query_campaign_values(task: Task, given: Report) -> Any:
    """Report what campaigns have brought."""
    return _report(task, "query_campaign_values", "campaign-values-report", given)


@action("query_flow_values", examples=(EXAMPLE,))
def query_flow_values(task: Task, given: Report) -> Any:
    """Report what flows have brought."""
    return _report(task, "query_flow_values", "flow-values-report", given)


def _report(task: Task, operation: str, type: str, given: Report) -> Any:
    names = {"statistics", "timeframe", "conversion_metric_id", "group_by", "filter"}
    attributes = given.model_dump(mode="json", include=names, exclude_none=True)
    query = {"page_cursor": given.page_cursor} if given.page_cursor else None
    return task.call(operation, query=query, body=resource(type, attributes)).data
