"""The sandbox's answers have the members that real ones were seen to have, also those that no specification names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event, profile
from tests.klaviyo.sandbox.webhook_endpoint import webhook

SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
MICROSECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
NOWHERE = "+43664123456"  # a region for which nobody here has a sending number
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
CONSENT = "?additional-fields[profile]=subscriptions"
PROFILE = {
    *("email", "phone_number", "external_id", "anonymous_id", "whatsapp_bsuid", "first_name", "last_name"),
    *("organization", "locale", "title", "image", "created", "updated", "last_event_date", "location", "properties"),
}
TRACKING = {
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "last_updated": None,
    "created_timestamp": None,
    "metadata": None,
    "can_receive": False,
    "valid_until": None,
}
TEXTS = {
    "consent": "NEVER_SUBSCRIBED",
    "consent_timestamp": None,
    "method": None,
    "method_detail": None,
    "last_updated": None,
}
MARKETING = {
    *("can_receive_email_marketing", "consent", "consent_timestamp", "last_updated", "method", "method_detail"),
    *("custom_method_detail", "double_optin", "suppression", "list_suppressions"),
}


def subscription(phone: str = "", *, channels: tuple[str, ...] = ("email", "sms"), **more: Any) -> dict[str, Any]:
    said = {channel: {"marketing": {"consent": "SUBSCRIBED"}} for channel in channels}
    attributes = {"email": "ann@tea.test", "subscriptions": said, **({"phone_number": phone} if phone else {}), **more}
    people = {"data": [{"type": "profile", "attributes": attributes}]}
    listed = {"list": {"data": {"type": "list", "id": "NwsLtr"}}}
    kind = "profile-subscription-bulk-create-job"
    return {"data": {"type": kind, "attributes": {"profiles": people}, "relationships": listed}}


def error_of(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["errors"][0]
    return error


def links(document: Any) -> list[str]:
    """Every address of a resource or a relationship in an answer."""
    if isinstance(document, list):
        return [address for one in document for address in links(one)]
    if not isinstance(document, dict):
        return []
    own = [address for address in (document.get("links") or {}).values() if address]
    return own + [address for value in document.values() for address in links(value)]


def test_a_profile_has_every_member_and_its_consent_on_every_channel(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    written = client.upsert(CONSENT, email="ann@tea.test").json()["data"]
    (ann,) = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"])])
    read = client.get(f"/api/profiles/{ann}{CONSENT}")["data"]
    listed = client.get(f"/api/profiles{CONSENT}")["data"][0]
    member = client.get(f"/api/lists/NwsLtr/profiles{CONSENT}")["data"][0]
    for told in (written, read, listed, member):
        attributes = told["attributes"]
        assert set(attributes) - {"joined_group_at"} == PROFILE | {"subscriptions"}
        assert (attributes["whatsapp_bsuid"], attributes["location"]["latitude"]) == (None, None)
        subscriptions = attributes["subscriptions"]
        assert subscriptions["whatsapp"] is None
        assert set(subscriptions["email"]) == {"marketing", "open_tracking", "click_tracking"}
        assert set(subscriptions["email"]["marketing"]) == MARKETING
        assert subscriptions["email"]["open_tracking"] == subscriptions["email"]["click_tracking"] == TRACKING
        assert subscriptions["sms"]["marketing"] == {**TEXTS, "can_receive_sms_marketing": False}
        assert subscriptions["sms"]["transactional"] == {**TEXTS, "can_receive_sms_transactional": False}
    common = {"lists", "segments", "push-tokens"}
    assert set(written["relationships"]) == set(member["relationships"]) == {*common, "conversation"}
    assert set(read["relationships"]) == set(listed["relationships"]) == {*common, "conversations"}
    assert MICROSECOND.fullmatch(written["attributes"]["updated"])
    assert SECOND.fullmatch(read["attributes"]["updated"])


def test_addresses_of_resources_end_in_a_slash_and_that_of_the_answer_is_what_was_asked(client: Client) -> None:
    ann = client.upsert(email="ann@tea.test").json()["data"]["id"]
    client.send("POST", "/api/events", event())
    client.send("POST", "/api/lists", {"data": {"type": "list", "attributes": {"name": "Advocates"}}})
    for path in (f"profiles/{ann}", "profiles?page[size]=1", "events?include=metric,profile", "lists", "metrics"):
        answer = client.get(f"/api/{path}")
        assert answer["links"].pop("self").partition("?")[0] == f"{client.url}/api/{path.partition('?')[0]}"
        answer["links"] = {}
        assert links(answer)
        assert all(address.endswith("/") for address in links(answer))
    assert client.get("/api/profiles?page[size]=7")["links"]["self"].endswith("/api/profiles?page%5Bsize%5D=7")


@pytest.mark.parametrize(
    "path",
    [
        "profiles?include=push-tokens",
        "profiles/{ann}?include=lists,segments",
        "lists?include=tags",
        "lists/NwsLtr?include=tags,flow-triggers",
        "metrics?include=flow-triggers",
        "events?include=attributions",
        "webhooks?include=webhook-topics",
    ],
)
def test_what_is_included_is_a_list_even_of_nothing(client: Client, sandbox: Sandbox, path: str) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    (ann,) = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test")])
    assert client.get(f"/api/{path.format(ann=ann)}")["included"] == []
    assert "included" not in client.get(f"/api/{path.format(ann=ann).partition('?')[0]}")


def test_relationships_that_are_included_say_whose_they_are(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    (ann,) = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"])])
    told = client.get(f"/api/profiles/{ann}?include=lists,segments")["data"]["relationships"]
    assert told["lists"]["data"] == [{"type": "list", "id": "NwsLtr"}]
    assert told["segments"]["data"] == []
    assert "data" not in client.get(f"/api/profiles/{ann}")["data"]["relationships"]["lists"]


def test_fields_and_additional_fields_add_up(client: Client) -> None:
    client.upsert(email="ann@tea.test", first_name="Ann")
    told = client.get("/api/profiles?fields[profile]=email&additional-fields[profile]=subscriptions")["data"][0]
    assert set(told["attributes"]) == {"email", "subscriptions"}


def test_an_events_worth_reads_back_with_its_currency(client: Client) -> None:
    client.send("POST", "/api/events", event(value=3, value_currency="EUR", unique_id="c-1"))
    told = client.get("/api/events")["data"][0]
    assert told["attributes"]["event_properties"] == {"$value": 3, "$value_currency": "EUR", "$event_id": "c-1"}
    assert set(told["relationships"]) == {"profile", "metric"}
    assert SECOND.fullmatch(told["attributes"]["datetime"])


def test_malformed_ids_are_not_there_but_for_events(client: Client) -> None:
    for path in ("lists/x", "lists/toolong1", "lists/x/profiles", "profiles/x", "webhooks/999999999"):
        assert client.send("GET", f"/api/{path}").status_code == 404, path
    assert client.send("POST", SUBSCRIBE, subscription(channels=("email",))).status_code == 404
    refused = client.send("GET", "/api/events/NOPE01")
    assert (refused.status_code, error_of(refused)["source"]) == (400, {"pointer": "/data/id"})


def test_errors_bear_the_id_of_their_request_and_a_place(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_lists", "429")
    sandbox.fault("get_lists", "missing_scope")
    sandbox.fault("get_lists", "unauthorized")
    bare = [client.send("GET", "/api/lists") for _ in range(3)]
    bare += [client.send("GET", path) for path in ("/api/lists/NoList", "/api/nothing")]
    assert [answer.status_code for answer in bare] == [429, 403, 401, 404, 404]
    answers = [*bare, client.upsert(email="bad"), client.send("POST", "/api/profiles", profile())]
    for answer in answers:
        assert {error["id"] for error in answer.json()["errors"]} == {answer.headers["X-Klaviyo-Req-Id"]}
    assert [error_of(answer)["source"] for answer in bare] == [{"pointer": "/data/"}] * 5
    assert set(error_of(bare[3])) == {"id", "status", "code", "title", "detail", "source"}
    assert sandbox.requests("get_lists")[0].request_id == bare[0].headers["X-Klaviyo-Req-Id"]


def test_a_bad_private_key_and_a_bad_token_are_told_apart(client: Client) -> None:
    key = client.send("GET", "/api/profiles", Authorization="Klaviyo-API-Key pk_123")
    token = client.send("GET", "/api/profiles", Authorization="Bearer nonsense")
    assert [answer.status_code for answer in (key, token)] == [401, 401]
    assert [error_of(answer)["code"] for answer in (key, token)] == ["not_authenticated", "authentication_failed"]
    assert key.headers["WWW-Authenticate"] == "Bearer, Klaviyo-API-Key"


def test_a_suppression_names_its_end_at_once_and_a_webhook_keeps_its_secret(client: Client) -> None:
    kind = "profile-suppression-bulk-create-job"
    people = {"data": [{"type": "profile", "attributes": {"email": "ann@tea.test"}}]}
    body = {"data": {"type": kind, "attributes": {"profiles": people}}}
    job = client.send("POST", f"/api/{kind}s", body).json()["data"]
    assert (job["attributes"]["status"], job["attributes"]["total_count"]) == ("processing", 0)
    assert MICROSECOND.fullmatch(job["attributes"]["completed_at"])
    assert all("data" not in relationship for relationship in job["relationships"].values())
    made = client.send("POST", "/api/webhooks", webhook("https://sorae.example/hook", "bounced_email")).json()["data"]
    for told in (made, client.get(f"/api/webhooks/{made['id']}")["data"], client.get("/api/webhooks")["data"][0]):
        assert told["attributes"]["secret_key"] == "*****"
        assert told["attributes"]["endpoint_url"] == "https://sorae.example/*****"
        assert "links" not in told["relationships"]["webhook-topics"]
    assert client.get("/api/webhook-topics")["data"][0]["attributes"] == {}


def test_a_new_segment_has_its_members_later(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(segment_seconds=3600)
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"])])
    condition = {"type": "profile-group-membership", "is_member": True, "group_ids": ["NwsLtr"]}
    definition = {"condition_groups": [{"conditions": [condition]}]}
    body = {"data": {"type": "segment", "attributes": {"name": "On the list", "definition": definition}}}
    made = client.send("POST", "/api/segments", body).json()["data"]
    path = f"/api/segments/{made['id']}"
    assert made["attributes"]["is_processing"] is True
    assert client.get(path)["data"]["attributes"]["is_processing"] is True
    assert client.get(f"{path}/profiles")["data"] == []
    sandbox.settings(segment_seconds=0)
    assert client.get(path)["data"]["attributes"]["is_processing"] is False
    assert len(client.get(f"{path}/profiles")["data"]) == 1


def test_a_number_that_klaviyo_ignores_costs_the_number_and_a_header_says_so(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(no_texts_to=["+43"])
    bare = profile(email="cas@tea.test", phone_number=NOWHERE)
    person: dict[str, Any] = {"profile": profile(email="dan@tea.test", phone_number=NOWHERE)}
    many = {"data": [profile(email="eva@tea.test", phone_number=NOWHERE)["data"]]}
    kind = "profile-bulk-import-job"
    answers = [
        client.upsert(email="ann@tea.test", phone_number=NOWHERE),
        client.send("POST", "/api/profiles", bare),
        client.send("POST", "/api/events", event(**person)),
        client.send("POST", "/api/event-bulk-create-jobs", bulk_events(event(**person, unique_id="c-2"))),
        client.send("POST", f"/api/{kind}s", {"data": {"type": kind, "attributes": {"profiles": many}}}),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 202, 202, 202]
    assert {answer.headers["X-Klaviyo-Partial-Failure"] for answer in answers} == {"phone_number"}
    assert {one.phone_number for one in sandbox.profiles(TEA_HOUSE)} == {None}
    assert len(sandbox.profiles(TEA_HOUSE)) == 4
    fine = client.upsert(email="ann@tea.test", phone_number="+358401234567")
    assert "X-Klaviyo-Partial-Failure" not in fine.headers


def test_consent_to_texts_where_none_can_be_sent_refuses_everything(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(no_texts_to=["+43"])
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    refused = client.send("POST", SUBSCRIBE, subscription(NOWHERE))
    at = "/data/attributes/profiles/data/0/attributes"
    assert (refused.status_code, error_of(refused)["source"]) == (400, {"pointer": f"{at}/phone_number"})
    assert sandbox.profiles(TEA_HOUSE) == []
    taken = client.send("POST", SUBSCRIBE, subscription(NOWHERE, channels=("email",)))
    assert (taken.status_code, taken.headers["X-Klaviyo-Partial-Failure"]) == (202, "phone_number")
    ann = sandbox.profile(TEA_HOUSE, "ann@tea.test")
    assert ann
    assert (ann.consent, ann.phone_number) == ("SUBSCRIBED", None)


def test_an_account_with_age_gating_asks_for_a_date_of_birth(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(age_gated=True)
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    refused = client.send("POST", SUBSCRIBE, subscription("+358401234567"))
    assert refused.status_code == 400
    assert error_of(refused)["source"]["pointer"].endswith("/age_gated_date_of_birth")
    told = subscription("+358401234567", age_gated_date_of_birth="1990-01-31")
    assert client.send("POST", SUBSCRIBE, told).status_code == 202
    assert client.send("POST", SUBSCRIBE, subscription(channels=("email",))).status_code == 202


def test_a_request_may_be_taken_in_part(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.fault("bulk_subscribe_profiles", "partial_failure")
    taken = client.send("POST", SUBSCRIBE, subscription("+358401234567"))
    assert (taken.status_code, taken.headers["X-Klaviyo-Partial-Failure"]) == (202, "phone_number")
    ann = sandbox.profile(TEA_HOUSE, "ann@tea.test")
    assert ann
    assert (ann.consent, ann.sms_consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("forbidden", 403, "forbidden"), ("not_entitled", 403, "permission_denied")]
)
def test_an_account_may_not_do_everything(client: Client, sandbox: Sandbox, kind: str, status: int, code: str) -> None:
    sandbox.fault("create_webhook", kind)
    answer = client.send("POST", "/api/webhooks", webhook("https://sorae.example/hook", "bounced_email"))
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


def test_the_edge_may_give_up_waiting(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "524")
    answer = client.send("GET", "/api/profiles")
    assert answer.status_code == 524
    assert "<html>" in answer.text


def test_an_ageing_revision_names_its_end(client: Client, sandbox: Sandbox) -> None:
    assert "X-Klaviyo-Api-Retirement-Date" not in client.send("GET", "/api/profiles").headers
    sandbox.settings(retires_on="2028-07-15")
    for answer in (client.send("GET", "/api/profiles"), client.send("GET", "/api/nothing")):
        assert answer.headers["X-Klaviyo-Api-Retirement-Date"] == "2028-07-15"


def test_the_next_revision_is_served_with_the_meta_of_a_profile_beside_its_attributes(
    client: Client, sandbox: Sandbox
) -> None:
    body = event()
    body["data"]["attributes"]["profile"]["data"]["meta"] = {"patch_properties": {"append": {"codes": "A"}}}
    assert client.send("POST", "/api/events", body).status_code == 400
    answer = client.send("POST", "/api/events", body, revision="2026-10-15")
    assert (answer.status_code, answer.headers["x-klaviyo-api-revision"]) == (202, "2026-10-15")
    assert sandbox.profiles(TEA_HOUSE)[0].properties == {"codes": ["A"]}
