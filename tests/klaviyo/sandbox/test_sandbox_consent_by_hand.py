"""A person's consent changed by hand, seen by the API, by the pages and by whoever forgets them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, profile
from tests.klaviyo.sandbox.test_sandbox_consent import SUBSCRIBE, said
from tests.klaviyo.sandbox.webhook_endpoint import endpoint, webhook

ANN = "ann@tea.test"


def control(sandbox: Sandbox, path: str, body: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/sandbox/accounts/{path}", json=body, timeout=300)


@pytest.fixture
def ann(sandbox: Sandbox) -> str:
    """Ann's profile id; she is subscribed."""
    (profile_id,) = sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN, consent="SUBSCRIBED")])
    return profile_id


@pytest.mark.parametrize(
    ("to", "consent", "suppressions", "can_receive"),
    [
        ("subscribed", "SUBSCRIBED", (), True),
        ("unsubscribed", "UNSUBSCRIBED", ("UNSUBSCRIBE",), False),
        ("suppressed", "SUBSCRIBED", ("USER_SUPPRESSED",), False),
        ("spam", "SUBSCRIBED", ("SPAM_COMPLAINT",), False),
        ("bounced", "SUBSCRIBED", ("HARD_BOUNCE",), False),
        ("unsuppressed", "SUBSCRIBED", (), True),
        ("never_subscribed", "NEVER_SUBSCRIBED", (), True),
    ],
)
def test_a_flip_is_what_the_api_reads_next(
    client: Client, sandbox: Sandbox, ann: str, to: str, consent: str, suppressions: tuple[str, ...], can_receive: bool
) -> None:
    flipped = sandbox.flip(TEA_HOUSE, "ANN@tea.test", to)
    assert (flipped.consent, flipped.suppressions, flipped.can_receive) == (consent, suppressions, can_receive)
    read = client.get(f"/api/profiles/{ann}?additional-fields[profile]=subscriptions")["data"]["attributes"]
    marketing = read["subscriptions"]["email"]["marketing"]
    assert (marketing["consent"], marketing["can_receive_email_marketing"]) == (consent, can_receive)
    assert tuple(one["reason"] for one in marketing["suppression"]) == suppressions


def test_a_flip_and_back_is_as_it_was_and_a_bounce_stays(sandbox: Sandbox, ann: str) -> None:
    sandbox.flip(TEA_HOUSE, ANN, "unsubscribed")
    assert sandbox.flip(TEA_HOUSE, ANN, "subscribed").can_receive
    sandbox.flip(TEA_HOUSE, ANN, "bounced")
    assert sandbox.flip(TEA_HOUSE, ANN, "subscribed").suppressions == ("HARD_BOUNCE",)
    assert sandbox.flip(TEA_HOUSE, ANN, "unsuppressed").can_receive


def test_a_flip_fires_the_webhook_once(sandbox: Sandbox, client: Client, ann: str) -> None:
    fitting = {
        "unsubscribed": "unsubscribed_from_email_marketing",
        "subscribed": "subscribed_to_email_marketing",
        "suppressed": "manually_suppressed_from_email_marketing",
        "unsuppressed": "manually_unsuppressed_from_email_marketing",
        "spam": "marked_email_as_spam",
        "bounced": "bounced_email",
        "never_subscribed": "updated_email_preferences",
    }
    with endpoint() as hook:
        client.send("POST", "/api/webhooks", webhook(hook.url, *fitting.values()))
        for to in fitting:
            sandbox.flip(TEA_HOUSE, ANN, to)
            sandbox.flip(TEA_HOUSE, ANN, to)
        assert sandbox.wait_for_webhooks()
        assert hook.told == [(one, ANN) for one in fitting.values()]


def test_the_control_api_flips_and_says_clearly_whom_it_does_not_know(sandbox: Sandbox, ann: str) -> None:
    answer = control(sandbox, f"{TEA_HOUSE}/flip", {"email": ANN, "to": "spam"})
    assert (answer.status_code, answer.json()["suppressions"]) == (200, ["SPAM_COMPLAINT"])
    unknown = control(sandbox, f"{TEA_HOUSE}/flip", {"email": "nobody@tea.test", "to": "spam"})
    detail = unknown.json()["errors"][0]["detail"]
    assert (unknown.status_code, detail) == (404, "Nobody in the account VxYz12 has this e-mail address.")
    assert control(sandbox, f"{TEA_HOUSE}/flip", {"email": ANN, "to": "sideways"}).status_code == 400
    with pytest.raises(ValueError, match="sideways"):
        sandbox.flip(TEA_HOUSE, ANN, "sideways")


def test_the_control_api_shows_webhooks_and_tells_the_last_body_again(
    sandbox: Sandbox, client: Client, ann: str
) -> None:
    with endpoint() as hook:
        client.send("POST", "/api/webhooks", webhook(hook.url, "bounced_email"))
        control(sandbox, f"{TEA_HOUSE}/flip", {"email": ANN, "to": "bounced"})
        assert sandbox.wait_for_webhooks()
        assert control(sandbox, f"{TEA_HOUSE}/redeliver", {}).json() == {"changes": 1}
        assert sandbox.wait_for_webhooks()
        assert len(hook.bodies) == 2
    here = f"{sandbox.url}/sandbox/accounts/{TEA_HOUSE}"
    assert requests.get(f"{here}/webhooks", timeout=300).json()["webhooks"][0]["endpoint_url"] == hook.url
    assert requests.get(f"{here}/deliveries", timeout=300).json()["deliveries"][0]["state"] == "delivered"


def test_the_buttons_of_a_person_change_consent_and_come_back(sandbox: Sandbox, ann: str) -> None:
    where = f"{sandbox.url}/inspector/{TEA_HOUSE}/people/{ann}"
    page = requests.get(where, timeout=300).text
    form = re.search(r'<form method="post" action="([^"]+)"', page)
    assert form
    assert set(re.findall(r'name="to" value="(\w+)"', page)) >= {"subscribed", "unsubscribed", "bounced"}
    answer = requests.post(sandbox.url + form[1], data={"to": "unsubscribed"}, timeout=300)
    assert (answer.url, answer.history[0].status_code) == (where, 303)
    assert "Unsubscribed From Email Marketing" in answer.text
    seen = sandbox.profile(TEA_HOUSE, ANN)
    assert seen
    assert seen.consent == "UNSUBSCRIBED"


def test_buttons_that_are_not_there_change_nothing(sandbox: Sandbox, ann: str) -> None:
    before = sandbox.profiles(TEA_HOUSE)
    people = f"{sandbox.url}/inspector/{TEA_HOUSE}/people"
    theirs = f"{sandbox.url}/inspector/{NORDLYS}/people/{ann}/flip"
    good = {"to": "unsubscribed"}
    statuses = [
        requests.post(f"{people}/{ann}/flip", data={"to": "sideways"}, timeout=300).status_code,
        requests.post(f"{people}/7/flip", data=good, timeout=300).status_code,
        requests.post(theirs, data=good, timeout=300).status_code,
        requests.get(f"{people}/{ann}/flip", timeout=300).status_code,
        requests.post(
            f"{people}/{ann}/flip", data=good, headers={"Sec-Fetch-Site": "cross-site"}, timeout=300
        ).status_code,
    ]
    assert (statuses, sandbox.profiles(TEA_HOUSE)) == ([404, 404, 404, 404, 403], before)


def test_klaviyos_address_of_a_profile_leads_to_its_page(sandbox: Sandbox, ann: str) -> None:
    found = requests.get(f"{sandbox.url}/profile/{ann}", timeout=300)
    assert (found.status_code, found.url) == (200, f"{sandbox.url}/inspector/{TEA_HOUSE}/people/{ann}")
    assert requests.get(f"{sandbox.url}/profile/01HZZZZZZZZZZZZZZZZZZZZZZZ", timeout=300).status_code == 404


def test_a_deleted_person_is_gone_from_everywhere(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "DblOpt", "double_opt_in")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN, lists=["DblOpt"])])
    client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", ANN, "DblOpt"))
    failed = {**profile(email="ANN@tea.test")["data"], "id": "01HZZZZZZZZZZZZZZZZZZZZZZZ"}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [failed]}}}}
    job = client.send("POST", "/api/profile-bulk-import-jobs", body).json()["data"]["id"]
    with endpoint() as hook:
        client.send("POST", "/api/webhooks", webhook(hook.url, "bounced_email"))
        sandbox.settings(webhook_delay=3600)
        sandbox.flip(TEA_HOUSE, ANN, "bounced")
        person = {"data": {"type": "profile", "attributes": {"email": ANN}}}
        deletion = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": person}}}
        assert client.send("POST", "/api/data-privacy-deletion-jobs", deletion).status_code == 202
        sandbox.settings(webhook_delay=0)
        assert sandbox.wait_for_webhooks()
        assert hook.told == []
    assert sandbox.profile(TEA_HOUSE, ANN) is None
    assert sandbox.lists(TEA_HOUSE)[0].members == ()
    assert client.get(f"/api/profile-bulk-import-jobs/{job}/import-errors")["data"] == []
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN)])
    assert not sandbox.confirm(TEA_HOUSE, ANN)
