"""A profile with several addresses: found by any, and each has its own consent and suppressions."""

from __future__ import annotations

from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedProfile, SeenProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event, profile

SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
ANN, WORK = "ann@tea.test", "Ann@work.test"


@pytest.fixture
def ann(sandbox: Sandbox) -> str:
    """Her profile's id; it knows two addresses."""
    [id] = sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN, consent="SUBSCRIBED", others={WORK: "NEVER_SUBSCRIBED"})])
    return id


def seen(sandbox: Sandbox) -> SeenProfile:
    [only] = sandbox.profiles(TEA_HOUSE)
    return only


def found(client: Client, *emails: str) -> list[tuple[str, str]]:
    asked = ",".join(f'"{one}"' for one in emails)
    told = client.get("/api/profiles", filter=f"any(email,[{asked}])")
    return [(one["id"], one["attributes"]["email"]) for one in told["data"]]


def said(verb: str, word: str, email: str) -> dict[str, Any]:
    attributes = {"email": email, "subscriptions": {"email": {"marketing": {"consent": word}}}}
    people = {"data": [{"type": "profile", "attributes": attributes}]}
    return {"data": {"type": f"profile-subscription-bulk-{verb}-job", "attributes": {"profiles": people}}}


def test_it_is_found_by_any_address_once_and_named_by_the_first(client: Client, ann: str) -> None:
    assert found(client, "ann@work.test") == found(client, ANN, "ANN@WORK.test") == [(ann, ANN)]
    assert found(client, "nobody@work.test") == []


def test_the_consent_that_is_told_is_the_first_ones(client: Client, sandbox: Sandbox, ann: str) -> None:
    client.send("POST", UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", WORK))
    assert (seen(sandbox).consent, seen(sandbox).others) == ("SUBSCRIBED", {WORK: "UNSUBSCRIBED"})
    told = client.get("/api/profiles", filter=f'equals(email,"{WORK}")')
    assert "subscriptions" not in told["data"][0]["attributes"]
    query = f'?filter=equals(email,"{WORK}")&additional-fields[profile]=subscriptions'
    block = client.send("GET", f"/api/profiles{query}").json()["data"][0]["attributes"]["subscriptions"]
    assert block["email"]["marketing"]["consent"] == "SUBSCRIBED"
    client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", WORK))
    sandbox.flip(TEA_HOUSE, ANN, "unsubscribed")
    assert (seen(sandbox).consent, seen(sandbox).others) == ("UNSUBSCRIBED", {WORK: "SUBSCRIBED"})


@pytest.mark.parametrize("by", ["upsert", "event", "events in bulk"])
def test_who_is_told_of_by_a_second_address_keeps_the_first(
    client: Client, sandbox: Sandbox, ann: str, by: str
) -> None:
    match by:
        case "upsert":
            assert client.upsert(email="ann@WORK.test", first_name="Ann").status_code == 200
        case "event":
            client.send("POST", "/api/events", event(WORK))
        case _:
            told = bulk_events(event(WORK, unique_id="1"), event(ANN, unique_id="2"), event("ben@tea.test"))
            assert client.send("POST", "/api/event-bulk-create-jobs", told).status_code == 202
            sandbox_people = {one.email: one.id for one in sandbox.profiles(TEA_HOUSE)}
            assert sandbox_people.keys() == {ANN, "ben@tea.test"}
            return
    assert (seen(sandbox).id, seen(sandbox).email, list(seen(sandbox).others)) == (ann, ANN, [WORK])


def test_an_address_is_added_and_taken_away_and_never_somebody_elses(
    client: Client, sandbox: Sandbox, ann: str
) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ben@tea.test")])

    def patch(**change: dict[str, str]) -> Any:
        body = {"data": {**profile()["data"], "id": ann, "meta": {"patch_identifiers": change}}}
        return client.send("PATCH", f"/api/profiles/{ann}", body).status_code

    assert patch(append={"email": "ben@tea.test"}) == 409
    assert client.send("POST", "/api/profiles", profile(email=WORK)).status_code == 409
    assert [patch(append={"email": f"ann{n}@tea.test"}) for n in range(4)] == [200, 200, 200, 400]
    assert patch(unappend={"email": ANN}) == 200
    assert found(client, ANN) == []
    assert found(client, "ann2@tea.test") == [(ann, WORK)]


def test_to_delete_a_second_address_deletes_the_profile(client: Client, sandbox: Sandbox, ann: str) -> None:
    asked = {"type": "data-privacy-deletion-job", "attributes": {"profile": profile(email=WORK)}}
    assert client.send("POST", "/api/data-privacy-deletion-jobs", {"data": asked}).status_code == 202
    assert sandbox.profiles(TEA_HOUSE) == []
    assert client.upsert(email=WORK).status_code == 201
