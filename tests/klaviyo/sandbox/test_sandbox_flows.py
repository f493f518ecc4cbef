"""Flows: made from a definition, read, listed, switched and deleted, and the metrics that start them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList
from tests.klaviyo.sandbox.flow_bodies import delay, email, flow, split
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, event

WHOLE = flow(delay("wait", "ask"), split("ask", "gold", "plain"), email("gold"), email("plain"))


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return official(sandbox)


def metric(api: Any, client: Client) -> str:
    client.send("POST", "/api/events", event(metric="Reward Issued"))
    return str(api.Metrics.get_metrics().data[0].id)


def test_a_flow_lives_from_creation_to_deletion(api: Any) -> None:
    made = api.Flows.create_flow(WHOLE)
    attributes = made.data.attributes
    assert (attributes.name, attributes.status, attributes.archived) == ("Reward issued", "draft", False)
    assert attributes.trigger_type == "Unconfigured"
    read = api.Flows.get_flow(made.data.id).data
    assert (read.attributes.name, read.attributes.definition) == ("Reward issued", None)
    change = {"data": {"type": "flow", "id": made.data.id, "attributes": {"status": "live"}}}
    assert api.Flows.update_flow(made.data.id, change).data.attributes.status == "live"
    assert api.Flows.get_flow(made.data.id).data.attributes.status == "live"
    api.Flows.delete_flow(made.data.id)
    assert refusal(api.Flows.get_flow, made.data.id) == 404
    assert refusal(api.Flows.update_flow, made.data.id, change) == 404
    assert refusal(api.Flows.delete_flow, made.data.id) == 404
    assert api.Flows.get_flows().data == []


def test_its_actions_get_ids_that_last_and_lead_to_one_another(client: Client) -> None:
    made = client.send("POST", "/api/flows", WHOLE).json()["data"]["attributes"]["definition"]
    wait, ask, gold, plain = made["actions"]
    assert all("temporary_id" not in one and one["id"].isdecimal() for one in made["actions"])
    assert made["entry_action_id"] == wait["id"]
    assert wait["links"] == {"next": ask["id"]}
    assert ask["links"] == {"next_if_true": gold["id"], "next_if_false": plain["id"]}
    assert (gold["data"]["status"], plain["links"]) == ("draft", {"next": None})


def test_its_status_is_that_of_all_its_messages(api: Any, client: Client) -> None:
    made = api.Flows.create_flow(WHOLE).data.id
    for status in ("manual", "live", "draft"):
        api.Flows.update_flow(made, {"data": {"type": "flow", "id": made, "attributes": {"status": status}}})
        read = client.get(f"/api/flows/{made}?additional-fields[flow]=definition")["data"]["attributes"]
        statuses = [one["data"].get("status") for one in read["definition"]["actions"]]
        assert (read["status"], statuses) == (status, [None, None, status, status])


def test_the_flows_that_a_metric_starts_are_found(api: Any, client: Client) -> None:
    started_by = metric(api, client)
    assert api.Metrics.get_flows_triggered_by_metric(started_by).data == []
    made = api.Flows.create_flow(flow(trigger={"type": "metric", "id": started_by})).data
    api.Flows.create_flow(flow(name="Another"))
    assert made.attributes.trigger_type == "Metric"
    assert [one.id for one in api.Metrics.get_flows_triggered_by_metric(started_by).data] == [made.id]
    read = client.get(f"/api/metrics/{started_by}?include=flow-triggers")
    assert read["data"]["relationships"]["flow-triggers"]["data"] == [{"type": "flow", "id": made.id}]
    assert [one["id"] for one in read["included"]] == [made.id]
    assert refusal(api.Metrics.get_flows_triggered_by_metric, "NoSuch") == 404


def test_lists_and_segments_name_the_flows_that_they_start(sandbox: Sandbox, client: Client, api: Any) -> None:
    (list_id,) = sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    made = api.Flows.create_flow(flow(trigger={"type": "list", "id": list_id})).data
    assert made.attributes.trigger_type == "Added to List"
    for path in (f"/api/lists/{list_id}", "/api/lists"):
        assert [one["id"] for one in client.get(f"{path}?include=flow-triggers")["included"]] == [made.id]


def test_they_are_listed_over_pages_and_filtered(api: Any, client: Client) -> None:
    started_by = metric(api, client)
    made = [api.Flows.create_flow(flow(name=f"Flow {letter}")).data.id for letter in "cab"]
    made.append(api.Flows.create_flow(flow(name="100% tea", trigger={"type": "metric", "id": started_by})).data.id)
    api.Flows.update_flow(made[0], {"data": {"type": "flow", "id": made[0], "attributes": {"status": "live"}}})
    first = client.get("/api/flows?page[size]=3&sort=name")
    second = client.get(first["links"]["next"].removeprefix(client.url))
    assert [one["attributes"]["name"] for one in first["data"] + second["data"]] == [
        "100% tea",
        "Flow a",
        "Flow b",
        "Flow c",
    ]
    assert second["links"]["next"] is None

    def found(text: str) -> list[str]:
        return [one["id"] for one in client.get(f"/api/flows?filter={text}")["data"]]

    assert found('equals(status,"live")') == [made[0]]
    assert found('starts-with(name,"Flow ")') == made[:3]
    assert found('ends-with(name," b")') == [made[2]]
    assert found('contains(name,"0%25 t")') == [made[3]]
    assert found('contains(name,"1%25a")') == []
    assert found(f'any(id,["{made[1]}","{made[2]}"])') == made[1:3]
    assert found('equals(trigger_type,"Metric")') == [made[3]]
    assert found("equals(archived,true)") == []
    assert found("greater-or-equal(created,2020-01-01T00:00:00Z)") == made
    assert found("less-than(updated,2020-01-01T00:00:00Z)") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page[size]=51", "page[size]"),
        ('filter=any(name,["a"])', "filter"),
        ('filter=contains(status,"a")', "filter"),
        ("filter=equals(colour,1)", "filter"),
        ("sort=archived", "sort"),
        ("include=flow-messages", "include"),
        ("fields[flow]=colour", "fields[flow]"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(client: Client, query: str, parameter: str) -> None:
    answer = client.send("GET", f"/api/flows?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"parameter": parameter})


def test_actions_and_tags_are_included(api: Any, client: Client) -> None:
    made = api.Flows.create_flow(WHOLE).data.id
    tag = api.Tags.create_tag({"data": {"type": "tag", "attributes": {"name": "Sorae"}}}).data.id
    api.Tags.tag_flows(tag, {"data": [{"type": "flow", "id": made}]})
    read = client.get(f"/api/flows/{made}?include=flow-actions,tags&fields[flow]=name")
    kinds = [one["type"] for one in read["included"]]
    assert kinds == ["flow-action"] * 4 + ["tag"]
    assert [one["id"] for one in read["data"]["relationships"]["flow-actions"]["data"]] == [
        one["id"] for one in read["included"][:4]
    ]
    assert read["data"]["relationships"]["tags"]["data"] == [{"type": "tag", "id": tag}]
    assert read["data"]["attributes"] == {"name": "Reward issued"}
    assert len(api.Flows.get_flow(made, include=["flow-actions"]).included) == 4


Spoil = Callable[[dict[str, Any]], Any]
DEFINITION = "/data/attributes/definition"


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (lambda it: it.update(colour="green"), f"{DEFINITION}/colour"),
        (lambda it: it.pop("entry_action_id"), f"{DEFINITION}/entry_action_id"),
        (lambda it: it.update(entry_action_id="gone"), f"{DEFINITION}/entry_action_id"),
        (lambda it: it.update(entry_action_id=None), f"{DEFINITION}/entry_action_id"),
        (lambda it: it["actions"][0].update(type="send-pigeon"), f"{DEFINITION}/actions/0/type"),
        (lambda it: it["actions"][0].update(colour="green"), f"{DEFINITION}/actions/0/colour"),
        (lambda it: it["actions"][0].update(id="7"), f"{DEFINITION}/actions/0/id"),
        (lambda it: it["actions"][0].pop("temporary_id"), f"{DEFINITION}/actions/0/temporary_id"),
        (lambda it: it["actions"][3].update(temporary_id="gold"), f"{DEFINITION}/actions/3/temporary_id"),
        (lambda it: it["actions"][0]["links"].update(next="gone"), f"{DEFINITION}/actions/0/links/next"),
        (lambda it: it["actions"][0]["data"].update(value="1"), f"{DEFINITION}/actions/0/data/value"),
        (
            lambda it: it["actions"][1]["data"]["profile_filter"]["condition_groups"][0]["conditions"][0].pop("filter"),
            f"{DEFINITION}/actions/1/data/profile_filter/condition_groups/0/conditions/0/filter",
        ),
        (lambda it: it.update(triggers=[{"type": "metric", "id": "NoSuch"}]), f"{DEFINITION}/triggers/0/id"),
        (lambda it: it.update(triggers=[{"type": "list", "id": "NoSuch"}]), f"{DEFINITION}/triggers/0/id"),
        (
            lambda it: it["actions"][2]["data"]["message"].update(template_id="NoSuch"),
            f"{DEFINITION}/actions/2/data/message/template_id",
        ),
        (lambda it: it.update(triggers=[{"type": "moon"}]), f"{DEFINITION}/triggers/0/type"),
        (lambda it: it.update(triggers=[{"type": "list"}, {"type": "list"}]), f"{DEFINITION}/triggers"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_by_its_place(client: Client, spoil: Spoil, pointer: str) -> None:
    body = copy.deepcopy(WHOLE)
    spoil(body["data"]["attributes"]["definition"])
    answer = client.send("POST", "/api/flows", body)
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    assert client.get("/api/flows")["data"] == []


def test_a_status_is_one_of_three(client: Client, api: Any) -> None:
    made = api.Flows.create_flow(flow()).data.id
    for status, pointer in (("paused", "/data/attributes/status"), (None, "/data/attributes/status")):
        body = {"data": {"type": "flow", "id": made, "attributes": {"status": status}}}
        answer = client.send("PATCH", f"/api/flows/{made}", body)
        assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    body = {"data": {"type": "flow", "id": "Other1", "attributes": {"status": "live"}}}
    assert client.send("PATCH", f"/api/flows/{made}", body).status_code == 400


def test_flows_belong_to_their_account_and_need_their_scopes(client: Client, sandbox: Sandbox, api: Any) -> None:
    made = api.Flows.create_flow(flow()).data.id
    theirs = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    reading = Client(sandbox.url, sandbox.connect(TEA_HOUSE, "accounts:read flows:read").access_token)
    assert [theirs.send(verb, f"/api/flows/{made}").status_code for verb in ("GET", "DELETE")] == [404, 404]
    assert theirs.get("/api/flows")["data"] == []
    assert [reading.send(verb, f"/api/flows/{made}").status_code for verb in ("GET", "DELETE")] == [200, 403]
    assert reading.send("POST", "/api/flows", WHOLE).status_code == 403


def test_making_flows_is_limited(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(limits=True)
    answers = [client.send("POST", "/api/flows", flow()) for _ in range(31)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "1, 1;w=1, 15;w=60, 100;w=86400"


def test_flows_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        made = client.send("POST", "/api/flows", WHOLE).json()["data"]["id"]
        path = f"/api/flows/{made}?additional-fields[flow]=definition"
        before = client.get(path)["data"]["attributes"]
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        assert Client(sandbox.url, client.token).get(path)["data"]["attributes"] == before
