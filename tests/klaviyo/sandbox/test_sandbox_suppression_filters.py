"""Suppressed people are found by why and since when, and come in the order of the times."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from klaviyo_api import KlaviyoAPI

from klaviyo.sandbox import Sandbox, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client

MARKETING = "subscriptions.email.marketing"
REASON = f"{MARKETING}.suppression.reason"
AT = f"{MARKETING}.suppression.timestamp"


@pytest.fixture
def suppressed(sandbox: Sandbox) -> None:
    """Ann bounced and was suppressed later; Ben was suppressed before; Cid is not."""
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(f"{name}@tea.test") for name in ("ann", "ben", "cid")])
    for day, name, to in ((10, "ann", "bounced"), (11, "ben", "suppressed"), (12, "ann", "suppressed")):
        with time_machine.travel(f"2026-11-{day}T10:00:00Z", tick=False):
            sandbox.flip(TEA_HOUSE, f"{name}@tea.test", to)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (f'equals({REASON},"HARD_BOUNCE")', ["ann"]),
        (f"greater-than({AT},2026-11-11T10:00:00Z)", ["ann"]),
        (f"greater-or-equal({AT},2026-11-11T10:00:00Z)", ["ann", "ben"]),
        (f"greater-than({AT},2026-11-10T10:00:00Z),less-than({AT},2026-11-12T10:00:00Z)", ["ben"]),
        (f'equals({REASON},"HARD_BOUNCE"),greater-than({AT},2026-11-11T00:00:00Z)', []),
        (f'equals({REASON},"USER_SUPPRESSED"),less-or-equal({AT},2026-11-11T10:00:00Z)', ["ben"]),
        (f'equals(email,"ann@tea.test"),less-than({AT},2026-11-11T00:00:00Z)', ["ann"]),
    ],
)
@pytest.mark.usefixtures("suppressed")
def test_what_is_asked_of_a_suppression_must_hold_for_one_of_them(
    client: Client, filters: str, found: list[str]
) -> None:
    people = client.get(f"/api/profiles?filter={filters}")["data"]
    assert [one["attributes"]["email"].partition("@")[0] for one in people] == found


@pytest.mark.usefixtures("suppressed")
def test_the_times_order_people_over_pages_for_the_official_client_too(sandbox: Sandbox, client: Client) -> None:
    first = client.get(f"/api/profiles?filter=greater-than({AT},2026-01-01)&sort=-{AT}&page[size]=1")
    second = client.get(first["links"]["next"].removeprefix(client.url))
    assert [page["data"][0]["attributes"]["email"] for page in (first, second)] == ["ann@tea.test", "ben@tea.test"]
    assert second["links"]["next"] is None
    token = sandbox.connect(TEA_HOUSE).access_token
    api: Any = KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=token)
    read = api.Profiles.get_profiles(filter=f"greater-than({AT},2026-01-01)", sort=AT).data
    assert [one.attributes.email for one in read] == ["ben@tea.test", "ann@tea.test"]


@pytest.mark.parametrize(
    "filters",
    [
        f"greater-than({AT},2026-11-01),greater-or-equal({AT},2026-11-02)",
        f'equals({AT},"2026-11-01")',
        f'any({REASON},["HARD_BOUNCE"])',
        f'equals({REASON},"HARD_BOUNCE"),equals({MARKETING}.list_suppressions.list_id,"NwsLtr")',
        f"greater-than({MARKETING}.list_suppressions.timestamp,2026-11-01)",
    ],
)
def test_a_filter_that_klaviyo_does_not_know_is_refused(client: Client, filters: str) -> None:
    answer = client.send("GET", f"/api/profiles?filter={filters}")
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"parameter": "filter"})
