"""The quick ways through the sandbox answer as the slow ones do."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klaviyo.sandbox import Sandbox
from klaviyo.sandbox.protocol.errors import Problem
from klaviyo.sandbox.protocol.validation import Shape, is_larger
from klaviyo.sandbox.resources import event_shapes, imports
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event, profile

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just("ann@tea.test"),
    st.just("2026-11-20T10:00:00Z"),
    st.just("+358401234567"),
    st.just("x" * 300),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
FULL = event(
    value=9.5,
    value_currency="EUR",
    unique_id="c-1",
    time="2026-11-20T10:00:00Z",
    backfill=False,
    properties={"code": "AB12", "nested": {"list": [1, 2]}},
)
IMPORT = {
    "data": {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [profile(email="ann@tea.test", location={"city": "Oslo"})["data"]]}},
    }
}


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for name, value in inner for place in places(value, (*path, name)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(document)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    if not path:
        return value
    inner[path[-1]] = value
    return made


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_fits_has_nothing_wrong_with_it_and_the_other_way_round(data: Any) -> None:
    shape: Shape
    shape, document = data.draw(
        st.sampled_from(
            [
                (event_shapes.one("2026-07-15"), FULL),
                (event_shapes.JOB, bulk_events(FULL, event("ben@tea.test"))),
                (imports.BODY, IMPORT),
            ]
        )
    )
    assert shape.fits(document)
    told = changed(document, data.draw(st.sampled_from(places(document))), data.draw(VALUES))
    found: list[Problem] = []
    shape.check(told, "", found)
    assert shape.fits(told) == (not found)


def test_a_size_is_told_exactly_at_its_edge() -> None:
    for text in ("x" * 100, "\x00" * 100, "\u20ac" * 100, '"' * 100):
        sizes = [most for most in range(90, 700) if is_larger({"a": text}, most)]
        assert sizes == list(range(90, max(sizes) + 1))
    assert [most for most in range(8, 13) if is_larger({"a": "b"}, most)] == [8, 9]


def test_a_request_of_many_ends_as_many_requests_of_one(client: Client, sandbox: Sandbox) -> None:
    told: list[dict[str, Any]] = [
        {"email": "ann@tea.test", "first_name": "Ann", "properties": {"a": 1, "b": 2}},
        {"email": "ben@tea.test", "phone_number": "+358401234567", "external_id": "b-1"},
        {"email": "ANN@tea.test", "last_name": "Lee", "properties": {"b": None, "c": 3}},
        {"phone_number": "+358401234567", "title": "Dr"},
        {"external_id": "b-1", "email": "cid@tea.test"},
        {"external_id": "c-1", "email": "cid@tea.test", "phone_number": "+358401234567"},
        {"external_id": "c-1", "location": {"city": "Oslo"}},
        {"phone_number": "+358401234569"},
        {"phone_number": "+358401234569", "email": "dan@tea.test"},
        {"_kx": "kx-1", "email": "eve@tea.test"},
        {"_kx": "kx-1", "first_name": "Eve"},
    ]
    outcomes = []
    for size in (1, len(told)):
        sandbox.reset()
        client.token = sandbox.connect(TEA_HOUSE).access_token
        for start in range(0, len(told), size):
            people = {"data": [profile(**one)["data"] for one in told[start : start + size]]}
            body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": people}}}
            assert client.send("POST", "/api/profile-bulk-import-jobs", body).status_code == 202
        outcomes.append(
            [
                (one.email, one.phone_number, one.external_id, one.attributes, one.properties)
                for one in sandbox.profiles(TEA_HOUSE)
            ]
        )
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 5


def test_identifiers_may_change_hands_inside_a_request(client: Client, sandbox: Sandbox) -> None:
    for address, number in (("ann@tea.test", "+358401234567"), ("ben@tea.test", "+358401234568")):
        client.upsert(email=address, phone_number=number)
    gives = profile(email="ann@tea.test")["data"]
    gives["meta"] = {"patch_identifiers": {"unappend": {"phone_number": "+358401234567"}}}
    takes = profile(email="ben@tea.test", phone_number="+358401234567")["data"]
    people = {"data": [profile(email="ben@tea.test", title="Dr")["data"], gives, takes]}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": people}}}
    assert client.send("POST", "/api/profile-bulk-import-jobs", body).status_code == 202
    assert [(one.email, one.phone_number) for one in sandbox.profiles(TEA_HOUSE)] == [
        ("ann@tea.test", None),
        ("ben@tea.test", "+358401234567"),
    ]


def test_a_refused_change_of_one_leaves_no_trace_in_the_rest(client: Client, sandbox: Sandbox) -> None:
    client.upsert(email="ann@tea.test", phone_number="+358401234567")
    client.upsert(email="ben@tea.test")
    wrong = profile(email="ben@tea.test", title="Dr")["data"]
    wrong["meta"] = {"patch_identifiers": {"append": {"phone_number": "+358401234567"}}}
    people = {"data": [wrong, profile(email="ben@tea.test", first_name="Ben")["data"]]}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": people}}}
    client.send("POST", "/api/profile-bulk-import-jobs", body)
    ben = sandbox.profile(TEA_HOUSE, "ben@tea.test")
    assert ben
    assert (ben.first_name, ben.attributes, ben.phone_number) == ("Ben", {"first_name": "Ben"}, None)


def test_events_of_one_request_date_their_people(client: Client, sandbox: Sandbox) -> None:
    times = ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z")
    client.send("POST", "/api/event-bulk-create-jobs", bulk_events(*(event(time=one) for one in times)))
    client.send("POST", "/api/events", event(time="2026-11-19T10:00:00Z"))
    told = client.get("/api/profiles")["data"][0]["attributes"]
    assert told["last_event_date"] == "2026-11-20T12:00:00+00:00"
    assert len(sandbox.events(TEA_HOUSE)) == 4


def test_whoever_was_looked_for_in_vain_is_found_once_put_there(sandbox: Sandbox) -> None:
    client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
    answers = [
        client.send("POST", "/api/event-bulk-create-jobs", bulk_events(event(), event("Ann@tea.test"))) for _ in "ab"
    ]
    assert [one.status_code for one in answers] == [202, 202]
    assert len(sandbox.profiles(TEA_HOUSE)) == 1
