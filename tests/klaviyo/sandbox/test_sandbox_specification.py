"""The sandbox's answers fit the official specification, where its file is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import OAS30ReadValidator

from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from tests import schemas
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event, profile
from tests.klaviyo.sandbox.webhook_endpoint import webhook

NULL = ("next", "prev", "whatsapp", "predictive_analytics", "latitude", "longitude")


def complaints(exchange: Exchange) -> Iterator[str]:
    """What the specification says against one answer."""
    document = schemas.specification()
    if document is None or not exchange.answer:
        return
    told = next(
        operation["responses"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict) and operation.get("operationId") == exchange.operation
    )
    answer = told.get(str(exchange.status)) or told[f"{exchange.status // 100}XX"]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    schema = answer["content"]["application/vnd.api+json"]["schema"]
    validator = OAS30ReadValidator({**schema, "components": document["components"]})
    body = _without_nothing(json.loads(exchange.answer))
    for error in validator.iter_errors(body):
        yield f"{exchange.operation} {exchange.status} {list(error.absolute_path)}: {error.message[:200]}"


def _without_nothing(document: Any) -> Any:
    """Live answers hold null in these members; the specification knows only their absence."""
    if isinstance(document, list):
        return [_without_nothing(one) for one in document]
    if not isinstance(document, dict):
        return document
    return {name: _without_nothing(value) for name, value in document.items() if value is not None or name not in NULL}


def test_every_answer_fits_the_specification() -> None:
    exchanges: list[Exchange] = []
    with Sandbox(limits=False, observer=exchanges.append) as sandbox:
        visit(Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token), sandbox)
    assert len({one.operation for one in exchanges}) > 25
    assert [told for one in exchanges for told in complaints(one)] == []


def visit(client: Client, sandbox: Sandbox) -> None:
    """Calls what answers with a document, for better and for worse."""
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    (ben,) = sandbox.put_profiles(
        TEA_HOUSE,
        [SeedProfile("ben@tea.test", consent="SUBSCRIBED", suppressions=["HARD_BOUNCE"], lists=["NwsLtr"])],
    )
    everything = "?additional-fields[profile]=subscriptions,predictive_analytics"
    ann = client.upsert(everything, email="ann@tea.test", location={"city": "Oslo"}).json()["data"]["id"]
    client.send("POST", f"/api/profiles{everything}", profile(email="cas@tea.test"))
    client.send("POST", "/api/profiles", profile(email="cas@tea.test"))
    body = {"data": {"type": "profile", "id": ann, "attributes": {"title": "Dr"}}}
    client.send("PATCH", f"/api/profiles/{ann}{everything}", body)
    client.send("POST", "/api/events", event(value=1.5, value_currency="EUR"))
    client.send("POST", "/api/event-bulk-create-jobs", bulk_events(event(unique_id="c-2")))
    people: dict[str, Any] = {"data": [profile(email="dan@tea.test")["data"], profile(first_name="Nobody")["data"]]}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": people}}}
    job = client.send("POST", "/api/profile-bulk-import-jobs", body).json()["data"]["id"]
    suppress = {"data": [{"type": "profile", "attributes": {"email": "ann@tea.test"}}]}
    for verb in ("create", "delete"):
        kind = f"profile-suppression-bulk-{verb}-job"
        answer = client.send("POST", f"/api/{kind}s", {"data": {"type": kind, "attributes": {"profiles": suppress}}})
        client.get(f"/api/{kind}s/{answer.json()['data']['id']}")
        client.get(f"/api/{kind}s")
    client.send("POST", "/api/lists", {"data": {"type": "list", "attributes": {"name": "Advocates"}}})
    body = {"data": {"type": "list", "id": "NwsLtr", "attributes": {"opt_in_process": "double_opt_in"}}}
    client.send("PATCH", "/api/lists/NwsLtr", body)
    members = {"data": [{"type": "profile", "id": ann}]}
    client.send("POST", "/api/lists/NwsLtr/relationships/profiles", members)
    condition = {"type": "profile-group-membership", "is_member": True, "group_ids": ["NwsLtr"]}
    definition = {"condition_groups": [{"conditions": [condition]}]}
    body = {"data": {"type": "segment", "attributes": {"name": "On the list", "definition": definition}}}
    segment = client.send("POST", "/api/segments", body).json()["data"]["id"]
    visit_webhooks(client)
    read(client, ben, job, segment)


def visit_webhooks(client: Client) -> None:
    body = webhook("https://sorae.example/hook", "bounced_email", description="What people say")
    made = client.send("POST", "/api/webhooks", body).json()["data"]["id"]
    body = {"data": {"type": "webhook", "id": made, "attributes": {"enabled": False}}}
    client.send("PATCH", f"/api/webhooks/{made}", body)
    for path in ("webhooks", f"webhooks/{made}", "webhook-topics", "webhook-topics/event:klaviyo.bounced_email"):
        client.get(f"/api/{path}" + ("?include=webhook-topics" if path.startswith("webhooks") else ""))
    client.send("POST", "/api/webhooks", {"data": {}})
    client.send("DELETE", f"/api/webhooks/{made}")


def read(client: Client, ben: str, job: str, segment: str) -> None:
    everything = "?additional-fields[profile]=subscriptions,predictive_analytics"
    an_event = client.get("/api/events?include=metric,profile")["data"][0]["id"]
    metric = client.get("/api/metrics")["data"][0]["id"]
    for path in (
        f"accounts/{TEA_HOUSE}",
        "accounts",
        f"events/{an_event}?include=metric,profile",
        f"metrics/{metric}",
        f"profiles{everything}&page[size]=2",
        f"profiles/{ben}{everything}&include=lists,segments",
        f"profiles/{ben}/lists",
        f"profiles/{ben}/relationships/lists",
        "profile-bulk-import-jobs",
        f"profile-bulk-import-jobs/{job}?include=lists",
        f"profile-bulk-import-jobs/{job}/import-errors",
        f"profile-bulk-import-jobs/{job}/profiles{everything}",
        "lists",
        "lists/NwsLtr?additional-fields[list]=profile_count",
        f"lists/NwsLtr/profiles{everything}",
        "lists/NwsLtr/relationships/profiles",
        "segments",
        f"segments/{segment}?additional-fields[segment]=profile_count",
        f"segments/{segment}/profiles{everything}",
    ):
        client.get(f"/api/{path}")
    client.send("GET", "/api/profiles/7")
    client.send("GET", "/api/lists/NoList")
