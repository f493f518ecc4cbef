"""Who may be mailed, and what changes it."""

from __future__ import annotations

from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile, SeenProfile
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
SUPPRESS = "/api/profile-suppression-bulk-create-jobs"
UNSUPPRESS = "/api/profile-suppression-bulk-delete-jobs"


def said(verb: str, consent: str, email: str, list_id: str | None = None, **job: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"consent": consent, **({"consented_at": job.pop("at")} if "at" in job else {})}
    attributes = {"email": email, "subscriptions": {"email": {"marketing": told}}}
    data: dict[str, Any] = {
        "type": f"profile-subscription-bulk-{verb}-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}, **job},
    }
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def suppression(verb: str, *emails: str) -> dict[str, Any]:
    people = [{"type": "profile", "attributes": {"email": one}} for one in emails]
    return {"data": {"type": f"profile-suppression-bulk-{verb}-job", "attributes": {"profiles": {"data": people}}}}


def person(sandbox: Sandbox, email: str = "ann@tea.test", account: str = TEA_HOUSE) -> SeenProfile:
    found = sandbox.profile(account, email)
    assert found
    return found


def test_subscribing_lifts_what_the_person_did_and_not_what_the_mailbox_said(client: Client, sandbox: Sandbox) -> None:
    reasons = ["UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED", "HARD_BOUNCE", "INVALID_EMAIL"]
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="UNSUBSCRIBED", suppressions=reasons)])
    body = said("create", "SUBSCRIBED", "ann@tea.test", custom_source="Sorae opt-in")
    assert client.send("POST", SUBSCRIBE, body).status_code == 202
    ann = person(sandbox)
    assert (ann.consent, set(ann.suppressions), ann.can_receive) == (
        "SUBSCRIBED",
        {"HARD_BOUNCE", "INVALID_EMAIL"},
        False,
    )


def test_a_double_opt_in_list_leaves_consent_as_it_was_until_the_click(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "DblOpt", "double_opt_in")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test")])
    client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", "ann@tea.test", "DblOpt"))
    assert (person(sandbox).consent, person(sandbox).lists) == ("NEVER_SUBSCRIBED", ())
    assert sandbox.confirm(TEA_HOUSE, "ann@tea.test")
    assert (person(sandbox).consent, person(sandbox).lists) == ("SUBSCRIBED", ("DblOpt",))


def test_without_a_list_the_account_decides_about_double_opt_in(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(NORDLYS, [SeedProfile("ann@tea.test")])
    client.token = sandbox.connect(NORDLYS).access_token
    client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", "ann@tea.test"))
    assert person(sandbox, account=NORDLYS).consent == "NEVER_SUBSCRIBED"


def test_a_historical_import_skips_the_click_and_needs_a_time_in_the_past(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "DblOpt", "double_opt_in")])
    refused = [
        said("create", "SUBSCRIBED", "ann@tea.test", "DblOpt", historical_import=True),
        said("create", "SUBSCRIBED", "ann@tea.test", "DblOpt", historical_import=True, at="2999-01-01T00:00:00Z"),
        said("create", "SUBSCRIBED", "ann@tea.test", "DblOpt", at="2026-01-01T00:00:00Z"),
    ]
    assert [client.send("POST", SUBSCRIBE, body).status_code for body in refused] == [400, 400, 400]
    good = said("create", "SUBSCRIBED", "ann@tea.test", "DblOpt", historical_import=True, at="2026-01-01T00:00:00Z")
    assert client.send("POST", SUBSCRIBE, good).status_code == 202
    assert person(sandbox).consent == "SUBSCRIBED"


def test_a_new_address_without_a_list_never_becomes_a_profile(client: Client, sandbox: Sandbox) -> None:
    assert client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", "new@tea.test")).status_code == 202
    assert sandbox.profile(TEA_HOUSE, "new@tea.test") is None


def test_a_member_who_unsubscribes_from_a_list_is_off_that_list_only(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED", lists=["NwsLtr"])])
    client.send("POST", UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", "ann@tea.test", "NwsLtr"))
    ann = person(sandbox)
    assert (ann.consent, ann.lists, ann.list_suppressions) == ("SUBSCRIBED", (), ("NwsLtr",))


def test_a_stranger_to_the_list_is_unsubscribed_everywhere(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED")])
    client.send("POST", UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", "ann@tea.test", "NwsLtr"))
    assert (person(sandbox).consent, person(sandbox).suppressions) == ("UNSUBSCRIBED", ("UNSUBSCRIBE",))


def test_unsuppressing_lifts_only_what_the_user_suppressed(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", suppressions=["USER_SUPPRESSED", "HARD_BOUNCE"])])
    assert client.send("POST", UNSUPPRESS, suppression("delete", "ann@tea.test")).status_code == 202
    assert person(sandbox).suppressions == ("HARD_BOUNCE",)


def test_everybody_on_a_list_is_suppressed_by_naming_the_list(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"]), SeedProfile("ben@tea.test")])
    body: dict[str, Any] = suppression("create")
    del body["data"]["attributes"]["profiles"]
    assert client.send("POST", SUPPRESS, body).status_code == 400
    body["data"]["relationships"] = {"list": {"data": {"type": "list", "id": "NwsLtr"}}}
    assert client.send("POST", SUPPRESS, body).status_code == 202
    assert person(sandbox).suppressions == ("USER_SUPPRESSED",)
    assert person(sandbox, "ben@tea.test").suppressions == ()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SUBSCRIBE, said("create", "UNSUBSCRIBED", "ann@tea.test")),
        (UNSUBSCRIBE, said("delete", "SUBSCRIBED", "ann@tea.test")),
        (SUPPRESS, suppression("create", *(f"p{number}@tea.test" for number in range(101)))),
        (SUBSCRIBE, said("create", "SUBSCRIBED", "ann@tea.test", "NoList")),
    ],
)
def test_a_consent_call_that_does_not_fit_changes_nothing(
    client: Client, sandbox: Sandbox, path: str, body: dict[str, Any]
) -> None:
    assert client.send("POST", path, body).status_code in (400, 404)
    assert sandbox.profiles(TEA_HOUSE) == []


def test_suppressed_people_are_found_by_reason_time_and_list(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(
        TEA_HOUSE,
        [
            SeedProfile("ann@tea.test", suppressions=["HARD_BOUNCE"]),
            SeedProfile("ben@tea.test", list_suppressions=["NwsLtr"]),
            SeedProfile("cas@tea.test"),
        ],
    )
    marketing = "subscriptions.email.marketing"

    def found(filters: str) -> list[str]:
        return [one["attributes"]["email"] for one in client.get(f"/api/profiles?filter={filters}")["data"]]

    assert found(f'equals({marketing}.suppression.reason,"HARD_BOUNCE")') == ["ann@tea.test"]
    assert found(f"greater-than({marketing}.suppression.timestamp,2020-01-01)") == ["ann@tea.test"]
    assert found(f'equals({marketing}.list_suppressions.list_id,"NwsLtr")') == ["ben@tea.test"]
    alone = client.send("GET", f'/api/profiles?filter=equals({marketing}.list_suppressions.reason,"UNSUBSCRIBE")')
    assert alone.status_code == 400
