"""Repeated requests: what is asked again after which answer, how often, and what must never be asked twice."""

from typing import Any

import pytest
from pytest_django import Settings

from klaviyo import actions
from klaviyo.actions import catalogue
from klaviyo.api.client import Client
from tests.klaviyo.actions.world import World

AT_ONCE = {"exponential_backoff": False, "retry_delay_ms": 0}
CREATES: dict[str, dict[str, Any]] = {
    "create_list": {"name": "News"},
    "create_profile": {"email": "once@shop.example"},
    "create_template": {"name": "Invite", "html": "<p>Hello</p>"},
    "create_tag": {"name": "Referral"},
    "create_coupon": {"external_id": "ONCE"},
    "bulk_import_profiles": {"profiles": [{"email": "once@shop.example"}]},
}


@pytest.fixture(autouse=True)
def without_faults(world: World) -> None:
    world.sandbox.clear_faults()
    world.exchanges.clear()


def statuses(world: World) -> list[int]:
    return [one.status for one in world.exchanges]


@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
def test_a_read_is_asked_again(world: World, kind: str) -> None:
    world.sandbox.fault("get_lists", kind, count=2)
    told = actions.run("list_lists", world.connection, limit=1, **AT_ONCE)
    assert (told.outcome, told.attempts) == ("success", 3)
    assert statuses(world) == [int(kind), int(kind), 200]


def test_a_read_is_asked_as_often_as_is_allowed(world: World) -> None:
    world.sandbox.fault("get_lists", "500", count=9)
    told = actions.run("list_lists", world.connection, limit=1, max_retries=2, **AT_ONCE)
    assert (told.outcome, told.is_known) == ("error", True)
    assert statuses(world) == [500] * 3
    none = actions.run("list_lists", world.connection, limit=1, max_retries=0)
    assert (none.outcome, none.attempts) == ("error", 1)


@pytest.mark.parametrize("name", ["upsert_profile", "create_event"])
def test_what_does_no_harm_twice_is_asked_again(world: World, name: str) -> None:
    who = {"email": world.email()}
    given: dict[str, Any] = who if name == "upsert_profile" else {"event_name": "Visited", "profile": who}
    world.sandbox.fault(catalogue.find(name).operations[-1], "accept_then_drop")
    told = actions.run(name, world.connection, **given, **AT_ONCE)
    assert (told.outcome, told.is_known, told.attempts) == ("success", True, 2)
    if name == "create_event":
        first, second = (one.json["data"]["attributes"]["unique_id"] for one in world.exchanges)
        assert first == second == told.data["unique_id"]


@pytest.mark.parametrize("fault", ["500", "accept_then_drop"])
@pytest.mark.parametrize("name", CREATES)
def test_what_would_make_a_second_thing_is_asked_once(world: World, name: str, fault: str) -> None:
    action = catalogue.find(name)
    world.sandbox.fault(action.operations[-1], fault, count=9)
    told = actions.run(name, world.connection, **CREATES[name], max_retries=5, **AT_ONCE)
    assert (told.outcome, told.is_known, told.attempts) == ("error", False, 1)
    assert len(world.exchanges) == 1
    [how] = [one for one in told.warnings if one.code == "may_have_happened"]
    assert catalogue.find(how.meta["look_by"]).is_read
    assert how.meta["look_by"] in how.detail


def test_a_deletion_that_was_done_at_the_first_try_is_a_success(world: World) -> None:
    list_id = world.list()
    world.exchanges.clear()
    world.sandbox.fault("delete_list", "accept_then_drop")
    told = actions.run("delete_list", world.connection, list_id=list_id, **AT_ONCE)
    assert (told.outcome, told.attempts) == ("success", 2)
    again = actions.run("delete_list", world.connection, list_id=list_id)
    assert (again.outcome, again.code) == ("failure", "not_found")


@pytest.mark.parametrize(("name", "given"), [("get_lists", {}), ("create_list", {"name": "News"})])
def test_a_429_is_waited_for_and_asked_again(world: World, name: str, given: dict[str, Any]) -> None:
    world.sandbox.fault(name, "429", retry_after="1")
    told = actions.run("list_lists" if name == "get_lists" else name, world.connection, **given)
    assert (told.outcome, told.attempts) == ("success", 2)
    assert [status // 100 for status in statuses(world)] == [4, 2]


def test_a_connection_that_is_refused_is_tried_again_for_creates_as_well(world: World, settings: Settings) -> None:
    settings.KLAVIYO_API_URL = "http://127.0.0.1:9"
    told = actions.run("create_list", world.connection, name="News", max_retries=2, **AT_ONCE)
    assert (told.outcome, told.is_known, told.attempts) == ("error", True, 3)
    assert world.exchanges == []


def test_an_answer_that_does_not_come_ends_with_the_time(world: World) -> None:
    world.sandbox.fault("get_lists", "slow", delay=9)
    told = actions.run("list_lists", world.connection, timeout_seconds=1)
    assert (told.outcome, told.code) == ("error", "timed_out")
    assert told.took_ms < 8_000


def test_a_no_is_asked_once_unless_all_errors_are(world: World) -> None:
    told = actions.run("get_list", world.connection, list_id="None12", max_retries=2, **AT_ONCE)
    assert (told.outcome, told.code, told.attempts) == ("failure", "not_found", 1)
    all_of_them = actions.run(
        "get_list", world.connection, list_id="None12", max_retries=2, retry_on_all_errors=True, **AT_ONCE
    )
    assert (all_of_them.outcome, all_of_them.attempts) == ("failure", 3)
    assert statuses(world) == [404] * 4


def test_a_raw_request_is_made_once_unless_more_is_asked_for(world: World) -> None:
    world.sandbox.fault("get_lists", "500", count=9)
    told = actions.run("raw_request", world.connection, operation="get_lists")
    assert (told.outcome, told.attempts) == ("error", 1)
    told = actions.run("raw_request", world.connection, operation="get_lists", max_retries=2)
    assert (told.outcome, told.attempts) == ("error", 3)


def named(email: str, **more: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": {"email": email}, **more}}


@pytest.mark.parametrize("fault", ["500", "accept_then_drop"])
@pytest.mark.parametrize("operation", ["create_profile", "create_event", "create_or_update_profile"])
def test_a_raw_post_that_may_have_been_done_is_not_made_again(world: World, operation: str, fault: str) -> None:
    body = named(world.email(), meta={"patch_properties": {"append": {"tags": "vip"}}})
    if operation == "create_profile":
        body = named(world.email())
    if operation == "create_event":
        metric = {"data": {"type": "metric", "attributes": {"name": "Seen"}}}
        body = {
            "data": {
                "type": "event",
                "attributes": {"properties": {}, "metric": metric, "profile": named(world.email())},
            }
        }
    world.sandbox.fault(operation, fault, count=9)
    told = actions.run("raw_request", world.connection, operation=operation, data=body, max_retries=5)
    assert (told.outcome, told.is_known, told.attempts, len(world.exchanges)) == ("error", False, 1, 1)
    assert [one.code for one in told.warnings] == ["may_have_happened"]


def test_a_raw_post_is_made_again_where_nothing_was_done(world: World, settings: Settings) -> None:
    data = {"data": {"type": "list", "attributes": {"name": "News"}}}
    world.sandbox.fault("create_list", "429", retry_after="1")
    told = actions.run("raw_request", world.connection, operation="create_list", data=data, max_retries=2)
    assert (told.outcome, told.attempts, statuses(world)) == ("success", 2, [429, 201])
    settings.KLAVIYO_API_URL = "http://127.0.0.1:9"
    told = actions.run("raw_request", world.connection, operation="create_list", data=data, max_retries=2)
    assert (told.outcome, told.is_known, told.attempts) == ("error", True, 3)


def test_a_raw_request_that_leaves_the_same_behind_is_made_again(world: World) -> None:
    list_id = world.list()
    world.exchanges.clear()
    data = {"data": {"type": "list", "id": list_id, "attributes": {"name": "News"}}}
    given: dict[str, Any] = {"operation": "update_list", "path": {"id": list_id}, "data": data}
    world.sandbox.fault("update_list", "accept_then_drop")
    told = actions.run("raw_request", world.connection, **given, max_retries=2)
    assert (told.outcome, told.attempts) == ("success", 2)


def test_after_ten_requests_a_run_makes_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made_way: list[bool] = []
    call = Client.call

    def watched(self: Client, *given: Any, **named: Any) -> Any:
        made_way.append(self.is_backlog)
        return call(self, *given, **named)

    monkeypatch.setattr(Client, "call", watched)
    emails = [f"p{number}@many.example" for number in range(1_101)]
    assert actions.run("suppress_profiles", world.connection, emails=emails).outcome == "success"
    assert made_way == [False] * 10 + [True] * 2
    made_way.clear()
    actions.run("list_lists", world.connection, all=True)
    assert set(made_way) == {True}


ALONE = sorted(set(catalogue.names()) - {"get_account", "list_accounts"})


def test_without_scopes_nothing_is_asked(world: World) -> None:
    world.connection.scopes = "accounts:read"
    world.connection.save()
    for name in ALONE:
        action = catalogue.find(name)
        told = actions.run(name, world.connection, **action.examples[0])
        assert (told.outcome, told.code) == ("error", "permission_denied"), name
        assert told.attempts <= 1
    assert world.exchanges == []


@pytest.mark.parametrize("name", ["upsert_profile", "update_profile"])
def test_what_is_appended_is_appended_once_although_the_answer_is_lost(world: World, name: str) -> None:
    email = world.profile()["data"]["attributes"]["email"]
    operation = catalogue.find(name).operations[-1]
    world.sandbox.fault(operation, "accept_then_drop", count=1)
    told = actions.run(name, world.connection, email=email, append={"tags": ["vip"]}, **AT_ONCE)
    assert (told.outcome, told.is_known) == ("error", False)
    assert world.asked().count(operation) == 1
    assert "may_have_happened" in [one.code for one in told.warnings]
    assert actions.run(name, world.connection, email=email, title="Dr", **AT_ONCE).outcome == "success"
