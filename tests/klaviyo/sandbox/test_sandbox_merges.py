"""Profiles merged: one goes into another, with its events and lists, and is gone."""

from __future__ import annotations

from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, event
from tests.klaviyo.sandbox.webhook_endpoint import webhook


def merge(into: str, *sources: str) -> dict[str, Any]:
    named = {"profiles": {"data": [{"type": "profile", "id": one} for one in sources]}}
    return {"data": {"type": "profile-merge", "id": into, "relationships": named}}


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return official(sandbox)


def test_the_one_takes_what_it_lacks_and_the_other_is_gone(sandbox: Sandbox, client: Client, api: Any) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    kept, gone = sandbox.put_profiles(
        TEA_HOUSE,
        [
            SeedProfile("ann@tea.test", first_name="Ann", properties={"tier": "gold"}, consent="SUBSCRIBED"),
            SeedProfile(
                "an@tea.test",
                "+358401234567",
                first_name="An",
                last_name="Tea",
                properties={"tier": "tin", "cups": 3},
                sms_consent="SUBSCRIBED",
                consent="UNSUBSCRIBED",
                lists=["NwsLtr"],
            ),
        ],
    )
    client.send("POST", "/api/events", event("an@tea.test", unique_id="c-1"))
    assert api.Profiles.merge_profiles(merge(kept, gone)).data.id == kept
    (person,) = sandbox.profiles(TEA_HOUSE)
    assert (person.id, person.email, person.phone_number) == (kept, "ann@tea.test", "+358401234567")
    assert (person.first_name, person.last_name) == ("Ann", "Tea")
    assert person.properties == {"tier": "gold", "cups": 3}
    assert (person.consent, person.sms_consent, person.lists) == ("SUBSCRIBED", "SUBSCRIBED", ("NwsLtr",))
    assert [one.profile_id for one in sandbox.events(TEA_HOUSE)] == [kept]
    assert refusal(api.Profiles.get_profile, gone) == 404
    assert refusal(api.Profiles.merge_profiles, merge(kept, gone)) == 404


def test_webhooks_are_told_of_a_merge(sandbox: Sandbox, client: Client, api: Any) -> None:
    client.send("POST", "/api/webhooks", webhook("https://127.0.0.1:9/hook", "merged_profile"))
    kept, gone = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test"), SeedProfile("an@tea.test")])
    api.Profiles.merge_profiles(merge(kept, gone))
    assert [(one.topic, one.profile_id) for one in sandbox.deliveries(TEA_HOUSE)] == [
        ("event:klaviyo.merged_profile", kept)
    ]


def test_a_no_comes_along_with_its_address(sandbox: Sandbox, api: Any) -> None:
    kept, gone = sandbox.put_profiles(
        TEA_HOUSE,
        [
            SeedProfile(None, "+358401234567"),
            SeedProfile("ann@tea.test", consent="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"]),
        ],
    )
    api.Profiles.merge_profiles(merge(kept, gone))
    (person,) = sandbox.profiles(TEA_HOUSE)
    assert (person.email, person.consent, person.suppressions) == ("ann@tea.test", "UNSUBSCRIBED", ("UNSUBSCRIBE",))


def test_the_same_event_of_both_is_there_once(sandbox: Sandbox, client: Client, api: Any) -> None:
    kept, gone = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test"), SeedProfile("an@tea.test")])
    for email in ("ann@tea.test", "an@tea.test"):
        client.send("POST", "/api/events", event(email, unique_id="c-1"))
    api.Profiles.merge_profiles(merge(kept, gone))
    assert [one.profile_id for one in sandbox.events(TEA_HOUSE)] == [kept]


def test_a_merge_that_does_not_fit_is_refused(sandbox: Sandbox, client: Client) -> None:
    ann, ben, cas = sandbox.put_profiles(TEA_HOUSE, [SeedProfile(f"{one}@tea.test") for one in ("ann", "ben", "cas")])
    (theirs,) = sandbox.put_profiles(NORDLYS, [SeedProfile("dan@tea.test")])
    at = "/data/relationships/profiles/data"
    for body, pointer in ((merge(ann, ben, cas), at), (merge(ann), at), (merge(ann, ann), f"{at}/0/id")):
        answer = client.send("POST", "/api/profile-merge", body)
        assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    for body in (merge(ann, theirs), merge(theirs, ann)):
        assert client.send("POST", "/api/profile-merge", body).status_code == 404
    reading = Client(sandbox.url, sandbox.connect(TEA_HOUSE, "accounts:read profiles:read").access_token)
    assert reading.send("POST", "/api/profile-merge", merge(ann, ben)).status_code == 403
    assert len(sandbox.profiles(TEA_HOUSE)) == 3
