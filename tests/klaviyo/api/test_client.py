"""The client's calls: counted, bounded in time, observed, on record with their run, within what was granted."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
from pytest_django import Settings

from integrations import connections, pacing, shutdown
from integrations.errors import IntegrationError, OperatorRequired, OutOfTime, PermanentError, TemporaryError, Throttled
from integrations.models import Attempt, Connection
from integrations.wire.deadline import Deadline
from klaviyo.api import bodies, events, lists, profiles
from klaviyo.api.bodies import Body, File
from klaviyo.api.client import Client, Exchange
from klaviyo.api.operation import Operation
from klaviyo.api.rehearsal import Rehearsal
from klaviyo.sandbox import Sandbox, SeedList
from tests import servers
from tests.klaviyo.api.mirror import PICTURE, Mirror, at, serving

SIZED = {"additional-fields[list]": "profile_count"}
LONG = Deadline(3600)


@pytest.fixture
def mirror(connection: Connection, settings: Settings) -> Iterator[Mirror]:
    with serving() as mirror:
        settings.KLAVIYO_API_URL = mirror.url
        yield mirror


@pytest.fixture
def list_id(connection: Connection, sandbox: Sandbox) -> str:
    return sandbox.put_lists(connection.account_id, [SeedList("Tea lovers")])[0]


def used(connection: Connection, counter: str, *windows: pacing.Window) -> int:
    whole = pacing.used(f"{connection.pk}:{counter}", windows) or 0.0
    return round(whole * windows[0].requests)


def use_up(connection: Connection, counter: str, operation: Operation, query: dict[str, str]) -> None:
    """Nothing is left of a counter for a while."""
    [windows] = [windows for name, windows in operation.counters(query) if name == counter]
    pacing.block(f"{connection.pk}:{counter}", timedelta(minutes=5))
    assert pacing.wait(f"{connection.pk}:{counter}", windows)


# What a call is counted in.


def test_a_parameter_with_a_limit_of_its_own_is_counted_in_both(connection: Connection, list_id: str) -> None:
    Client(connection).call(lists.GET_LIST, path={"id": list_id}, query=SIZED)
    Client(connection).call(lists.GET_LIST, path={"id": list_id})
    own, sized = pacing.Window(750, 60), pacing.Window(15, 60)
    assert (used(connection, "get_list", own), used(connection, "get_list profile_count", sized)) == (2, 1)


def test_a_call_for_which_one_counter_has_no_room_spends_of_none(connection: Connection, list_id: str) -> None:
    use_up(connection, "get_list profile_count", lists.GET_LIST, SIZED)
    with pytest.raises(Throttled):
        Client(connection).call(lists.GET_LIST, path={"id": list_id}, query=SIZED)
    assert used(connection, "get_list", pacing.Window(750, 60)) == 0
    assert Client(connection).wait(lists.GET_LIST, SIZED) > timedelta(minutes=4)
    assert Client(connection).wait(lists.GET_LIST) == timedelta()
    assert not Attempt.objects.exists()


def test_a_429_closes_all_that_the_call_was_counted_in(connection: Connection, sandbox: Sandbox, list_id: str) -> None:
    sandbox.fault("get_list", "429", retry_after="30")
    with pytest.raises(Throttled) as caught:
        Client(connection).call(lists.GET_LIST, path={"id": list_id}, query=SIZED)
    assert caught.value.is_known
    for counter in ("get_list", "get_list profile_count"):
        assert pacing.wait(f"{connection.pk}:{counter}", [pacing.Window(15, 60)]) > timedelta(seconds=28)


@pytest.mark.parametrize(
    ("operation", "query", "counters"),
    [
        (profiles.GET_PROFILES, {"additional-fields[profile]": "subscriptions"}, []),
        (profiles.GET_PROFILES, {"additional-fields[profile]": "subscriptions,predictive_analytics"}, [150]),
        (profiles.GET_PROFILE, {"include": "lists,segments"}, [15, 15]),
        (lists.GET_LIST, SIZED, [15]),
        (lists.GET_LISTS, {"include": "tags"}, []),
    ],
)
def test_what_a_query_is_counted_in(operation: Operation, query: dict[str, str], counters: list[int]) -> None:
    (own, _), *extra = operation.counters(query)
    assert own == operation.id
    assert [windows[1].requests for _, windows in extra] == counters
    assert len({name for name, _ in operation.counters(query)}) == 1 + len(counters)


def test_limits_that_the_extra_counter_publishes_are_not_taken_for_the_operations_own(
    connection: Connection, list_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"RateLimit-Limit": "1, 1;w=1, 15;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "0"}
    budgets = [(f"{connection.pk}:{name}", windows) for name, windows in lists.GET_LIST.counters(SIZED)]
    pacing.heed_all(budgets, headers)
    assert not any(pacing.take(*budgets[0]) for _ in range(30))


# Bodies and answers.


def test_a_file_travels_in_a_form(connection: Connection, mirror: Mirror) -> None:
    body = bodies.multipart({"name": "Größe", "hidden": "false"}, {"file": File("a.png", PICTURE, "image/png")})
    Client(connection).call(at("image-upload", "POST"), body=body)
    [(_, _, headers, content)] = mirror.asked
    parts = message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + content)
    found = {part.get_param("name", header="Content-Disposition"): part for part in parts.walk()}
    assert found["name"].get_payload(decode=True) == "Größe".encode()
    assert found["hidden"].get_payload(decode=True) == b"false"
    assert found["file"].get_payload(decode=True) == PICTURE
    assert (found["file"].get_filename(), found["file"].get_content_type()) == ("a.png", "image/png")


@pytest.mark.parametrize(
    ("body", "content", "media_type"),
    [
        ({"data": {}}, b'{"data":{}}', "application/vnd.api+json"),
        (Body(b"a,b", "text/csv"), b"a,b", "text/csv"),
        (bodies.form({"a b": "ü&"}), b"a+b=%C3%BC%26", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_goes_as_what_it_is(
    connection: Connection, mirror: Mirror, body: Any, content: bytes, media_type: str
) -> None:
    Client(connection).call(at("anything", "POST"), body=body)
    [(_, _, headers, told)] = mirror.asked
    assert (told, headers["Content-Type"]) == (content, media_type)


def test_headers_take_the_place_of_ours(connection: Connection, mirror: Mirror) -> None:
    Client(connection).call(at("anything"), headers={"Revision": "2026-10-15"})
    [(_, _, headers, _)] = mirror.asked
    assert headers.get_all("revision") == ["2026-10-15"]
    assert headers["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize("name", ["Authorization", "HOST", "cookie", "Content-Length", "Transfer-Encoding"])
def test_headers_that_are_ours_alone_are_refused(connection: Connection, mirror: Mirror, name: str) -> None:
    with pytest.raises(ValueError, match=name.lower()):
        Client(connection).call(at("anything"), headers={name: "x"})
    assert mirror.asked == []


def test_who_asks_anonymously_shows_no_token(connection: Connection, mirror: Mirror) -> None:
    Client(connection).call(at("anything"), is_anonymous=True)
    [(_, _, headers, _)] = mirror.asked
    assert "Authorization" not in headers


def test_text_and_bytes_are_given_as_they_came(connection: Connection, mirror: Mirror) -> None:
    page = Client(connection).call(at("page"), response_type="text")
    assert (page.text, page.media_type) == ("<p>Größe</p>", "text/html; charset=ISO-8859-1")
    assert page.request_id == "request-1"
    assert "Set-Cookie" not in page.headers
    assert Client(connection).call(at("picture"), response_type="binary").content == PICTURE
    with pytest.raises(TemporaryError) as caught:
        Client(connection).call(at("page"))
    assert caught.value.code == "http_200", "no page passes for Klaviyo's answer"


def test_an_answer_that_is_too_large_says_so(connection: Connection, mirror: Mirror) -> None:
    with pytest.raises(TemporaryError) as caught:
        Client(connection).call(at("huge"), response_type="binary")
    assert "larger than 16 MB" in caught.value.sentence


# Time.


def test_an_exchange_takes_no_longer_than_what_is_left(connection: Connection, mirror: Mirror) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTime) as caught:
        Client(connection, deadline=Deadline(0.3)).call(at("silence", "POST"), body={})
    assert time.monotonic() - began < 9, "the ten seconds of an exchange are shortened"
    assert (caught.value.code, caught.value.is_known) == ("timed_out", False)
    assert "may have been carried out" in caught.value.sentence
    assert Attempt.objects.get().code == "timed_out"


def test_reading_that_took_too_long_has_changed_nothing(connection: Connection, mirror: Mirror) -> None:
    with pytest.raises(OutOfTime) as caught:
        Client(connection, deadline=Deadline(0.3)).call(at("silence"))
    assert caught.value.is_known


def test_what_is_too_late_is_not_sent(connection: Connection, mirror: Mirror) -> None:
    with pytest.raises(OutOfTime) as caught:
        Client(connection, deadline=Deadline(0)).call(at("anything", "POST"), body={})
    assert (caught.value.is_known, mirror.asked) == (True, [])
    assert "Nothing was sent" in caught.value.sentence
    assert not Attempt.objects.exists()


def test_time_that_went_by_while_access_was_renewed_counts(
    connection: Connection, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline, renewed = Deadline(3600), connections.access

    def renew(connection_id: int, **_: Any) -> Any:
        monkeypatch.setattr(deadline, "_ends_at", 0.0)
        return renewed(connection_id)

    monkeypatch.setattr(connections, "access", renew)
    with pytest.raises(OutOfTime) as caught:
        Client(connection, deadline=deadline).call(at("anything", "POST"), body={})
    assert (caught.value.is_known, mirror.asked) == (True, [])


def test_time_that_is_left_changes_nothing(connection: Connection, mirror: Mirror) -> None:
    assert Client(connection, deadline=LONG).call(at("slow")).data == []


def test_a_deadline_ends_with_the_call_it_was_for(connection: Connection, mirror: Mirror) -> None:
    with pytest.raises(OutOfTime):
        Client(connection, deadline=Deadline(0.1)).call(at("silence"))
    assert Client(connection).call(at("slow")).data == []


def test_a_patient_client_waits_its_turn(connection: Connection, mirror: Mirror) -> None:
    slow = Operation("mirror_anything", "GET /api/anything", "", 75, 750)
    pacing.block(f"{connection.pk}:{slow.id}", timedelta(seconds=0.6))
    with pytest.raises(Throttled):
        Client(connection).call(slow)
    began = time.monotonic()
    Client(connection, patient=True, deadline=LONG).call(slow)
    assert time.monotonic() - began > 0.2
    assert len(mirror.asked) == 1


def test_a_patient_client_does_not_wait_for_what_comes_too_late(connection: Connection, mirror: Mirror) -> None:
    pacing.block(f"{connection.pk}:mirror_anything", timedelta(hours=1))
    with pytest.raises(OutOfTime) as caught:
        Client(connection, patient=True, deadline=Deadline(600)).call(at("anything"))
    assert (caught.value.code, caught.value.is_known, mirror.asked) == ("timed_out", True, [])
    assert caught.value.retry_after is not None


def test_a_patient_client_gives_up_when_the_process_is_asked_to_end(
    connection: Connection, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacing.block(f"{connection.pk}:mirror_anything", timedelta(hours=1))
    monkeypatch.setattr(shutdown, "asked", lambda: True)
    with pytest.raises(Throttled):
        Client(connection, patient=True).call(at("anything"))
    assert mirror.asked == []


# Whether it may have happened.


@pytest.mark.parametrize(
    ("fault", "is_known"),
    [
        ("500", False),
        ("reset", False),
        ("accept_then_drop", False),
        ("429", True),
        ("missing_scope", True),
        ("forbidden", True),
    ],
)
def test_an_error_says_whether_it_may_have_been_carried_out(
    connection: Connection, sandbox: Sandbox, fault: str, is_known: bool
) -> None:
    for operation, body in ((events.CREATE_EVENT, event()), (lists.GET_LISTS, None)):
        sandbox.fault(operation.id, fault)
        with pytest.raises(IntegrationError) as caught:
            Client(connection).call(operation, body=body)
        assert caught.value.is_known is (is_known or operation is lists.GET_LISTS)


def test_what_klaviyo_refuses_has_not_happened(connection: Connection) -> None:
    with pytest.raises(PermanentError) as caught:
        Client(connection).call(lists.GET_LIST, path={"id": "N0ne"})
    assert caught.value.is_known


def test_what_found_nobody_has_not_happened(connection: Connection, settings: Settings) -> None:
    settings.KLAVIYO_API_URL = f"http://127.0.0.1:{servers.free_port()}"
    with pytest.raises(TemporaryError) as caught:
        Client(connection).call(events.CREATE_EVENT, body=event())
    assert (caught.value.code, caught.value.is_known) == ("unreachable", True)


def event() -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Steeped"}}}
    profile = {"data": {"type": "profile", "attributes": {"email": "ann@example.com"}}}
    attributes = {"properties": {}, "metric": metric, "profile": profile, "unique_id": "1"}
    return {"data": {"type": "event", "attributes": attributes}}


# Who is told.


def test_an_observer_is_told_each_exchange_as_it_was(connection: Connection, sandbox: Sandbox) -> None:
    seen: list[Exchange] = []
    sandbox.expire_tokens(connection.account_id)
    Client(connection, observer=seen.append).call(events.CREATE_EVENT, body=event())
    assert [(one.operation.id, one.request.method, one.status) for one in seen] == [
        ("create_event", "POST", 401),
        ("create_event", "POST", 202),
    ]
    refused, taken = seen
    assert taken.request.address == f"{sandbox.url}/api/events"
    assert json.loads(taken.request.content or b"") == event()
    assert b'"errors"' in refused.content
    assert [one.request_id for one in seen] == [entry.request_id for entry in sandbox.requests("create_event")]
    assert all(one.request_id and one.seconds > 0 for one in seen)
    token = Connection.objects.get().access_token
    assert all("Authorization" not in one.request.headers and token not in repr(vars(one)) for one in seen)
    assert "ann@example.com" not in repr(seen)


def test_an_observer_is_told_that_no_answer_came(connection: Connection, mirror: Mirror) -> None:
    seen: list[Exchange] = []
    with pytest.raises(OutOfTime):
        Client(connection, observer=seen.append, deadline=Deadline(0.2)).call(at("silence", "POST"), body={})
    [one] = seen
    assert (one.status, one.code, one.content, one.request.content) == (None, "timed_out", b"", b"{}")


def test_an_observer_that_fails_changes_nothing(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Exchange) -> None:
        raise ValueError(address)

    address = "ann@example.com"
    assert Client(connection, observer=fail).call(lists.GET_LISTS).status == 200
    assert "could not be kept" in caplog.text
    assert address not in caplog.text


def test_attempts_belong_to_the_run_they_were_made_for(connection: Connection) -> None:
    run = uuid.uuid4()
    Client(connection, run=run).call(lists.GET_LISTS)
    Client(connection).call(lists.GET_LISTS)
    assert list(Attempt.objects.order_by("pk").values_list("run", flat=True)) == [run, None]


# What was granted.


def test_what_was_not_granted_is_not_asked(connection: Connection, sandbox: Sandbox) -> None:
    connection.scopes = "accounts:read lists:read"
    with pytest.raises(OperatorRequired) as caught:
        Client(connection).call(events.CREATE_EVENT, body=event())
    assert (caught.value.code, caught.value.is_known) == ("permission_denied", True)
    assert "events:write" in caught.value.sentence
    assert sandbox.requests("create_event") == []
    assert Client(connection).call(lists.GET_LISTS).status == 200


def test_where_nobody_knows_what_was_granted_klaviyo_is_asked(connection: Connection, sandbox: Sandbox) -> None:
    connection.scopes = ""
    assert Client(connection).call(events.CREATE_EVENT, body=event()).status == 202


# Rehearsals.


def test_a_rehearsal_keeps_what_would_be_sent(connection: Connection, sandbox: Sandbox) -> None:
    connection.scopes = "lists:read"
    rehearsal = Rehearsal(connection)
    assert rehearsal.call(lists.GET_LISTS, query={"page[size]": "10"}).data == []
    rehearsal.call(events.CREATE_EVENT, body=event())
    looked, told = rehearsal.planned
    assert looked.request.address == f"{sandbox.url}/api/lists?page[size]=10"
    assert (told.request.method, json.loads(told.request.content or b"")) == ("POST", event())
    assert told.request.headers["revision"] == "2026-07-15"
    assert "Authorization" not in told.request.headers
    assert (looked.lacks, told.lacks, told.wait) == ((), ("events:write",), timedelta())
    assert sandbox.requests("get_lists") == sandbox.requests("create_event") == []
    assert not Attempt.objects.exists()
    assert used(connection, "get_lists", *lists.GET_LISTS.windows) == 0


def test_a_rehearsal_is_what_goes(connection: Connection, mirror: Mirror) -> None:
    seen: list[Exchange] = []
    rehearsal = Rehearsal(connection)
    for client in (rehearsal, Client(connection, observer=seen.append)):
        client.call(at("anything", "PATCH"), query={"a": "b c+d"}, body={"ü": 1}, headers={"x-extra": "1"})
    [planned], [sent], [(method, path, headers, content)] = rehearsal.planned, seen, mirror.asked
    assert planned.request == sent.request
    assert (method, path) == ("PATCH", "/api/anything?a=b%20c%2Bd")
    assert content == planned.request.content
    assert all(headers[name] == value for name, value in planned.request.headers.items())


def test_a_rehearsal_goes_on_from_what_it_is_told(connection: Connection) -> None:
    told = {"data": [{"id": "01"}]}
    rehearsal = Rehearsal(connection, stand_in=lambda planned: told)
    assert rehearsal.call(profiles.GET_PROFILES).data == [{"id": "01"}]
