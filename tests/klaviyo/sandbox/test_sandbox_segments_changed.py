"""Segments: their definitions are checked by their ten kinds of conditions, and may be changed and put to rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from klaviyo.sandbox.resources import definition_shapes
from tests import schemas
from tests.klaviyo.sandbox import definitions
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

CONDITIONS = "/data/attributes/definition/condition_groups/0/conditions"
ON_THE_LIST: dict[str, Any] = {"type": "profile-group-membership", "is_member": True, "group_ids": ["NwsLtr"]}
EVER = {"type": "date", "operator": "alltime"}
ONCE = {"type": "numeric", "operator": "greater-than", "value": 0}
CAN_RECEIVE = {"channel": "email", "can_receive_marketing": True, "consent_status": {"subscription": "any"}}
OF_EACH_KIND: list[dict[str, Any]] = [
    ON_THE_LIST,
    {
        "type": "profile-metric",
        "metric_id": "RwrdIs",
        "measurement": "count",
        "measurement_filter": ONCE,
        "timeframe_filter": EVER,
    },
    {"type": "profile-marketing-consent", "consent": CAN_RECEIVE},
    {"type": "profile-property", "property": "email", "filter": {"type": "existence", "operator": "is-set"}},
    {
        "type": "profile-postal-code-distance",
        "country_code": "FI",
        "postal_code": "00100",
        "unit": "kilometers",
        "filter": {"type": "numeric", "operator": "less-than", "value": 10},
    },
    {"type": "profile-region", "in_region": True, "region": "european_union"},
    {
        "type": "profile-predictive-analytics",
        "dimension": "predicted_clv",
        "filter": {"type": "numeric", "operator": "greater-than", "value": 10.5},
    },
    {
        "type": "profile-permissions",
        "channel": "whatsapp_marketing",
        "permission": {"reachable_status": "implicitly_or_explicitly_reachable"},
    },
    {
        "type": "profile-has-custom-object",
        "object_type_id": "1",
        "object_type_relationship_id": "2",
        "filter": {"type": "numeric", "operator": "equals", "value": 1},
        "filters": [{"property_id": 3, "filter": {"type": "boolean", "operator": "equals", "value": True}}],
    },
    {
        "type": "profile-metric-funnel",
        "timeframe_filter": {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 30},
        "completion_window_seconds": "DAYS_3",
        "steps": [{"metric_exists": True, "metric_id": "RwrdIs"}, {"metric_exists": False, "metric_id": "Convrs"}],
    },
]


def of(*conditions: Any) -> dict[str, Any]:
    return {"condition_groups": [{"conditions": list(conditions)}]}


def body(definition: dict[str, Any], name: str = "Advocates") -> dict[str, Any]:
    return {"data": {"type": "segment", "attributes": {"name": name, "definition": definition}}}


def change(segment_id: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "segment", "id": segment_id, "attributes": attributes}}


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    return official(sandbox)


@pytest.mark.parametrize("condition", OF_EACH_KIND, ids=lambda condition: str(condition["type"]))
def test_each_kind_of_condition_is_taken_and_read_back(api: Any, client: Client, condition: dict[str, Any]) -> None:
    answer = client.send("POST", "/api/segments", body(of(condition)))
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]["id"]
    assert client.get(f"/api/segments/{made}")["data"]["attributes"]["definition"] == of(condition)
    assert api.Segments.get_segment(made).data.attributes.name == "Advocates"


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ({"type": "profile-colour"}, "/0/type"),
        ({"is_member": True}, "/0/type"),
        ("profile-region", "/0"),
        ({**ON_THE_LIST, "colour": "green"}, "/0/colour"),
        ({**ON_THE_LIST, "is_member": 1}, "/0/is_member"),
        ({**ON_THE_LIST, "group_ids": "NwsLtr"}, "/0/group_ids"),
        ({**ON_THE_LIST, "is_member": False, "timeframe_filter": EVER}, "/0/timeframe_filter"),
        ({**OF_EACH_KIND[1], "measurement": "average"}, "/0/measurement"),
        ({**OF_EACH_KIND[1], "measurement_filter": {**ONCE, "value": "0"}}, "/0/measurement_filter/value"),
        ({**OF_EACH_KIND[1], "timeframe_filter": {**EVER, "operator": "sometime"}}, "/0/timeframe_filter/operator"),
        ({"type": "profile-marketing-consent", "consent": {**CAN_RECEIVE, "channel": "fax"}}, "/0/consent/channel"),
        ({**OF_EACH_KIND[3], "filter": {"type": "existence", "operator": "is-blue"}}, "/0/filter/operator"),
        ({**OF_EACH_KIND[5], "region": "the_moon"}, "/0/region"),
        (
            {**OF_EACH_KIND[7], "permission": {"reachable_status": "maybe"}},
            "/0/permission/reachable_status",
        ),
    ],
)
def test_a_condition_that_does_not_fit_is_refused_by_its_place(
    api: Any, client: Client, condition: Any, place: str
) -> None:
    answer = client.send("POST", "/api/segments", body(of(condition)))
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": CONDITIONS + place})
    assert api.Segments.get_segments().data == []


def test_a_segment_is_changed_and_deleted(sandbox: Sandbox, api: Any) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"]), SeedProfile("ben@tea.test")])
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    changed = api.Segments.update_segment(made, change(made, name="Everybody else", is_starred=True)).data.attributes
    assert (changed.name, changed.is_starred) == ("Everybody else", True)

    def members() -> list[str]:
        return [one.attributes.email for one in api.Segments.get_profiles_for_segment(made).data]

    assert members() == ["ann@tea.test"]
    api.Segments.update_segment(made, change(made, definition=of({**ON_THE_LIST, "is_member": False})))
    assert members() == ["ben@tea.test"]
    assert api.Segments.get_segment(made).data.attributes.name == "Everybody else"
    api.Segments.delete_segment(made)
    assert refusal(api.Segments.get_segment, made) == 404
    assert refusal(api.Segments.update_segment, made, change(made, name="Gone")) == 404


def test_a_segment_rests_and_is_woken(api: Any, client: Client) -> None:
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    together = client.send("PATCH", f"/api/segments/{made}", change(made, is_active=False, name="Resting"))
    assert together.json()["errors"][0]["source"] == {"pointer": "/data/attributes/is_active"}
    assert api.Segments.update_segment(made, change(made, is_active=False)).data.attributes.is_active is False
    assert [one.id for one in api.Segments.get_segments(filter="equals(is_active,false)").data] == [made]
    woken = api.Segments.update_segment(made, change(made, is_active=True, name="Awake")).data.attributes
    assert (woken.is_active, woken.name) == (True, "Awake")


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"name": ""}, "/data/attributes/name"),
        ({"colour": "green"}, "/data/attributes/colour"),
        ({"is_starred": "yes"}, "/data/attributes/is_starred"),
        ({"definition": {"condition_groups": []}}, "/data/attributes/definition/condition_groups"),
        ({"definition": of({"type": "moon"})}, f"{CONDITIONS}/0/type"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    api: Any, client: Client, attributes: dict[str, Any], pointer: str
) -> None:
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    answer = client.send("PATCH", f"/api/segments/{made}", change(made, **attributes))
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    assert client.send("PATCH", f"/api/segments/{made}", change("Other1", name="A")).status_code == 400


def test_the_segments_of_a_profile_are_told(sandbox: Sandbox, api: Any, client: Client) -> None:
    ann, ben = sandbox.put_profiles(
        TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"]), SeedProfile("ben@tea.test")]
    )
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    assert [one.id for one in api.Profiles.get_segments_for_profile(ann).data] == [made]
    assert api.Profiles.get_segments_for_profile(ben).data == []
    assert client.get(f"/api/profiles/{ann}/relationships/segments")["data"] == [{"type": "segment", "id": made}]
    assert client.send("GET", "/api/profiles/7/segments").status_code == 404


def test_members_are_asked_for_by_what_names_them(sandbox: Sandbox, api: Any) -> None:
    ann, _ = sandbox.put_profiles(
        TEA_HOUSE,
        [
            SeedProfile("ann@tea.test", "+358401234567", "A-1", lists=["NwsLtr"]),
            SeedProfile("ben@tea.test", lists=["NwsLtr"]),
        ],
    )
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    for text in (f'equals(profile_id,"{ann}")', 'any(email,["ann@tea.test"])', 'any(phone_number,["+358401234567"])'):
        assert [one.id for one in api.Segments.get_profiles_for_segment(made, filter=text).data] == [ann]
    assert refusal(api.Segments.get_profiles_for_segment, made, filter='equals(external_id,"A-1")') == 400
    assert refusal(api.Lists.get_profiles_for_list, "NwsLtr", filter=f'equals(profile_id,"{ann}")') == 400


def test_changes_need_their_scope_and_are_limited(sandbox: Sandbox, api: Any, client: Client) -> None:
    made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
    reading = official(sandbox, "accounts:read segments:read profiles:read")
    assert refusal(reading.Segments.update_segment, made, change(made, name="Mine")) == 403
    theirs = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    assert theirs.send("PATCH", f"/api/segments/{made}", change(made, name="Theirs")).status_code == 404
    sandbox.settings(limits=True)
    answers = [client.send("PATCH", f"/api/segments/{made}", change(made, name="Mine")) for _ in range(31)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "1, 1;w=1, 15;w=60, 100;w=86400"


def test_changes_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        api = official(sandbox)
        made = api.Segments.create_segment(body(of(ON_THE_LIST))).data.id
        api.Segments.update_segment(made, change(made, is_active=False))
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        assert official(sandbox).Segments.get_segment(made).data.attributes.is_active is False


def test_the_shapes_of_definitions_are_the_specifications() -> None:
    document = schemas.specification()
    kept = definition_shapes.FILE.read_text()
    assert document is None or definitions.text(document) == kept
    for name in definitions.ROOTS:
        assert definition_shapes.named(name)
