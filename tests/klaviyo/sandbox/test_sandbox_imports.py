"""The life of a bulk import: it waits, works and ends, sometimes badly. The official client looks on."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from openapi_client.exceptions import ApiException

from klaviyo.sandbox import Sandbox, SeedList
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, profile
from tests.klaviyo.sandbox.test_sandbox_contract import sdk


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return sdk(sandbox)


def job(number: int, list_id: str = "") -> dict[str, Any]:
    listed = [profile(email=f"{index}@tea.test", first_name="Ann")["data"] for index in range(number)]
    data: dict[str, Any] = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": listed}}}
    if list_id:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return {"data": data}


def cursor_of(link: str | None) -> str | None:
    return parse_qs(urlsplit(link).query)["page[cursor]"][0] if link else None


def state(api: Any, job_id: str) -> tuple[str, int, int]:
    told = api.Profiles.get_bulk_import_profiles_job(job_id).data.attributes
    return told.status, told.completed_count, told.failed_count


def test_a_job_is_complete_at_the_first_look(api: Any, sandbox: Sandbox) -> None:
    told = api.Profiles.bulk_import_profiles(job(3)).data
    assert (told.attributes.status, told.attributes.total_count) == ("queued", 3)
    assert state(api, told.id) == ("complete", 3, 0)
    assert len(sandbox.profiles(TEA_HOUSE)) == 3


def test_a_job_takes_its_time_when_told_to(api: Any, sandbox: Sandbox) -> None:
    sandbox.settings(import_seconds=30)
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        made = api.Profiles.bulk_import_profiles(job(2)).data.id
        seen = []
        for _ in range(4):
            seen.append(state(api, made)[0])
            clock.shift(10)
        listed = api.Profiles.get_bulk_import_profiles_jobs(filter='equals(status,"complete")').data
        told = api.Profiles.get_bulk_import_profiles_job(made).data.attributes
    assert seen == ["queued", "processing", "processing", "complete"]
    assert [one.id for one in listed] == [made]
    assert (told.started_at.second, told.completed_at.second) == (10, 30)


def test_an_unfinished_job_has_no_people_and_no_errors_to_show_it_by_mistake(api: Any, sandbox: Sandbox) -> None:
    sandbox.settings(import_seconds=60)
    sandbox.fault("bulk_import_profiles", "import_errors", items=1)
    made = api.Profiles.bulk_import_profiles(job(2)).data.id
    assert state(api, made) == ("queued", 0, 0)
    sandbox.settings(import_seconds=0)
    assert state(api, made) == ("complete", 1, 1)


def test_a_job_may_be_cancelled_and_has_imported_nobody(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_import_profiles", "import_cancelled")
    made = api.Profiles.bulk_import_profiles(job(2)).data.id
    assert state(api, made) == ("cancelled", 0, 0)
    assert sandbox.profiles(TEA_HOUSE) == []


def test_a_job_may_be_forgotten(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_import_profiles", "import_forgotten")
    made = api.Profiles.bulk_import_profiles(job(2)).data.id
    with pytest.raises(ApiException) as refused:
        api.Profiles.get_bulk_import_profiles_job(made)
    assert refused.value.status == 404
    assert sandbox.profiles(TEA_HOUSE) == []


def test_a_job_may_end_in_a_word_that_nobody_knows(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_import_profiles", "import_status", status="mulling_over")
    made = client.send("POST", "/api/profile-bulk-import-jobs", job(2)).json()["data"]["id"]
    assert client.get(f"/api/profile-bulk-import-jobs/{made}")["data"]["attributes"]["status"] == "mulling_over"


def test_errors_are_paged_with_what_was_sent(api: Any, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_import_profiles", "import_errors", items=120)
    made = api.Profiles.bulk_import_profiles(job(130)).data.id
    assert state(api, made) == ("complete", 10, 120)
    assert len(api.Profiles.get_errors_for_bulk_import_profiles_job(made).data) == 20
    addresses: list[str] = []
    cursor = None
    for _ in range(2):
        page = api.Profiles.get_errors_for_bulk_import_profiles_job(made, page_size=100, page_cursor=cursor)
        addresses += [one.attributes.original_payload["email"] for one in page.data]
        cursor = cursor_of(page.links.next)
    assert (cursor, addresses) == (None, [f"{index}@tea.test" for index in range(120)])
    assert [one.email for one in sandbox.profiles(TEA_HOUSE)] == [f"{index}@tea.test" for index in range(120, 130)]


def test_whom_a_job_imported_is_paged_in_its_order_and_on_its_list(api: Any, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Advocates", "AdVcts")])
    made = api.Profiles.bulk_import_profiles(job(25, "AdVcts")).data.id
    first = api.Profiles.get_profiles_for_bulk_import_profiles_job(made)
    second = api.Profiles.get_profiles_for_bulk_import_profiles_job(made, page_cursor=cursor_of(first.links.next))
    imported = [one.attributes.email for one in (*first.data, *second.data)]
    assert imported == [f"{index}@tea.test" for index in range(25)]
    assert sandbox.lists(TEA_HOUSE)[0].members == tuple(imported)


def test_importing_again_changes_and_does_not_double(api: Any, sandbox: Sandbox) -> None:
    for _ in range(2):
        api.Profiles.bulk_import_profiles(job(3))
    twice = job(1)
    twice["data"]["attributes"]["profiles"]["data"] += [profile(email="0@TEA.test", last_name="Lee")["data"]]
    api.Profiles.bulk_import_profiles(twice)
    assert [one.last_name for one in sandbox.profiles(TEA_HOUSE)] == ["Lee", None, None]
    assert {one.first_name for one in sandbox.profiles(TEA_HOUSE)} == {"Ann"}
