"""What is sent and answered about flows, tags and figures fits the specification, where its file is at hand."""

from __future__ import annotations

from typing import Any

from klaviyo.sandbox import Exchange, Sandbox
from tests import schemas
from tests.klaviyo.sandbox.flow_bodies import delay, email, flow, split
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, event
from tests.klaviyo.sandbox.test_sandbox_aggregates import query
from tests.klaviyo.sandbox.test_sandbox_merges import merge
from tests.klaviyo.sandbox.test_sandbox_reports import report
from tests.klaviyo.sandbox.test_sandbox_segments_changed import ON_THE_LIST, body, change, of
from tests.klaviyo.sandbox.test_sandbox_specification import complaints
from tests.klaviyo.sandbox.test_sandbox_tags import named, tag


def test_answers_about_flows_tags_and_figures_fit_the_specification() -> None:
    exchanges: list[Exchange] = []
    with Sandbox(limits=False, observer=exchanges.append) as sandbox:
        visit(Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token), exchanges)
    wrong = [one.operation for one in exchanges if one.status >= 400 and one.operation != "get_flow"]
    assert wrong == []
    assert len({one.operation for one in exchanges}) > 20
    assert [told for one in exchanges for told in complaints(one)] == []


def visit(client: Client, exchanges: list[Exchange]) -> None:
    def made(path: str, sent: dict[str, Any]) -> str:
        return str(client.send("POST", path, sent).json()["data"]["id"])

    listed = made("/api/lists", {"data": {"type": "list", "attributes": {"name": "Newsletter"}}})
    segment = made("/api/segments", body(of({**ON_THE_LIST, "group_ids": [listed]})))
    client.send("PATCH", f"/api/segments/{segment}", change(segment, is_starred=True))
    ann, ben = (client.upsert(email=f"{one}@tea.test").json()["data"]["id"] for one in ("ann", "ben"))
    client.send("POST", f"/api/lists/{listed}/relationships/profiles", named("profile", ann))
    client.send("POST", "/api/events", event(properties={"$flow": "FlowAA", "$message": "MsgAAA"}))
    metric = client.get("/api/metrics")["data"][0]["id"]
    whole = flow(delay("wait", "ask"), split("ask", "mail", None), email("mail"))
    whole["data"]["attributes"]["definition"]["triggers"] = [{"type": "metric", "id": metric}]
    flowing = made("/api/flows", whole)
    client.send(
        "PATCH", f"/api/flows/{flowing}", {"data": {"type": "flow", "id": flowing, "attributes": {"status": "live"}}}
    )
    tagged = made("/api/tags", tag("Sorae"))
    for kind, thing in (("list", listed), ("segment", segment), ("flow", flowing)):
        client.send("POST", f"/api/tags/{tagged}/relationships/{kind}s", named(kind, thing))
        for path in (f"{kind}s?include=tags", f"{kind}s/{thing}/tags", f"tags/{tagged}/relationships/{kind}s"):
            client.get(f"/api/{path}")
    for path in (
        "flows?include=flow-actions,tags",
        f"flows/{flowing}?include=flow-actions,tags&additional-fields[flow]=definition",
        f"metrics/{metric}/flow-triggers",
        f"metrics/{metric}?include=flow-triggers",
        f"profiles/{ann}/segments",
        f"profiles/{ann}/relationships/segments",
        "tags?include=tag-group",
        f"tags/{tagged}?include=tag-group",
    ):
        client.get(f"/api/{path}")
    client.send("POST", "/api/metric-aggregates", query(metric, "count", "sum_value", "unique", by=["$flow"]))
    client.send("POST", "/api/flow-values-reports", report("flow", metric, "opens", "open_rate"))
    client.send("POST", "/api/campaign-values-reports", report("campaign", metric, "opens"))
    client.send("POST", "/api/profile-merge", merge(ann, ben))
    client.send("PATCH", f"/api/tags/{tagged}", tag("Sorae 2", id=tagged))
    client.send("DELETE", f"/api/tags/{tagged}/relationships/lists", named("list", listed))
    client.send("DELETE", f"/api/tags/{tagged}")
    client.send("DELETE", f"/api/flows/{flowing}")
    client.send("GET", f"/api/flows/{flowing}")
    for one in exchanges:
        schemas.check(one)
