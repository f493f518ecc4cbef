"""Upserts find, merge and clear as Klaviyo's do; they never touch consent."""

from __future__ import annotations

from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, profile

UNKNOWN = "01HZZZZZZZZZZZZZZZZZZZZZZZ"


def pointer(answer: Any) -> str:
    return str(answer.json()["errors"][0]["source"].get("pointer"))


def test_an_upsert_makes_then_changes_and_merges_properties_by_key(client: Client) -> None:
    first = client.upsert(email="Ann@tea.test", first_name="Ann", properties={"sorae_code": "AB", "theirs": 1})
    second = client.upsert(email="ann@TEA.test", last_name="Lee", properties={"sorae_code": "CD"})
    assert (first.status_code, second.status_code) == (201, 200)
    told = second.json()["data"]
    assert told["id"] == first.json()["data"]["id"]
    assert told["attributes"]["first_name"] == "Ann"
    assert told["attributes"]["properties"] == {"sorae_code": "CD", "theirs": 1}


def test_null_clears_and_what_is_left_out_stays(client: Client) -> None:
    client.upsert(email="ann@tea.test", first_name="Ann", title="Dr", properties={"a": 1, "b": 2})
    told = client.upsert(email="ann@tea.test", title=None, properties={"a": None}).json()["data"]["attributes"]
    assert (told["first_name"], told["title"], told["properties"]) == ("Ann", None, {"b": 2})


def test_patch_properties_append_unappend_and_unset(client: Client, sandbox: Sandbox) -> None:
    client.upsert(email="ann@tea.test", properties={"codes": ["A"], "old": 1})
    body = profile(email="ann@tea.test")
    body["data"]["meta"] = {"patch_properties": {"append": {"codes": "B"}, "unset": "old"}}
    assert client.send("POST", "/api/profile-import", body).status_code == 200
    body["data"]["meta"] = {"patch_properties": {"unappend": {"codes": "A"}}}
    client.send("POST", "/api/profile-import", body)
    assert sandbox.profiles(TEA_HOUSE)[0].properties == {"codes": ["B"]}


def test_an_upsert_answers_with_consent_when_asked_and_leaves_it_as_it_was(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])])
    plain = client.upsert(email="ann@tea.test", first_name="Ann").json()["data"]["attributes"]
    assert "subscriptions" not in plain
    asked = client.upsert("?additional-fields[profile]=subscriptions", email="ann@tea.test").json()
    marketing = asked["data"]["attributes"]["subscriptions"]["email"]["marketing"]
    assert (marketing["consent"], marketing["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)
    assert marketing["suppression"][0]["reason"] == "UNSUBSCRIBE"


def test_an_identifier_of_somebody_else_stays_theirs(client: Client, sandbox: Sandbox) -> None:
    client.upsert(email="ann@tea.test", phone_number="+358401234567")
    assert client.upsert(email="ben@tea.test", phone_number="+358401234567").status_code == 201
    assert {one.email: one.phone_number for one in sandbox.profiles(TEA_HOUSE)} == {
        "ann@tea.test": "+358401234567",
        "ben@tea.test": None,
    }


def test_changing_an_address_to_a_taken_one_is_a_conflict(client: Client, sandbox: Sandbox) -> None:
    ann, ben = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test"), SeedProfile("ben@tea.test")])
    body = {"data": {"type": "profile", "id": ben, "attributes": {"email": "ann@tea.test"}}}
    answer = client.send("PATCH", f"/api/profiles/{ben}", body)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["meta"] == {"duplicate_profile_id": ann}


@pytest.mark.parametrize(
    ("attributes", "where"),
    [
        ({"email": "no address"}, "/data/attributes/email"),
        ({"email": "a..b@tea.test"}, "/data/attributes/email"),
        ({"email": "a" * 95 + "@tea.test"}, "/data/attributes/email"),
        ({"email": "a@tea.test", "phone_number": "0401234567"}, "/data/attributes/phone_number"),
        ({"email": "a@tea.test", "first_name": 7}, "/data/attributes/first_name"),
        ({"email": "a@tea.test", "location": {"planet": "Mars"}}, "/data/attributes/location/planet"),
        ({"email": "a@tea.test", "subscriptions": {}}, "/data/attributes/subscriptions"),
        ({"email": "a@tea.test", "properties": []}, "/data/attributes/properties"),
        ({"email": "a@tea.test", "properties": {"x": "y" * 103_000}}, "/data/attributes/properties/x"),
        ({"first_name": "Ann"}, "/data/attributes"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_its_pointer(
    client: Client, sandbox: Sandbox, attributes: dict[str, Any], where: str
) -> None:
    answer = client.upsert(**attributes)
    assert answer.status_code == 400
    assert where in {one["source"]["pointer"] for one in answer.json()["errors"]}
    assert sandbox.profiles(TEA_HOUSE) == []


def test_a_profile_over_100_kb_is_refused(client: Client) -> None:
    properties = {f"p{number}": "x" * 1000 for number in range(110)}
    assert pointer(client.upsert(email="ann@tea.test", properties=properties)) == "/data"


def test_a_malformed_id_is_not_there_any_more_than_an_unknown_one(client: Client) -> None:
    for id in ("7", UNKNOWN):
        body = {"data": {"type": "profile", "id": id, "attributes": {}}}
        answers = [client.send("GET", f"/api/profiles/{id}"), client.send("PATCH", f"/api/profiles/{id}", body)]
        assert [(answer.status_code, pointer(answer)) for answer in answers] == [(404, "/data/")] * 2
        assert answers[0].json()["errors"][0]["detail"] == f"A profile with id {id} does not exist."


def test_the_id_in_the_body_must_be_the_one_in_the_path(client: Client) -> None:
    ann = client.upsert(email="ann@tea.test").json()["data"]["id"]
    body = {"data": {"type": "profile", "id": UNKNOWN, "attributes": {}}}
    assert pointer(client.send("PATCH", f"/api/profiles/{ann}", body)) == "/data/id"


def test_only_the_fields_that_were_asked_for_come_back(client: Client) -> None:
    client.upsert(email="ann@tea.test", first_name="Ann")
    fields = "fields[profile]=email,subscriptions.email.marketing.consent"
    path = f"/api/profiles?additional-fields[profile]=subscriptions&{fields}"
    attributes = client.get(path)["data"][0]["attributes"]
    assert attributes == {
        "email": "ann@tea.test",
        "subscriptions": {"email": {"marketing": {"consent": "NEVER_SUBSCRIBED"}}},
    }


def test_a_profile_includes_its_lists_and_segments(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    (ann,) = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"])])
    included = client.get(f"/api/profiles/{ann}?include=lists,segments")["included"]
    assert [(one["type"], one["id"]) for one in included] == [("list", "NwsLtr")]


def test_an_import_with_one_bad_address_is_refused_as_a_whole(client: Client, sandbox: Sandbox) -> None:
    people = [profile(email="ann@tea.test")["data"], profile(email="bad")["data"]]
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": people}}}}
    answer = client.send("POST", "/api/profile-bulk-import-jobs", body)
    assert (answer.status_code, pointer(answer)) == (400, "/data/attributes/profiles/data/1/attributes/email")
    assert sandbox.profiles(TEA_HOUSE) == []


def test_an_import_does_not_clear_with_null_and_adds_to_lists(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Advocates", "AdvCts")])
    client.upsert(email="ann@tea.test", first_name="Ann", properties={"a": 1})
    people = [profile(email="ann@tea.test", first_name=None, properties={"a": None})["data"]]
    lists = {"lists": {"data": [{"type": "list", "id": "AdvCts"}]}}
    body = {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": people}},
            "relationships": lists,
        }
    }
    assert client.send("POST", "/api/profile-bulk-import-jobs", body).status_code == 202
    ann = sandbox.profile(TEA_HOUSE, "ann@tea.test")
    assert ann
    assert (ann.first_name, ann.properties, ann.lists, ann.consent) == (
        "Ann",
        {"a": 1},
        ("AdvCts",),
        "NEVER_SUBSCRIBED",
    )


def test_unknown_ids_are_not_put_on_a_list(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Advocates", "AdvCts")])
    body = {"data": [{"type": "profile", "id": UNKNOWN}]}
    answer = client.send("POST", "/api/lists/AdvCts/relationships/profiles", body)
    assert (answer.status_code, pointer(answer)) == (400, "/data/")


@pytest.mark.parametrize("attributes", [{}, {"email": "ann@tea.test", "phone_number": "+358401234567"}])
def test_a_deletion_request_names_exactly_one_identifier(client: Client, attributes: dict[str, str]) -> None:
    person = {"data": {"type": "profile", "attributes": attributes}}
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": person}}}
    assert client.send("POST", "/api/data-privacy-deletion-jobs", body).status_code == 400


def test_deleting_somebody_unknown_is_a_404(client: Client) -> None:
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": profile(email="no@tea.test")}}}
    assert client.send("POST", "/api/data-privacy-deletion-jobs", body).status_code == 404
