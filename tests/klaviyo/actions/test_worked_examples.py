"""Worked examples: what Klaviyo is asked, to the letter, and what comes of it."""

import base64
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.api.outcome import Outcome
from integrations.models import Connection
from klaviyo import actions
from klaviyo.actions import queue
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from tests.klaviyo.actions.ways import WAYS
from tests.klaviyo.actions.world import World
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

BEGINNING = b"\x89PNG\r\n\x1a\n"
APPENDED = {
    "type",
    "id",
    "reference",
    "anonymous_id",
    "list_name",
    "created_time",
    "updated_time",
    "last_event_date",
    "custom",
    "email_marketing_consent_status",
    "email_marketing_subscription_method",
    "email_marketing_subscription_suppression_reason",
    "email_marketing_subscription_suppression_timestamp",
    "email_marketing_suppression_list_id",
    "email_marketing_suppression_list_reason",
    "email_marketing_suppression_list_timestamp",
    "sms_marketing_consent_status",
    "sms_marketing_timestamp",
    "sms_marketing_method",
    "sms_marketing_method_details",
    "self_links",
}
SAID = {"opt_in": "At our stand in Helsinki, 2026-08-01"}

Sent = Callable[[], list[Exchange]]
Run = Callable[..., Outcome]  # its name, perhaps a key, and what it is given


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(world: World, way: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(queue, "tell", lambda row: queue.go_on(row.pk))  # a worker that is quick

    def done(name: str, key: str = "", /, **given: Any) -> Outcome:
        return WAYS[way](world, name, given, key)

    return done


@pytest.fixture(autouse=True)
def asked_before(request: pytest.FixtureRequest) -> None:
    if "world" in request.fixturenames:
        request.getfixturevalue("world").exchanges.clear()


def seen(world: World) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in world.exchanges]


def test_a_person_is_found_in_either_spelling(world: World, run: Run) -> None:
    [id] = world.sandbox.put_profiles(TEA, [SeedProfile(email="a+b@x.example")])
    told = run("get_profiles", email="A+b@x.example")
    assert (told.outcome, told.data["id"]) == ("success", id)
    [asked] = world.exchanges
    assert (asked.method, asked.path) == ("GET", "/api/profiles")
    query = parse_qs(asked.query)
    assert query["filter"] == ['any(email,["A+b@x.example","a+b@x.example"])']
    assert query["additional-fields[profile]"] == ["subscriptions"]
    assert "filter=any%28email%2C%5B%22A%2Bb%40x.example%22%2C%22a%2Bb%40x.example%22%5D%29" in asked.query
    assert set(told.data) >= APPENDED
    columns = told.document()["errors"]
    assert set(columns) >= {"id", "code", "title", "detail", "pointer", "meta"}
    assert {len(column) for column in columns.values()} == {0}


@pytest.mark.parametrize(
    ("handling", "chosen"),
    [
        ("newest update date", "01NEW"),
        ("earliest update date", "01OLD"),
        ("newest creation date", "01OLD"),
        ("earliest creation date", "01NEW"),
    ],
)
def test_of_two_profiles_the_one_that_is_meant(
    world: World, run: Run, spoil: Spoil, handling: str, chosen: str
) -> None:
    def profile(id: str, created: str, updated: str) -> dict[str, Any]:
        return {"type": "profile", "id": id, "attributes": {"created": created, "updated": updated}}

    # As texts the times stand in another order than as moments.
    two = [
        profile("01OLD", "2026-05-01T12:00:00+00:00", "2026-07-01T12:00:00+05:00"),
        profile("01NEW", "2026-04-01T12:00:00+00:00", "2026-07-01T11:00:00+00:00"),
    ]
    spoil("get_profiles", lambda document: {**document, "data": two})
    told = run("get_profiles", external_id="a-1", profile_handling=handling)
    other = ({"01OLD", "01NEW"} - {chosen}).pop()
    assert (told.outcome, told.data["id"], told.data["also_found"]) == ("success", chosen, [other])
    assert seen(world) == [("GET", "/api/profiles")]
    none_meant = run("get_profiles", external_id="a-1")
    assert (none_meant.outcome, none_meant.code) == ("failure", "several_profiles")
    assert none_meant.data == {"profile_ids": ["01OLD", "01NEW"]}


def test_nobody_is_found(world: World, run: Run) -> None:
    told = run("get_profiles", email="nobody@x.example")
    assert (told.outcome, told.code, told.is_known) == ("failure", "not_found", True)


def test_adding_to_a_list_by_id_is_one_request_and_no_consent(world: World, run: Run) -> None:
    list_id, profile = world.list(), world.profile()
    world.exchanges.clear()
    told = run("add_profile_to_list", klaviyo_id=profile["id"], list_id=list_id)
    assert told.outcome == "success"
    assert seen(world) == [("POST", f"/api/lists/{list_id}/relationships/profiles")]
    assert world.exchanges[0].json == {"data": [{"type": "profile", "id": profile["id"]}]}
    there = world.sdk.Profiles.get_profile(profile["id"], additional_fields_profile=["subscriptions"]).data
    assert there.attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"


def test_an_address_that_is_taken(world: World, run: Run) -> None:
    profile = world.profile()
    email = profile["data"]["attributes"]["email"]
    world.exchanges.clear()
    told = run("create_profile", email=email, first_name="Ann")
    assert (told.outcome, told.code) == ("failure", "duplicate_profile")
    assert told.data["duplicate_profile_id"] == profile["id"]
    assert told.errors[0].pointer == "/data/attributes"
    assert [one.status for one in world.exchanges] == [409]
    went_on = run("create_profile", email=email, first_name="Ann", if_exists="update")
    assert (went_on.outcome, went_on.data["id"]) == ("success", profile["id"])
    assert seen(world)[1:] == [("POST", "/api/profiles"), ("PATCH", f"/api/profiles/{profile['id']}")]


def test_an_update_clears_what_it_names_and_nothing_else(world: World, run: Run, way: str) -> None:
    external_id = f"a-7-{way}"
    profile = world.profile(external_id=external_id, title="Dr", organization="Tea House", first_name="Ann")
    world.exchanges.clear()
    told = run(
        "update_profile",
        external_id=external_id,
        identifier="external_id",
        clear=["title"],
        last_name="Lee",
    )
    assert told.outcome == "success"
    assert seen(world) == [("GET", "/api/profiles"), ("PATCH", f"/api/profiles/{profile['id']}")]
    assert world.exchanges[1].json["data"]["attributes"] == {"last_name": "Lee", "title": None}
    there = world.sdk.Profiles.get_profile(profile["id"]).data.attributes
    assert (there.title, there.organization, there.first_name) == (None, "Tea House", "Ann")


@pytest.mark.parametrize("is_member", [True, False])
def test_a_segment_is_asked_by_the_profiles_id(world: World, run: Run, way: str, is_member: bool) -> None:
    segment = world.segment()
    external_id = f"s-{is_member}-{way}"
    profile = world.profile(external_id=external_id, **({"properties": {"sorae_code": "AB"}} if is_member else {}))
    world.exchanges.clear()
    told = run("get_segment_profiles", segment_id=segment, external_id=external_id)
    assert (told.outcome, told.data["is_member"]) == ("success", is_member)
    assert seen(world) == [("GET", "/api/profiles"), ("GET", f"/api/segments/{segment}/profiles")]
    assert parse_qs(world.exchanges[1].query)["filter"] == [f'any(profile_id,["{profile["id"]}"])']


def test_who_has_unsubscribed_is_not_subscribed(world: World, run: Run) -> None:
    list_id = world.list()
    email = world.email()
    world.sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="UNSUBSCRIBED", said_at="2026-11-22T10:00:00Z")])
    world.exchanges.clear()
    told = run("subscribe_profile_to_list", list_id=list_id, email=email, channels=["email"], **SAID)
    assert (told.outcome, told.code) == ("failure", "has_said_no")
    assert seen(world) == [("GET", "/api/profiles")]


def test_who_is_not_on_the_list_is_left_out_of_an_unsubscribe(world: World, run: Run) -> None:
    list_id = world.list()
    on_it, off_it = [world.email(), world.email()], world.email()
    world.sandbox.put_profiles(TEA, [SeedProfile(email=one, consent="SUBSCRIBED", lists=[list_id]) for one in on_it])
    world.sandbox.put_profiles(TEA, [SeedProfile(email=off_it, consent="SUBSCRIBED")])
    world.exchanges.clear()
    people = [{"email": one} for one in (on_it[0], off_it, on_it[1])]
    told = run("unsubscribe_profiles", list_id=list_id, profiles=people)
    [left_out] = [one for one in told.warnings if one.pointer]
    assert (told.outcome, left_out.code, left_out.pointer) == ("success", "not_on_list", "/profiles/1")
    assert [path for _, path in seen(world)] == [
        f"/api/lists/{list_id}/profiles",
        "/api/profile-subscription-bulk-delete-jobs",
    ]
    named = world.exchanges[1].json["data"]["attributes"]["profiles"]["data"]
    assert [one["attributes"]["email"] for one in named] == on_it


def test_twenty_five_lists_are_three_pages_and_go_on_after_a_fall(world: World, run: Run, way: str) -> None:
    """A stream is on its way page by page; what is asked for as a whole keeps what came."""
    world.sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    everything = len(world.sandbox.lists(TEA))
    told = run("list_lists", all=True)
    assert (told.outcome, told.data["count"]) == ("success", everything)
    assert [parse_qs(one.query)["page[size]"] for one in world.exchanges] == [["10"]] * -(-everything // 10)
    world.sandbox.fault("get_lists", "500", count=9, skip=2)
    fallen = run("list_lists", all=True, max_retries=0)
    world.sandbox.clear_faults()
    assert (fallen.outcome, fallen.data["count"]) == ("error", 20)
    rest = run("list_lists", all=True, **{"from": fallen.data["next"]})
    assert rest.data["count"] == everything - 20
    ids = [one["id"] for one in (*fallen.data["items"], *rest.data["items"])]
    assert sorted(ids) == sorted(one["id"] for one in told.data["items"])


def test_a_stream_of_twenty_five_lists_goes_on_after_a_fall(
    sent: Sent, sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    before = len(sandbox.lists(TEA)) - 25
    told = actions.run("list_lists", connection, all=True)
    assert told.data["count"] == 25 + before
    assert [parse_qs(one.query)["page[size]"] for one in sent()] == [["10"]] * 3
    sandbox.fault("get_lists", "500", count=9, skip=2)
    pages: list[actions.Page] = []
    with pytest.raises(actions.Broken) as broken:
        pages += actions.stream("list_lists", connection, all=True, max_retries=0)
    assert (broken.value.after, broken.value.outcome.outcome) == (20, "error")
    sandbox.clear_faults()
    rest = actions.run("list_lists", connection, all=True, **{"from": broken.value.next})
    assert rest.data["count"] == 5 + before


def test_a_campaign_is_made_as_a_draft_and_nothing_is_sent(world: World, run: Run) -> None:
    list_id, _ = world.member()
    world.exchanges.clear()
    told = run(
        "create_campaign",
        name="Spring",
        included=[list_id],
        messages=[{"subject": "Bring a friend"}],
        send_strategy={"method": "static", "datetime": "2027-03-01T11:00:00+02:00"},
    )
    assert told.outcome == "success", told
    assert seen(world) == [("POST", "/api/campaigns")]
    assert world.exchanges[0].status == 201
    assert told.data["attributes"]["status"] == "Draft"
    assert told.data["relationships"]["campaign-messages"]["data"][0]["id"]
    sent_body = world.exchanges[0].json["data"]["attributes"]
    assert sent_body["send_strategy"]["method"] == "static"
    assert sent_body["send_options"] == {"use_smart_sending": True}


@pytest.mark.parametrize("by", ["image_url", "file"])
def test_a_large_picture_goes_as_a_file(world: World, run: Run, way: str, by: str) -> None:
    """A form takes it as a file alone: it has texts of up to 2.5 MB."""
    picture = base64.b64encode(BEGINNING + bytes(4_900_000)).decode()
    is_address = by == "image_url" and way != "page"
    given = {by: f"data:image/png;base64,{picture}"} if is_address else {"file": picture}
    told = run("upload_image", name=f"Cup {by}", **given)
    assert told.outcome == "success", told
    [asked] = world.exchanges
    assert (asked.method, asked.path) == ("POST", "/api/image-upload")
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert len(asked.body) < 5 * 1024 * 1024


def test_many_events_go_in_as_few_requests_as_klaviyo_takes(world: World, run: Run) -> None:
    people = [world.email() for _ in range(50)]
    events = [{"event_name": "Visited", "profile": {"email": people[n % 50]}} for n in range(2_500)]
    told = run("bulk_create_events", events=events)
    assert (told.outcome, told.data["accepted"], told.data["requests"]) == ("success", 2_500, 3)
    assert seen(world) == [("POST", "/api/event-bulk-create-jobs")] * 3
    assert all(len(one.body) <= 5_000_000 for one in world.exchanges)
    assert len(set(told.data["unique_ids"])) == 2_500
    groups = world.exchanges[0].json["data"]["attributes"]["events-bulk-create"]["data"]
    assert len(groups) == 50


def test_a_campaign_whose_answer_was_cut_off_is_not_sent_again(world: World, run: Run) -> None:
    campaign = world.ready()
    world.exchanges.clear()
    world.sandbox.fault("send_campaign", "accept_then_drop")
    told = run("send_campaign", "once", campaign_id=campaign)
    assert (told.outcome, told.is_known) == ("error", False)
    assert told.warnings[0].meta["look_by"] == "get_campaign_send"
    again = run("send_campaign", "once", campaign_id=campaign)
    assert (again.outcome, again.is_known, again.code) == ("error", False, told.code)
    assert world.asked() == ["get_campaign", "send_campaign"]
    looked = run("get_campaign_send", campaign_id=campaign)
    assert looked.outcome == "success"


def test_what_fails_for_ever_ends_in_time(world: World, run: Run) -> None:
    world.sandbox.fault("get_list", "500", count=99)
    told = run("get_list", list_id="Y6nRLr", timeout_seconds=3, max_retries=10)
    world.sandbox.clear_faults()
    assert (told.outcome, told.code) == ("error", "timed_out")
    assert 1 <= len(world.exchanges) <= 3  # after 1 and 2 seconds there is no time for 4


def test_a_budget_that_is_used_up_is_waited_for(world: World, run: Run, way: str) -> None:
    """Once a second each; over each way another one, as Klaviyo remembers what it was asked."""
    names = {
        "python": "list_accounts",
        "command": "list_webhooks",
        "http": "list_webhook_topics",
        "page": "get_account",
    }
    given = {"account_id": world.connection.account_id} if way == "page" else {}
    world.sandbox.settings(limits=True)
    try:
        told = [run(names[way], **given) for _ in range(3)]
    finally:
        world.sandbox.settings(limits=False)
    assert [one.outcome for one in told] == ["success"] * 3
    assert [one.status for one in world.exchanges] == [200] * 3


def test_a_redirect_is_not_followed(world: World, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        location = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/api/lists"
        world.sandbox.fault("get_accounts", "redirect", location=location)
        told = run("raw_request", method="GET", url="/api/accounts")
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert told.outcome == "failure", told
    assert seen(world) == [("GET", "/api/accounts")]
