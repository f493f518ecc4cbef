"""The official client, an independent caller, gets along with the sandbox: its models read every answer."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, bulk_events, event, profile

SPOKEN = {"24": "2026-07-15", "25": "2026-10-15"}


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return sdk(sandbox)


def sdk(sandbox: Sandbox, scope: str | None = None) -> Any:
    tokens = sandbox.connect(TEA_HOUSE) if scope is None else sandbox.connect(TEA_HOUSE, scope)
    made = KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=tokens.access_token)
    # Its transport would sleep through a 429 by itself.
    made.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
    return made


def email_filter(*addresses: str) -> str:
    listed = ",".join(f'"{one}"' for one in addresses)
    return f"any(email,[{listed}])"


def test_the_account_is_read(api: Any) -> None:
    account = api.Accounts.get_accounts().data[0]
    assert (account.id, account.attributes.preferred_currency) == (TEA_HOUSE, "EUR")
    assert api.Accounts.get_account(TEA_HOUSE).data.attributes.timezone == "Europe/Helsinki"
    assert account.attributes.contact_information.organization_name == "Tea House Ltd"


def test_it_is_answered_in_the_revision_that_it_speaks() -> None:
    seen: list[Exchange] = []
    with Sandbox(limits=False, observer=seen.append) as sandbox:
        sdk(sandbox).Accounts.get_accounts()
    assert [one.status for one in seen] == [200]
    assert seen[0].headers["revision"] == SPOKEN[version("klaviyo-api").partition(".")[0]]


def test_a_profile_is_made_changed_and_read_with_its_consent(api: Any) -> None:
    made = api.Profiles.create_or_update_profile(
        profile(email="ann+tea@tea.test", first_name="Ann", properties={"sorae_code": "AB12"}),
        additional_fields_profile=["subscriptions"],
    ).data
    assert made.attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"
    changed = api.Profiles.update_profile(
        made.id, {"data": {"type": "profile", "id": made.id, "attributes": {"last_name": "Lee"}}}
    ).data
    assert (changed.attributes.first_name, changed.attributes.last_name) == ("Ann", "Lee")
    found = api.Profiles.get_profiles(
        filter=email_filter("ANN+tea@tea.test", "nobody@tea.test"), additional_fields_profile=["subscriptions"]
    ).data
    assert [one.id for one in found] == [made.id]
    assert found[0].attributes.subscriptions.email.marketing.can_receive_email_marketing is True
    assert api.Profiles.get_profile(made.id).data.attributes.properties == {"sorae_code": "AB12"}


def test_events_one_by_one_and_many_at_once_are_read_back_with_metric_and_profile(api: Any, sandbox: Sandbox) -> None:
    api.Events.create_event(event(unique_id="c-1", value=9.5, value_currency="EUR", properties={"order": "1"}))
    api.Events.bulk_create_events(
        bulk_events(event(unique_id="c-2"), event("ben@tea.test", unique_id="c-3"), event(unique_id="c-1"))
    )
    metric = api.Metrics.get_metrics().data[0]
    assert metric.attributes.name == "Sorae Conversion"
    assert api.Metrics.get_metric(metric.id).data.id == metric.id
    read = api.Events.get_events(
        filter=f'equals(metric_id,"{metric.id}")', include=["metric", "profile"], sort="datetime"
    )
    ids = {one.attributes.event_properties["$event_id"] for one in read.data}
    assert ids == {"c-1", "c-2", "c-3"}
    assert {one["type"] for one in read.included} == {"metric", "profile"}
    assert api.Events.get_event(read.data[0].id).data.id == read.data[0].id
    assert {one.unique_id: one.received for one in sandbox.events(TEA_HOUSE)} == {"c-1": 2, "c-2": 1, "c-3": 1}


def test_a_list_lives_from_creation_to_deletion(api: Any) -> None:
    body = {"data": {"type": "list", "attributes": {"name": "Advocates", "opt_in_process": "single_opt_in"}}}
    made = api.Lists.create_list(body).data
    ann = api.Profiles.create_profile(profile(email="ann@tea.test")).data
    members = {"data": [{"type": "profile", "id": ann.id}]}
    api.Lists.add_profiles_to_list(made.id, members)
    assert api.Lists.get_list(made.id, additional_fields_list=["profile_count"]).data.attributes.profile_count == 1
    listed = api.Lists.get_profiles_for_list(made.id, filter=email_filter("ann@tea.test")).data
    assert listed[0].attributes.joined_group_at is not None
    assert [one.id for one in api.Lists.get_profile_ids_for_list(made.id).data] == [ann.id]
    assert [one.id for one in api.Profiles.get_lists_for_profile(ann.id).data] == [made.id]
    api.Lists.remove_profiles_from_list(made.id, members)
    assert api.Lists.get_profile_ids_for_list(made.id).data == []
    renamed = {"data": {"type": "list", "id": made.id, "attributes": {"name": "Friends"}}}
    assert api.Lists.update_list(made.id, renamed).data.attributes.name == "Friends"
    api.Lists.delete_list(made.id)
    assert api.Lists.get_lists().data == []


def test_subscribing_and_unsubscribing_change_consent(api: Any, sandbox: Sandbox) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test"), SeedProfile("ben@tea.test")])
    api.Profiles.bulk_subscribe_profiles(subscription("create", "SUBSCRIBED", "ann@tea.test", "NwsLtr"))
    ann = sandbox.profile(TEA_HOUSE, "ann@tea.test")
    assert ann
    assert (ann.consent, ann.lists) == ("SUBSCRIBED", ("NwsLtr",))
    api.Profiles.bulk_unsubscribe_profiles(subscription("delete", "UNSUBSCRIBED", "ben@tea.test", "NwsLtr"))
    ben = sandbox.profile(TEA_HOUSE, "ben@tea.test")
    assert ben
    assert (ben.consent, ben.can_receive) == ("UNSUBSCRIBED", False)


def test_suppression_jobs_are_started_and_read(api: Any, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED")])
    job = api.Profiles.bulk_suppress_profiles(suppression("create", "ann@tea.test")).data
    assert job.attributes.total_count == 0
    assert api.Profiles.get_bulk_suppress_profiles_job(job.id).data.attributes.completed_count == 1
    suppressed = api.Profiles.get_profiles(
        filter='equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")',
        additional_fields_profile=["subscriptions"],
    ).data
    marketing = suppressed[0].attributes.subscriptions.email.marketing
    assert (marketing.consent, marketing.can_receive_email_marketing) == ("SUBSCRIBED", False)
    lifted = api.Profiles.bulk_unsuppress_profiles(suppression("delete", "ann@tea.test")).data
    assert api.Profiles.get_bulk_unsuppress_profiles_job(lifted.id).data.attributes.status == "complete"
    assert len(api.Profiles.get_bulk_suppress_profiles_jobs().data) == 1


def test_an_import_job_tells_of_its_errors_and_its_profiles(api: Any) -> None:
    good = profile(email="ann@tea.test")["data"]
    stranger = {**profile(first_name="Nobody")["data"], "id": "01HZZZZZZZZZZZZZZZZZZZZZZZ"}
    job = api.Profiles.bulk_import_profiles(
        {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [good, stranger]}}}}
    ).data
    assert job.attributes.status == "queued"
    done = api.Profiles.get_bulk_import_profiles_job(job.id).data.attributes
    assert (done.status, done.completed_count, done.failed_count) == ("complete", 1, 1)
    errors = api.Profiles.get_errors_for_bulk_import_profiles_job(job.id).data
    assert errors[0].attributes.original_payload["first_name"] == "Nobody"
    people = api.Profiles.get_profiles_for_bulk_import_profiles_job(job.id).data
    assert [one.attributes.email for one in people] == ["ann@tea.test"]
    assert len(api.Profiles.get_bulk_import_profiles_jobs(filter='equals(status,"complete")').data) == 1


def test_a_segment_holds_the_people_whom_it_describes(api: Any, sandbox: Sandbox) -> None:
    ann, _ = sandbox.put_profiles(
        TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED"), SeedProfile("ben@tea.test")]
    )
    reachable = {
        "channel": "email",
        "can_receive_marketing": True,
        "consent_status": {"subscription": "subscribed"},
    }
    condition = {"type": "profile-marketing-consent", "consent": reachable}
    definition = {"condition_groups": [{"conditions": [condition]}]}
    made = api.Segments.create_segment(
        {"data": {"type": "segment", "attributes": {"name": "Reachable", "definition": definition}}}
    ).data
    assert [one.id for one in api.Segments.get_profiles_for_segment(made.id).data] == [ann]
    assert [one.id for one in api.Segments.get_segments().data] == [made.id]
    counted = api.Segments.get_segment(made.id, additional_fields_segment=["profile_count"]).data
    assert counted.attributes.profile_count == 1
    api.Segments.delete_segment(made.id)
    assert api.Segments.get_segments().data == []


def test_a_deletion_request_forgets_the_person(api: Any, sandbox: Sandbox) -> None:
    api.Events.create_event(event(unique_id="c-1"))
    person = {"data": {"type": "profile", "attributes": {"email": "ann@tea.test"}}}
    api.Data_Privacy.request_profile_deletion(
        {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": person}}}
    )
    assert sandbox.profiles(TEA_HOUSE) == []
    assert sandbox.events(TEA_HOUSE) == []


def test_pages_are_followed_to_the_end(api: Any, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(f"p{number}@tea.test") for number in range(45)])
    seen, cursor = [], None
    while True:
        page = api.Profiles.get_profiles(page_size=20, **({"page_cursor": cursor} if cursor else {}))
        seen += [one.attributes.email for one in page.data]
        if not page.links.next:
            break
        cursor = parse_qs(urlsplit(page.links.next).query)["page[cursor]"][0]
    assert seen == [f"p{number}@tea.test" for number in range(45)]


def test_a_malformed_address_is_a_400_with_its_pointer(api: Any) -> None:
    error = refused(api.Profiles.create_or_update_profile, profile(email="ann at tea"))
    assert (error.status, "/data/attributes/email" in error.body) == (400, True)


def test_a_dead_token_is_a_401(api: Any, sandbox: Sandbox) -> None:
    sandbox.expire_tokens(TEA_HOUSE)
    error = refused(api.Accounts.get_accounts)
    assert (error.status, "authentication_failed" in error.body) == (401, True)


def test_a_missing_scope_is_a_403(sandbox: Sandbox) -> None:
    error = refused(sdk(sandbox, "accounts:read").Lists.get_lists)
    assert (error.status, "permission_denied" in error.body, "lists:read" in error.body) == (403, True, True)


def test_an_unknown_profile_is_a_404(api: Any) -> None:
    error = refused(api.Profiles.get_profile, "01HZZZZZZZZZZZZZZZZZZZZZZZ")
    assert (error.status, "not_found" in error.body) == (404, True)


def test_a_second_profile_with_the_same_address_is_a_409_that_names_the_first(api: Any) -> None:
    first = api.Profiles.create_profile(profile(email="ann@tea.test")).data
    error = refused(api.Profiles.create_profile, profile(email="ANN@tea.test"))
    assert (error.status, f'"duplicate_profile_id":"{first.id}"' in error.body) == (409, True)


def test_one_call_too_many_is_a_429_with_nothing_but_retry_after(sandbox: Sandbox) -> None:
    sandbox.settings(limits=True)
    with time_machine.travel("2026-11-20T10:00:30Z", tick=False):
        api = sdk(sandbox)
        api.Accounts.get_accounts()
        error = refused(api.Accounts.get_accounts)
    assert error.status == 429
    assert error.headers["Retry-After"] == "1"
    assert "RateLimit-Limit" not in error.headers


def test_an_address_with_a_plus_is_found(api: Any, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann+tea@tea.test")])
    assert len(api.Profiles.get_profiles(filter=email_filter("ann+tea@tea.test")).data) == 1


def test_a_bad_event_of_many_is_pointed_at(api: Any, sandbox: Sandbox) -> None:
    bad = event("ben@tea.test", time="2040-01-01T00:00:00Z")
    error = refused(api.Events.bulk_create_events, bulk_events(event(unique_id="c-1"), bad))
    at = "/data/attributes/events-bulk-create/data/1/attributes/events/data/0/attributes/time"
    assert (error.status, [one.source.pointer for one in error.data.errors]) == (400, [at])
    assert sandbox.events(TEA_HOUSE) == []


def refused(call: Any, *args: Any) -> Any:
    with pytest.raises(ApiException) as caught:
        call(*args)
    return caught.value


def subscription(verb: str, consent: str, email: str, list_id: str) -> dict[str, Any]:
    said = {"email": {"marketing": {"consent": consent}}}
    people = {"data": [{"type": "profile", "attributes": {"email": email, "subscriptions": said}}]}
    return {
        "data": {
            "type": f"profile-subscription-bulk-{verb}-job",
            "attributes": {"profiles": people},
            "relationships": {"list": {"data": {"type": "list", "id": list_id}}},
        }
    }


def suppression(verb: str, email: str) -> dict[str, Any]:
    people = {"data": [{"type": "profile", "attributes": {"email": email}}]}
    return {"data": {"type": f"profile-suppression-bulk-{verb}-job", "attributes": {"profiles": people}}}
