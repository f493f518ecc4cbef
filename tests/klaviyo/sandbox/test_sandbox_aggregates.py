"""A metric's events counted by time and by what they say, as the official client asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, event

JUNE = ["greater-or-equal(datetime,2026-06-01T00:00:00)", "less-than(datetime,2026-06-04T00:00:00)"]
EVENTS: list[tuple[str, str, float, dict[str, Any]]] = [
    ("ann@tea.test", "2026-06-01T10:00:00+00:00", 10.0, {"$flow": "FlowAA"}),
    ("ann@tea.test", "2026-06-01T11:30:00+00:00", 5.5, {"$flow": "FlowAA"}),
    ("ben@tea.test", "2026-06-01T23:30:00+00:00", 2.0, {"$flow": "FlowBB"}),
    ("ben@tea.test", "2026-06-03T00:00:00+00:00", 1.0, {}),
    ("ben@tea.test", "2026-06-04T00:00:00+00:00", 100.0, {}),
]


@pytest.fixture
def api(sandbox: Sandbox, client: Client) -> Any:
    for number, (email, at, value, said) in enumerate(EVENTS):
        one = event(email, unique_id=f"c-{number}", time=at, value=value, value_currency="EUR", properties=said)
        assert client.send("POST", "/api/events", one).status_code == 202
    client.send("POST", "/api/events", event(metric="Another", time="2026-06-02T00:00:00Z"))
    return official(sandbox)


@pytest.fixture
def metric(api: Any) -> str:
    return next(str(one.id) for one in api.Metrics.get_metrics().data if one.attributes.name == "Sorae Conversion")


def query(metric: str, *measurements: str, **more: Any) -> dict[str, Any]:
    asked = {"metric_id": metric, "measurements": list(measurements or ["count"]), "filter": JUNE, **more}
    return {"data": {"type": "metric-aggregate", "attributes": asked}}


def rows(client: Client, body: dict[str, Any]) -> tuple[list[str], dict[tuple[str, ...], dict[str, list[float]]]]:
    answer = client.send("POST", "/api/metric-aggregates", body)
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]["attributes"]
    return told["dates"], {tuple(one["dimensions"]): one["measurements"] for one in told["data"]}


def test_events_are_counted_by_day(api: Any, metric: str) -> None:
    told = api.Metrics.query_metric_aggregates(query(metric, "count", "sum_value", "unique")).data.attributes
    assert [one.isoformat() for one in told.dates] == [f"2026-06-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    (row,) = told.data
    assert row.dimensions == []
    assert row.measurements == {"count": [3, 0, 1], "sum_value": [17.5, 0, 1], "unique": [2, 0, 1]}


@pytest.mark.parametrize(
    ("interval", "dates", "counts"),
    [
        ("week", ["2026-06-01T00:00:00+00:00"], [4]),
        ("month", ["2026-06-01T00:00:00+00:00"], [4]),
    ],
)
def test_intervals_are_whole(client: Client, metric: str, interval: str, dates: list[str], counts: list[int]) -> None:
    assert rows(client, query(metric, interval=interval)) == (dates, {(): {"count": counts}})


def test_hours_are_counted_too(client: Client, metric: str) -> None:
    told, counted = rows(client, query(metric, interval="hour"))
    assert (len(told), counted[()]["count"][10:12], sum(counted[()]["count"])) == (72, [1, 1], 4)


def test_days_are_those_of_the_time_zone(client: Client, metric: str) -> None:
    told, counted = rows(client, query(metric, timezone="Europe/Helsinki"))
    assert told[0] == "2026-06-01T00:00:00+03:00"
    assert counted[()]["count"] == [2, 1, 1]


def test_events_are_grouped_by_what_they_say(client: Client, metric: str) -> None:
    _, counted = rows(client, query(metric, by=["$flow"], sort="-count"))
    sums = {key: sum(told["count"]) for key, told in counted.items()}
    assert sums == {("FlowAA",): 2, ("FlowBB",): 1, ("",): 1}
    assert next(iter(counted)) == ("FlowAA",)
    _, counted = rows(client, query(metric, by=["$value_currency", "$flow"], filter=[*JUNE, 'equals($flow,"FlowBB")']))
    assert list(counted) == [("EUR", "FlowBB")]
    _, counted = rows(client, query(metric, by=["$flow"], filter=[*JUNE, 'any($flow,["FlowAA","FlowBB"])']))
    assert set(counted) == {("FlowAA",), ("FlowBB",)}


def test_groups_come_in_pages(client: Client, metric: str) -> None:
    body = query(metric, by=["$flow"], sort="$flow", page_size=2)
    first = client.send("POST", "/api/metric-aggregates", body).json()
    cursor = first["links"]["next"].partition("page_cursor=")[2]
    body["data"]["attributes"]["page_cursor"] = cursor
    second = client.send("POST", "/api/metric-aggregates", body).json()
    names = [one["dimensions"][0] for page in (first, second) for one in page["data"]["attributes"]["data"]]
    assert names == ["", "FlowAA", "FlowBB"]
    assert "next" not in second["links"]


AT = "/data/attributes"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"filter": []}, f"{AT}/filter"),
        ({"filter": JUNE[:1]}, f"{AT}/filter"),
        ({"filter": [JUNE[0], "less-than(datetime,2026-05-01)"]}, f"{AT}/filter"),
        ({"filter": [JUNE[0], "less-than(datetime,2028-05-01)"]}, f"{AT}/filter"),
        ({"filter": [*JUNE, "less-than(datetime,soon)"]}, f"{AT}/filter"),
        ({"filter": [*JUNE, 'equals(colour,"green")']}, f"{AT}/filter/2"),
        ({"filter": [*JUNE, 'contains($flow,"F")']}, f"{AT}/filter/2"),
        ({"filter": [*JUNE, "equals("]}, f"{AT}/filter/2"),
        ({"measurements": []}, f"{AT}/measurements"),
        ({"measurements": ["average"]}, f"{AT}/measurements/0"),
        ({"interval": "year"}, f"{AT}/interval"),
        ({"by": ["colour"]}, f"{AT}/by/0"),
        ({"timezone": "Europe/Kyiv"}, f"{AT}/timezone"),
        ({"timezone": "Tea/House"}, f"{AT}/timezone"),
        ({"sort": "-colour"}, f"{AT}/sort"),
        ({"sort": "$flow"}, f"{AT}/sort"),
        ({"page_size": 501}, f"{AT}/page_size"),
        ({"page_cursor": "nonsense"}, f"{AT}/page_cursor"),
        ({"colour": "green"}, f"{AT}/colour"),
    ],
)
def test_a_query_that_does_not_fit_is_refused_by_its_place(
    client: Client, metric: str, changes: dict[str, Any], pointer: str
) -> None:
    answer = client.send("POST", "/api/metric-aggregates", query(metric, **changes))
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})


def test_metrics_are_the_accounts_own_and_need_a_scope(sandbox: Sandbox, client: Client, metric: str) -> None:
    theirs = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    assert theirs.send("POST", "/api/metric-aggregates", query(metric)).status_code == 404
    assert client.send("POST", "/api/metric-aggregates", query("NoSuch")).status_code == 404
    without = official(sandbox, "accounts:read events:read")
    assert refusal(without.Metrics.query_metric_aggregates, query(metric)) == 403


def test_counting_is_limited(sandbox: Sandbox, client: Client, metric: str) -> None:
    sandbox.settings(limits=True)
    answer = client.send("POST", "/api/metric-aggregates", query(metric))
    assert answer.headers["RateLimit-Limit"] == "3, 3;w=1, 60;w=60"
    assert sandbox.connect(TEA_HOUSE)
