"""Actions over HTTP: who may, what is asked first, what is queued and done once, and what is said of runs and lists."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.api import tokens
from integrations.models import ApiToken, Connection, RefusedCall
from klaviyo import tasks
from klaviyo.actions import catalogue, checking, queue
from klaviyo.actions.turns import Turn
from klaviyo.endpoints import running
from klaviyo.models import ActionRun
from klaviyo.pages import action_running
from tests.klaviyo.actions.world import PNG, World

Call = Callable[..., Any]
STATEMENTS = {"postgresql": 9, "sqlite": 15}  # with those that begin and commit
State = ActionRun.State


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs of which workers were told."""
    found: list[str] = []
    monkeypatch.setattr(queue, "tell", lambda row: found.append(str(row.pk)))
    return found


@pytest.fixture
def call(world: World, told: list[str]) -> Call:
    """A call with a token that may do all; a POST of `body`, or a GET without one."""

    def made(path: str, body: Any = None, *, abilities: tuple[str, ...] = (), **headers: str) -> Any:
        user = User.objects.get(username="operator")
        held = abilities or ("read", "lists", "profiles", "images", "raw", "campaigns", "flows", "segments", "imports")
        _, secret = tokens.make("Till", user, abilities=held, per_minute=60_000)
        said = {"authorization": f"Bearer {secret}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
        if body is None:
            return browser.get(f"/api/v1/{path}", headers=said)
        if isinstance(body, dict) and any(isinstance(one, SimpleUploadedFile) for one in body.values()):
            return browser.post(f"/api/v1/{path}", body, headers=said)
        data = body if isinstance(body, bytes) else json.dumps(body)
        return browser.post(f"/api/v1/{path}", data, content_type="application/json", headers=said)

    return made


@pytest.fixture
def on(world: World) -> str:
    world.exchanges.clear()
    return f"connections/{world.connection.pk}/actions"


def code(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.content
    found = answer.json()
    return str(found["errors"]["code"][0]) if found["errors"]["code"] else ""


@pytest.mark.parametrize(
    ("abilities", "action", "status"),
    [
        (("read",), "get_list", 200),
        (("read",), "update_list", 403),
        (("update_list",), "update_list", 200),
        (("update_list",), "get_list", 403),
        (("lists",), "delete_list", 200),
        (("profiles",), "get_list", 403),
        (("lists", "read"), "raw_request", 403),
        (("raw",), "raw_request", 200),
    ],
)
def test_a_token_may_do_what_it_holds(
    world: World, call: Call, abilities: tuple[str, ...], action: str, status: int
) -> None:
    id = world.list()
    world.exchanges.clear()
    body: dict[str, Any] = {"operation": "get_list", "path": {"id": id}} if action == "raw_request" else {"list_id": id}
    body |= {"confirm": True} if action == "delete_list" else {"name": "Fans"} if action == "update_list" else {}
    answer = call(f"connections/{world.connection.pk}/actions/{action}", body, abilities=abilities)
    assert answer.status_code == status, answer.content
    assert len(world.exchanges) == (status == 200)
    assert RefusedCall.objects.count() == (status == 403)


@pytest.mark.parametrize(
    ("action", "body", "status", "wanted", "pointer"),
    [
        ("get_lst", {}, 404, "no_such_action", ""),
        ("get_list", {"list_id": "a b"}, 422, "invalid", "/list_id"),
        ("get_list", {}, 422, "invalid", "/list_id"),
        ("get_list", {"list_id": None}, 422, "invalid", "/list_id"),
        ("list_lists", {"all": "true"}, 422, "invalid", "/all"),
        ("list_lists", {"filter": 'like(name,"x")'}, 422, "invalid", "/filter"),
        ("get_profiles", {"emial": "x"}, 422, "invalid", "/emial"),
        ("get_profiles", {"phone_number": "5125551234"}, 422, "invalid", "/phone_number"),
        ("get_profiles", b'{"email": "a\\u0000"}', 400, "invalid_json", ""),
        ("get_profiles", b"[]", 400, "invalid_json", ""),
        ("get_list", {"list_id": "Y6nRLr", "klaviyo_list_id": "Y6nRLr"}, 422, "given_twice", ""),
        ("delete_list", {"list_id": "Y6nRLr", "confirm": "yes"}, 422, "invalid", "/confirm"),
        ("raw_request", {"method": "GET", "url": "https://evil.example/api"}, 422, "invalid", "/url"),
    ],
)
def test_bad_input_asks_nothing(
    world: World, call: Call, on: str, action: str, body: Any, status: int, wanted: str, pointer: str
) -> None:
    answer = call(f"{on}/{action}", body)
    assert code(answer, status) in (wanted, "invalid")
    assert not pointer or pointer in answer.json()["errors"]["pointer"]
    assert not world.exchanges
    assert not ActionRun.objects.exists()


def test_what_cannot_be_taken_back_is_asked_first(world: World, call: Call) -> None:
    id = world.list()
    world.exchanges.clear()
    path = f"connections/{world.connection.pk}/actions"
    for more in ({}, {"confirm": False}):
        answer = call(f"{path}/delete_list", {"list_id": id, **more})
        assert code(answer, 422) == "needs_confirmation"
        assert "gone for good" in answer.json()["data"]["question"]
    raw = {"operation": "delete_list", "path": {"id": id}}
    assert code(call(f"{path}/raw_request", raw), 422) == "needs_confirmation"
    assert not world.exchanges
    assert code(call(f"{path}/delete_list", {"list_id": id, "confirm": True}), 200) == ""
    assert world.asked() == ["delete_list"]


def test_a_connection_that_is_not_connected(world: World, call: Call, on: str) -> None:
    Connection.objects.filter(pk=world.connection.pk).update(state=Connection.State.DISCONNECTED)
    answer = call(f"{on}/list_lists", {})
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "error"
    assert not world.exchanges
    assert code(call("connections/99999/actions/list_lists", {}), 404) == "no_such_connection"


def test_whoever_does_not_wait_is_told_where_to_look_and_it_is_done_once(
    world: World, call: Call, on: str, told: list[str]
) -> None:
    answer = call(f"{on}/create_list", {"name": "Fans"}, prefer="respond-async")
    assert code(answer, 202) == ""
    assert answer.json()["outcome"] is None
    run = ActionRun.objects.get()
    assert answer["Location"] == f"/api/v1/runs/{run.pk}"
    assert (run.state, told, world.exchanges) == (State.QUEUED, [str(run.pk)], [])
    waiting = call(f"runs/{run.pk}")
    assert (waiting.status_code, waiting.json()["outcome"]) == (202, None)
    for _ in range(2):  # a message that comes twice
        tasks.run_action(str(run.pk))
    tasks.run_actions()
    assert world.asked() == ["create_list"]
    done = call(f"runs/{run.pk}")
    assert done.status_code == 200
    assert done.json()["data"]["attributes"]["name"] == "Fans"
    assert ActionRun.objects.get().took_ms


def test_a_worker_that_died_over_a_run_is_not_followed_by_another(world: World, call: Call, on: str) -> None:
    call(f"{on}/create_list", {"name": "Fans"}, prefer="respond-async")
    run = ActionRun.objects.get()
    ActionRun.objects.update(state=State.UNDER_WAY)
    tasks.run_action(str(run.pk))
    tasks.run_actions()
    assert not world.exchanges
    assert call(f"runs/{run.pk}").status_code == 202


def test_a_run_that_no_worker_has_heard_of_is_found(
    world: World, call: Call, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(f"{on}/create_list", {"name": "Fans"}, prefer="respond-async")
    tasks.run_actions()
    assert not world.exchanges  # it is too early: a worker may be on its way
    monkeypatch.setattr(queue, "OVERDUE", -queue.OVERDUE)
    tasks.run_actions()
    assert world.asked() == ["create_list"]


def test_what_takes_too_long_to_wait_for_is_handed_over(
    world: World, call: Call, on: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "TURN", 0.0)
    answer = call(f"{on}/get_profiles", {"email": world.email()})
    run = ActionRun.objects.get()
    assert (answer.status_code, told, run.state) == (202, [str(run.pk)], State.QUEUED)
    assert answer["Location"].endswith(str(run.pk))
    tasks.run_action(str(run.pk))
    assert code(call(f"runs/{run.pk}"), 200) == "not_found"


def test_what_was_begun_and_must_not_be_done_twice_goes_through(
    world: World, call: Call, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = world.profile()
    list_id = world.list()
    world.exchanges.clear()
    begun = Turn.go_through
    seen: list[bool] = []

    def go_through(turn: Turn) -> None:
        seen.append(turn.is_early)
        begun(turn)

    monkeypatch.setattr(Turn, "go_through", go_through)
    path = f"connections/{world.connection.pk}/actions"
    call(f"{path}/add_profile_to_list", {"list_id": list_id, "klaviyo_id": profile["id"]})
    assert not seen
    call(f"{path}/create_list", {"name": "Fans"})
    assert seen == [True]
    assert not told


def test_a_key_is_one_run(world: World, call: Call, on: str) -> None:
    user = User.objects.get(username="operator")
    _, secret = tokens.make("Till", user, abilities=["lists"], per_minute=60_000)
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "k1"}
    answers = [call(f"{on}/create_list", {"name": name}, **headers) for name in ("Fans", "Fans", "Others")]
    assert [one.status_code for one in answers] == [200, 200, 409]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert world.asked() == ["create_list"]


def test_a_list_is_a_page_or_streamed_to_its_end(world: World, call: Call) -> None:
    for _ in range(12):
        world.list()
    path = f"connections/{world.connection.pk}/actions/list_lists"
    first = call(path, {"limit": 10}).json()["data"]
    assert first["count"] == 10
    second = call(path, {"limit": 5, "from": first["next"]}).json()["data"]
    assert {one["id"] for one in first["items"]}.isdisjoint(one["id"] for one in second["items"])
    world.exchanges.clear()
    streamed = call(path, {"all": True}, accept="application/x-ndjson")
    assert streamed["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in b"".join(streamed.streaming_content).splitlines()]
    assert len({one["id"] for one in lines}) == len(lines) >= 12
    assert world.asked() == ["get_lists"] * len(world.exchanges)
    assert ActionRun.objects.latest("began_at").state == State.DONE


def test_a_stream_that_breaks_off_says_so_in_its_last_line(world: World, call: Call) -> None:
    for _ in range(12):
        world.list()
    path = f"connections/{world.connection.pk}/actions/list_lists"
    streamed = call(path, {"all": True, "max_retries": 0}, accept="application/x-ndjson")
    content = iter(streamed.streaming_content)
    read = [next(content)]
    Connection.objects.update(state=Connection.State.DISCONNECTED)
    lines = [json.loads(line) for line in b"".join([*read, *content]).splitlines()]
    assert (lines[-1]["outcome"], lines[-1]["after"]) == ("error", 10)
    assert lines[-1]["next"]


def test_a_picture_comes_as_a_form(world: World, call: Call, on: str) -> None:
    file = SimpleUploadedFile("cup.png", base64.b64decode(PNG), "image/png")
    answer = call(f"{on}/upload_image", {"file": file, "hidden": "true"})
    assert code(answer, 200) == ""
    assert answer.json()["data"]["attributes"]["name"].startswith("cup")
    assert world.asked() == ["upload_image_from_file"]
    text = SimpleUploadedFile("cup.png", b"%PDF-1.7", "image/png")
    assert code(call(f"{on}/upload_image", {"file": text}), 422) == "invalid"
    again = SimpleUploadedFile("cup.png", base64.b64decode(PNG), "image/png")
    assert code(call(f"{on}/get_image", {"file": again}), 415) == "wrong_content_type"


def test_runs_are_seen_by_those_who_might_have_run_them(world: World, call: Call, on: str) -> None:
    call(f"{on}/list_lists", {})
    run = ActionRun.objects.get().pk
    assert code(call(f"runs/{run}"), 200) == ""
    assert code(call(f"runs/{run}", abilities=("profiles",)), 403) == "ability_not_allowed"
    for other in ("x", "00000000-0000-0000-0000-000000000000"):
        assert code(call(f"runs/{other}"), 404) == "no_such_run"


def test_all_actions_are_named(call: Call) -> None:
    found = {one["name"]: one for one in call("actions").json()["data"]["actions"]}
    assert len(found) == 98
    fields = {one["name"]: one for one in found["get_list"]["fields"]}
    assert fields["list_id"]["is_required"]
    assert "List ID" in fields["list_id"]["seeds"]
    assert found["delete_list"]["asks"]
    assert found["get_list"]["scopes"] == ["lists:read"]


def test_a_parameter_after_the_address_is_refused(world: World, call: Call, on: str) -> None:
    answer = call(f"{on}/create_list?dry_run=1", {"name": "Fans"})
    assert code(answer, 400) == "unknown_parameter"
    assert "into the body" in answer.json()["reason"]
    assert not world.exchanges
    assert not ActionRun.objects.exists()


@pytest.mark.parametrize("accept", ["application/json", running.NDJSON])
@pytest.mark.parametrize(
    ("action", "body", "operation"),
    [
        ("create_list", {"name": "Fans"}, "create_list"),
        ("delete_list", {"list_id": "Y6nRLr"}, "delete_list"),
        ("list_lists", {}, "get_lists"),
    ],
)
def test_a_dry_run_sends_nothing_and_shows_the_requests(
    world: World, call: Call, on: str, told: list[str], action: str, body: dict[str, Any], operation: str, accept: str
) -> None:
    answer = call(f"{on}/{action}", body | {"dry_run": True}, prefer="respond-async", accept=accept)
    assert code(answer, 200) == ""
    assert [one["operation"] for one in answer.json()["data"]["requests"]] == [operation]
    assert not world.exchanges
    assert not told
    assert ActionRun.objects.get().is_dry


def test_dry_is_yes_or_no(world: World, call: Call, on: str) -> None:
    answer = call(f"{on}/create_list", {"name": "Fans", "dry_run": 1})
    assert code(answer, 422) == "invalid"
    assert answer.json()["errors"]["pointer"] == ["/dry_run"]
    picture = SimpleUploadedFile("cup.png", base64.b64decode(PNG) if isinstance(PNG, str) else PNG, "image/png")
    answer = call(f"{on}/upload_image", {"file": picture, "dry_run": "true"})
    assert [one["operation"] for one in answer.json()["data"]["requests"]] == ["upload_image_from_file"]
    assert not world.exchanges


def test_a_password_is_answered_with_what_to_use(world: World, call: Call, on: str) -> None:
    answer = call(f"{on}/list_lists", {}, authorization="Basic YTpi")
    assert answer.status_code == 401
    assert "Use a token: Authorization: Bearer" in answer.json()["reason"]


def test_what_waits_is_not_begun_once_its_token_was_revoked(world: World, call: Call, on: str) -> None:
    call(f"{on}/create_list", {"name": "Fans"}, prefer="respond-async")
    run = ActionRun.objects.get()
    assert run.token_number
    tokens.revoke(ApiToken.objects.get(pk=run.token_number))
    tasks.run_action(str(run.pk))
    run.refresh_from_db()
    assert (run.outcome, run.codes, world.exchanges) == ("failure", ["token_ended"], [])


@pytest.mark.parametrize("lost", ["is_superuser", "is_staff"])
def test_a_raw_token_ends_with_what_its_maker_may(world: World, call: Call, on: str, lost: str) -> None:
    waiting = call(f"{on}/raw_request", {"operation": "get_lists"}, prefer="respond-async")
    assert waiting.status_code == 202
    User.objects.filter(username="operator").update(**{lost: False})
    tasks.run_action(str(ActionRun.objects.get().pk))
    assert ActionRun.objects.get().codes == ["token_ended"]
    assert code(call(f"{on}/raw_request", {"operation": "get_lists"}), 403) == "ability_not_allowed"
    assert not world.exchanges


def test_raw_requests_and_changes_are_in_the_audit_log(call: Call, on: str) -> None:
    before = LogEntry.objects.count()
    call(f"{on}/raw_request", {"operation": "get_lists"})
    call(f"{on}/list_lists", {})
    call(f"{on}/create_list", {"name": "Secret fans"})
    assert LogEntry.objects.count() == before + 2
    assert "GET get_lists" in LogEntry.objects.order_by("pk").reverse()[1].change_message
    assert "Secret" not in LogEntry.objects.latest("pk").change_message


def test_a_page_hands_a_long_run_over_and_its_page_reloads(
    world: World, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action_running, "TURN", 0.0)
    action = catalogue.find("get_profiles")
    user = User.objects.get(username="operator")
    row, _ = action_running.begin(action, world.connection, checking.checked(action, {"email": world.email()}), user)
    assert (row.state, told) == (State.QUEUED, [str(row.pk)])
    browser = Client()
    browser.force_login(user)
    assert browser.get(reverse("klaviyo:action_run", args=[row.pk]))["Refresh"] == "3"
    tasks.run_action(str(row.pk))
    assert "Refresh" not in browser.get(reverse("klaviyo:action_run", args=[row.pk]))


def test_a_call_costs_few_statements(
    world: World, on: str, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    """Each of them is a round trip, and the run and its request are on record before and after."""
    id = world.profile()["data"]["id"]
    _, secret = tokens.make("Kiosk", User.objects.get(username="operator"), abilities=("read",), per_minute=60_000)
    ApiToken.objects.filter(name="Kiosk").update(last_used_at=timezone.now())  # which is noted once a minute
    with django_assert_max_num_queries(STATEMENTS[database.vendor]):
        answer = Client().post(
            f"/api/v1/{on}/get_profile",
            json.dumps({"klaviyo_id": id}),
            content_type="application/json",
            headers={"authorization": f"Bearer {secret}"},
        )
    assert answer.json()["outcome"] == "success"
