"""The pages show what arrived, escaped, and run nothing."""

from __future__ import annotations

import pytest
import requests

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, event

NASTY = '<script>alert("x")</script>'


def see(sandbox: Sandbox, path: str) -> requests.Response:
    return requests.get(sandbox.url + path, timeout=300)


@pytest.fixture
def ann(sandbox: Sandbox, client: Client) -> str:
    """Ann's profile id; everything about her that can be nasty is."""
    sandbox.put_lists(TEA_HOUSE, [SeedList(NASTY, "NwsLtr")])
    seed = SeedProfile(
        "ann@tea.test", first_name=NASTY, consent="SUBSCRIBED", lists=["NwsLtr"], properties={NASTY: NASTY}
    )
    (profile_id,) = sandbox.put_profiles(TEA_HOUSE, [seed])
    client.send("POST", "/api/events", event(metric=NASTY, properties={NASTY: [NASTY]}, value=9.5))
    condition = {
        "type": "profile-property",
        "property": "first_name",
        "filter": {"type": "existence", "operator": "is-set"},
    }
    definition = {"condition_groups": [{"conditions": [condition]}]}
    body = {"data": {"type": "segment", "attributes": {"name": NASTY, "definition": definition}}}
    assert client.send("POST", "/api/segments", body).status_code == 201
    return profile_id


def test_every_page_is_shown_and_escaped(sandbox: Sandbox, client: Client, ann: str) -> None:
    segment = client.get("/api/segments")["data"][0]["id"]
    here = f"/inspector/{TEA_HOUSE}"
    paths = [
        "/",
        "/inspector/calls",
        here,
        *(f"{here}/{one}" for one in ("events", "metrics", "lists", "segments", "keys")),
    ]
    for path in (*paths, f"{here}/people/{ann}", f"{here}/lists/NwsLtr", f"{here}/segments/{segment}"):
        page = see(sandbox, path)
        assert (page.status_code, "<script" in page.text) == (200, False), path
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


def test_a_person_shows_consent_lists_properties_and_events(sandbox: Sandbox, ann: str) -> None:
    page = see(sandbox, f"/inspector/{TEA_HOUSE}/people/{ann}").text
    for told in ("Subscribed", "Preference page", "&lt;script&gt;", "9.5", "Custom properties"):
        assert told in page


def test_people_are_searched_by_name_and_address(sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", first_name="Ann"), SeedProfile("ben@tea.test")])
    assert "ben@tea.test" not in see(sandbox, f"/inspector/{TEA_HOUSE}/people?q=ANN").text
    assert "Nobody matches" in see(sandbox, f"/inspector/{TEA_HOUSE}/people?q=nobody").text


@pytest.mark.parametrize(
    "path", ["/nothing", "/inspector/Nobody/people", f"/inspector/{TEA_HOUSE}/people/7", "/inspector"]
)
def test_what_is_not_there_is_a_404(sandbox: Sandbox, path: str) -> None:
    assert see(sandbox, path).status_code == 404


def test_the_style_is_a_file(sandbox: Sandbox) -> None:
    style = see(sandbox, "/sandbox/static/inspector.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert see(sandbox, "/sandbox/static/../world.py").status_code == 404
