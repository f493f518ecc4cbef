"""Reports on flows and campaigns, from the events that name their messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from klaviyo.sandbox import Sandbox
from klaviyo.sandbox.resources import spans
from tests.klaviyo.sandbox.flow_bodies import flow
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import Client, event

AT = "/data/attributes"


def report(kind: str, metric: str, *statistics: str, **more: Any) -> dict[str, Any]:
    asked = {
        "statistics": list(statistics or ["conversions"]),
        "timeframe": {"key": "last_30_days"},
        "conversion_metric_id": metric,
        **more,
    }
    return {"data": {"type": f"{kind}-values-report", "attributes": asked}}


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return official(sandbox)


@pytest.fixture
def of_flow(api: Any) -> str:
    return str(api.Flows.create_flow(flow(name="Reward issued")).data.id)


@pytest.fixture
def metric(api: Any, client: Client, of_flow: str) -> str:
    """A flow's message to Ann and Ben, whom it brought to buy, and a campaign's to Ann."""
    in_flow, in_campaign = {"$flow": of_flow, "$message": "MsgFlw"}, {"$message": "01CAMPAIGN"}
    bought = {"$attributed_flow": of_flow, "$attributed_message": "MsgFlw"}
    told = [
        ("ann@tea.test", "Received Email", in_flow, None),
        ("ben@tea.test", "Received Email", in_flow, None),
        ("cas@tea.test", "Bounced Email", in_flow, None),
        ("ann@tea.test", "Opened Email", in_flow, None),
        ("ann@tea.test", "Opened Email", in_flow, None),
        ("ann@tea.test", "Received Email", in_campaign, None),
        ("ann@tea.test", "Clicked Email", in_campaign, None),
        ("ann@tea.test", "Placed Order", bought, 30.0),
        ("ann@tea.test", "Placed Order", bought, 12.0),
        ("ben@tea.test", "Placed Order", {}, 500.0),
    ]
    for number, (email, name, properties, value) in enumerate(told):
        one = event(email, name, unique_id=f"c-{number}", properties=properties, value=value)
        assert client.send("POST", "/api/events", one).status_code == 202
    return next(str(one.id) for one in api.Metrics.get_metrics().data if one.attributes.name == "Placed Order")


def test_a_flow_is_measured(api: Any, metric: str, of_flow: str) -> None:
    names = ("recipients", "delivered", "bounce_rate", "opens", "opens_unique", "open_rate")
    money = ("conversions", "conversion_uniques", "conversion_value", "average_order_value", "revenue_per_recipient")
    (row,) = api.Reporting.query_flow_values(report("flow", metric, *names, *money)).data.attributes.results
    assert row.groupings == {"flow_id": of_flow, "flow_message_id": "MsgFlw", "send_channel": "email"}
    assert [row.statistics[name] for name in names] == [3, 2, pytest.approx(1 / 3), 2, 1, 0.5]
    assert [row.statistics[name] for name in money] == [2, 1, 42, 21, 21]


def test_a_campaign_is_measured(api: Any, metric: str) -> None:
    body = report("campaign", metric, "delivered", "clicks", "click_rate", "conversions")
    (row,) = api.Reporting.query_campaign_values(body).data.attributes.results
    assert (row.groupings["campaign_id"], row.groupings["campaign_message_id"]) == ("01CAMPAIGN", "01CAMPAIGN")
    assert row.statistics == {"delivered": 1, "clicks": 1, "click_rate": 1, "conversions": 0}


def test_rows_are_grouped_and_filtered(api: Any, metric: str, of_flow: str) -> None:
    tag = api.Tags.create_tag({"data": {"type": "tag", "attributes": {"name": "Sorae"}}}).data.id
    api.Tags.tag_flows(tag, {"data": [{"type": "flow", "id": of_flow}]})

    def groupings(**more: Any) -> list[dict[str, str]]:
        results = api.Reporting.query_flow_values(report("flow", metric, **more)).data.attributes.results
        return [row.groupings for row in results]

    by = ["flow_id", "flow_message_id", "flow_name", "tag_name"]
    named = {"flow_id": of_flow, "flow_message_id": "MsgFlw", "flow_name": "Reward issued", "tag_name": "Sorae"}
    assert groupings(group_by=by) == [named]
    for text, found in (
        (f'equals(flow_id,"{of_flow}")', 1),
        ('equals(flow_id,"Other1")', 0),
        (f'and(equals(flow_id,"{of_flow}"),contains-any(send_channel,["email","sms"]))', 1),
        ('contains-any(send_channel,["sms"])', 0),
        ('contains-all(tag_name,["Sorae"])', 1),
        ('contains-any(tag_name,["Another"])', 0),
    ):
        assert len(groupings(filter=text)) == found, text


def test_what_was_before_is_not_counted(api: Any, metric: str) -> None:
    past = {"start": "2020-01-01T00:00:00", "end": "2020-12-31T00:00:00"}
    assert api.Reporting.query_flow_values(report("flow", metric, timeframe=past)).data.attributes.results == []
    now = datetime.now(UTC)
    around = {"start": (now - timedelta(days=1)).isoformat(), "end": (now + timedelta(days=1)).isoformat()}
    assert len(api.Reporting.query_flow_values(report("flow", metric, timeframe=around)).data.attributes.results) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"statistics": []}, f"{AT}/statistics"),
        ({"statistics": ["smiles"]}, f"{AT}/statistics/0"),
        ({"timeframe": {"key": "last_century"}}, f"{AT}/timeframe/key"),
        ({"timeframe": {"start": "2026-01-01"}}, f"{AT}/timeframe/end"),
        ({"timeframe": {"start": "2024-01-01", "end": "2026-01-01"}}, f"{AT}/timeframe"),
        ({"timeframe": {"start": "2026-01-02", "end": "2026-01-01"}}, f"{AT}/timeframe"),
        ({"conversion_metric_id": "NoSuch"}, f"{AT}/conversion_metric_id"),
        ({"group_by": ["flow_id"]}, f"{AT}/group_by"),
        ({"group_by": ["flow_id", "campaign_id"]}, f"{AT}/group_by/1"),
        ({"filter": 'equals(colour,"green")'}, f"{AT}/filter"),
        ({"filter": 'equals(tag_id,"1")'}, f"{AT}/filter"),
        ({"filter": 'equals(send_channel,"fax")'}, f"{AT}/filter"),
        ({"filter": 'equals(flow_id,"a"),equals(flow_id,"b")'}, f"{AT}/filter"),
        ({"filter": "equals("}, f"{AT}/filter"),
        ({"colour": "green"}, f"{AT}/colour"),
    ],
)
def test_a_report_that_does_not_fit_is_refused_by_its_place(
    client: Client, metric: str, changes: dict[str, Any], pointer: str
) -> None:
    answer = client.send("POST", "/api/flow-values-reports", report("flow", metric, **changes))
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})


def test_reports_need_their_scopes_and_are_limited(sandbox: Sandbox, client: Client, metric: str) -> None:
    without = official(sandbox, "accounts:read metrics:read")
    assert refusal(without.Reporting.query_flow_values, report("flow", metric)) == 403
    assert refusal(without.Reporting.query_campaign_values, report("campaign", metric)) == 403
    sandbox.settings(limits=True)
    answers = [client.send("POST", "/api/flow-values-reports", report("flow", metric)) for _ in range(5)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "1, 1;w=1, 2;w=60, 225;w=86400"


@pytest.mark.parametrize(
    ("key", "begins", "ends"),
    [
        ("today", "2026-03-11", "2026-03-12"),
        ("yesterday", "2026-03-10", "2026-03-11"),
        ("this_week", "2026-03-09", "2026-03-12"),
        ("this_month", "2026-03-01", "2026-03-12"),
        ("this_year", "2026-01-01", "2026-03-12"),
        ("last_week", "2026-03-02", "2026-03-09"),
        ("last_month", "2026-02-01", "2026-03-01"),
        ("last_3_months", "2025-12-01", "2026-03-01"),
        ("last_12_months", "2025-03-01", "2026-03-01"),
        ("last_year", "2025-01-01", "2026-01-01"),
        ("last_7_days", "2026-03-05", "2026-03-12"),
        ("last_365_days", "2025-03-12", "2026-03-12"),
    ],
)
def test_a_key_means_whole_days(key: str, begins: str, ends: str) -> None:
    now = datetime(2026, 3, 11, 15, 30, tzinfo=ZoneInfo("Europe/Helsinki"))
    assert [one.isoformat()[:16] for one in spans.named(key, now)] == [f"{begins}T00:00", f"{ends}T00:00"]
