"""A row as an event: its metric, its time within what Klaviyo takes, its value; and what no event keeps."""

from typing import Any

import pytest

from klaviyo.syncs.columns.mapped import Mapped
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import EMAIL, mapping, problems, refused, told

COLUMNS = ["order", "email", "total", "money", "at", "what", "note"]
ORDER = [
    {"field": "value", "column": "total"},
    {"field": "value_currency", "column": "money"},
    {"field": "properties.Order", "column": "order"},
    {"field": "properties.Note", "column": "note", "type": "number"},
]
ROW = ("1001", "Ann@tea.test", "49.90", "eur", "2026-11-19T10:00:00.75", "Ordered tea", "0")


def order(**changed: Any) -> Row:
    return Row(2, tuple(changed.get(name, value) for name, value in zip(COLUMNS, ROW, strict=True)))


def events(*fields: dict[str, Any], **more: Any) -> Any:
    given = {"metric": {"name": "Ordered"}, "time": {"column": "at"}} | more
    return mapping(COLUMNS, *fields, destination="events", **given)


def test_a_row_becomes_an_event() -> None:
    assert events(*ORDER).apply(order()) == Mapped(
        "ann@tea.test",
        {
            "metric": "Ordered",
            "time": "2026-11-19T09:00:00Z",
            "value": 49.9,
            "value_currency": "EUR",
            "properties": {"Order": "1001", "Note": 0},
        },
    )


def test_without_a_time_it_is_the_runs_and_properties_may_be_none() -> None:
    made = told(events(time=None).apply(order()))
    assert made.payload == {"metric": "Ordered", "time": None, "properties": {}}


def test_a_column_may_name_the_metric() -> None:
    made = events(metric={"column": "what"})
    assert told(made.apply(order())).payload["metric"] == "Ordered tea"
    assert told(made.apply(order(what=" Ordered "))).payload["metric"] == "Ordered"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"what": None}, "what: is empty: an event needs the name of its metric"),
        ({"what": " "}, "what: is empty"),
        ({"what": "Sorae Reward Issued"}, "what: begins with Sorae"),
        ({"what": " sorae  reward"}, "what: begins with Sorae"),
        ({"what": "a" * 128}, "what: is longer than 127 characters"),
        ({"what": "a\nb"}, "what: is no name of a metric"),
        ({"at": None}, "at: is empty: an event needs its time"),
        ({"at": "2000-12-31T23:00:00Z"}, "at: lies too far off: Klaviyo takes times from 2001"),
        ({"at": "2027-11-21"}, "at: lies too far off"),
        ({"at": "03/04/2026"}, "at: 03/04/2026 is not written like 2026-03-29"),
        ({"total": "9007199254740993"}, "total: 9007199254740993 is no value: it lies between"),
        ({"total": "€ 5"}, "total: € 5 has a currency sign"),
        ({"money": "Euro"}, "money: Euro is no currency: it has three letters"),
        ({"money": "XXX"}, "money: XXX is no currency"),
        ({"email": ""}, "email: is empty"),
    ],
)
def test_what_is_no_event_is_refused(changed: dict[str, Any], why: str) -> None:
    assert refused(events(*ORDER, metric={"column": "what"}).apply(order(**changed))).startswith(why)


def test_a_time_has_the_form_that_was_chosen() -> None:
    made = events(time={"column": "at", "form": "unix_ms"})
    assert told(made.apply(order(at="1763546400999"))).payload["time"] == "2025-11-19T10:00:00Z"
    twice = told(events().apply(order(at="2025-10-26T02:30")))
    assert twice.warnings == ("at: this hour came twice in Europe/Berlin; the first is taken",)


@pytest.mark.parametrize(
    ("given", "where", "sentence"),
    [
        ({}, "metric", "Name the event, or choose a column that names it"),
        ({"metric": {"name": "A", "column": "at"}}, "metric", "Name the event"),
        ({"metric": {"name": "Sorae Invite Sent"}}, "metric.name", "The name begins with Sorae"),
        ({"metric": {"name": " "}}, "metric.name", "The name is empty"),
        ({"metric": {"column": "kind"}}, "metric.column", "There is no column kind"),
        ({"metric": {"name": "A"}, "time": {"form": "iso"}}, "time.column", "Choose a column"),
        ({"metric": {"name": "A"}, "time": {"column": "at", "form": "us"}}, "time.form", "This must be one of iso"),
        (
            {"metric": {"name": "A"}, "fields": [{"field": "first_name", "column": "note"}]},
            "fields.0.field",
            "An event has no field first_name",
        ),
        (
            {"metric": {"name": "A"}, "fields": [{"field": "value", "column": "total", "when_empty": "clear"}]},
            "fields.0.when_empty",
            "Nothing of an event can be cleared",
        ),
        ({"metric": {"name": "A"}, "consent": {}}, "consent", "only by a sync of subscriptions"),
    ],
)
def test_what_is_wrong_with_a_mapping_of_events_is_said(given: dict[str, Any], where: str, sentence: str) -> None:
    assert sentence in problems({"identity": EMAIL} | given, COLUMNS, "events")[where]


def test_what_no_event_keeps_is_said_where_a_row_is_stepped_through() -> None:
    steps = {step.field: step for step in events(*ORDER).explain(order())}
    assert steps["properties.Note"].becomes == 0
    assert "Klaviyo keeps no 0 of an event" in steps["properties.Note"].note
    assert steps["properties.Order"].note == ""
    assert steps["time"].becomes == "2026-11-19T09:00:00Z"
