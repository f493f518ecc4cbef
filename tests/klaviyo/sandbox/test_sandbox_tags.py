"""Tags: made, renamed and deleted, put onto lists, segments and flows and taken off, and found on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedList
from klaviyo.sandbox.resources import tags
from tests.klaviyo.sandbox.flow_bodies import flow
from tests.klaviyo.sandbox.official import official, refusal
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client
from tests.klaviyo.sandbox.test_sandbox_campaigns import campaign

READS = "accounts:read tags:read lists:read segments:read flows:read"


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return official(sandbox)


def tag(name: str, **more: Any) -> dict[str, Any]:
    return {"data": {"type": "tag", "attributes": {"name": name}, **more}}


def named(kind: str, *ids: str) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": one} for one in ids]}


def segment(client: Client) -> str:
    condition = {"type": "profile-group-membership", "is_member": True, "group_ids": ["NwsLtr"]}
    definition = {"condition_groups": [{"conditions": [condition]}]}
    body = {"data": {"type": "segment", "attributes": {"name": "On the list", "definition": definition}}}
    return str(client.send("POST", "/api/segments", body).json()["data"]["id"])


def test_a_tag_lives_from_creation_to_deletion(api: Any) -> None:
    made = api.Tags.create_tag(tag("Sorae")).data
    assert made.attributes.name == "Sorae"
    read = api.Tags.get_tag(made.id, include=["tag-group"])
    (group,) = read.included
    assert (group.id, group.attributes.default) == (made.relationships.tag_group.data.id, True)
    api.Tags.update_tag(made.id, tag("Sorae 2", id=made.id))
    assert api.Tags.get_tag(made.id).data.attributes.name == "Sorae 2"
    api.Tags.delete_tag(made.id)
    assert [refusal(call, made.id) for call in (api.Tags.get_tag, api.Tags.delete_tag)] == [404, 404]
    assert api.Tags.get_tags().data == []


def test_they_are_listed_over_pages_and_filtered(api: Any, client: Client) -> None:
    for letter in "cab":
        api.Tags.create_tag(tag(f"Tea {letter}"))
    first = client.get("/api/tags?page[size]=2&sort=-name&fields[tag]=name")
    second = client.get(first["links"]["next"].removeprefix(client.url))
    assert [one["attributes"]["name"] for one in first["data"] + second["data"]] == ["Tea c", "Tea b", "Tea a"]
    for text, found in (
        ('equals(name,"Tea a")', ["Tea a"]),
        ('starts-with(name,"Tea")', ["Tea c", "Tea a", "Tea b"]),
        ('ends-with(name,"b")', ["Tea b"]),
        ('contains(name,"_")', []),
    ):
        assert [one.attributes.name for one in api.Tags.get_tags(filter=text).data] == found
    assert refusal(api.Tags.get_tags, filter='any(name,["Tea a"])') == 400
    assert client.send("GET", "/api/tags?page[size]=51").status_code == 400


def test_things_bear_tags_and_tags_know_their_things(sandbox: Sandbox, client: Client, api: Any) -> None:
    (on_list,) = sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    in_flow, in_segment = api.Flows.create_flow(flow()).data.id, segment(client)
    made = api.Tags.create_tag(tag("Sorae")).data.id
    for kind, thing in (("list", on_list), ("segment", in_segment), ("flow", in_flow)):
        put, take = getattr(api.Tags, f"tag_{kind}s"), getattr(api.Tags, f"remove_tag_from_{kind}s")
        for _ in range(2):
            put(made, named(kind, thing))
        assert [one.id for one in getattr(api.Tags, f"get_{kind}_ids_for_tag")(made).data] == [thing]
        reader = getattr(api, f"{kind.title()}s")
        assert [one.id for one in getattr(reader, f"get_tags_for_{kind}")(thing).data] == [made]
        read = client.get(f"/api/{kind}s/{thing}?include=tags")
        assert read["data"]["relationships"]["tags"]["data"] == [{"type": "tag", "id": made}]
        assert [one["id"] for one in client.get(f"/api/{kind}s?include=tags")["included"]] == [made]
        take(made, named(kind, thing))
        take(made, named(kind, thing))
        assert getattr(api.Tags, f"get_{kind}_ids_for_tag")(made).data == []
        assert client.get(f"/api/{kind}s/{thing}?include=tags")["included"] == []


def test_campaigns_bear_tags_too(sandbox: Sandbox, client: Client, api: Any) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr"), SeedList("Left out", "LeftOt")])
    sent, other = (str(client.send("POST", "/api/campaigns", campaign()).json()["data"]["id"]) for _ in range(2))
    made = api.Tags.create_tag(tag("Sorae")).data.id
    api.Tags.tag_campaigns(made, named("campaign", sent))
    assert [one.id for one in api.Tags.get_campaign_ids_for_tag(made).data] == [sent]
    assert [one.id for one in api.Campaigns.get_tags_for_campaign(sent).data] == [made]
    assert client.get(f"/api/campaigns/{other}/tags")["data"] == []
    read = client.get(f"/api/campaigns/{sent}?include=tags,campaign-messages")
    assert read["data"]["relationships"]["tags"]["data"] == [{"type": "tag", "id": made}]
    assert [one["type"] for one in read["included"]] == ["campaign-message", "tag"]
    api.Tags.remove_tag_from_campaigns(made, named("campaign", sent))
    assert client.get(f"/api/campaigns/{sent}?include=tags")["included"] == []


def test_what_is_gone_is_not_borne_any_more(sandbox: Sandbox, client: Client, api: Any) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr"), SeedList("Second", "Second")])
    one, other = (api.Tags.create_tag(tag(name)).data.id for name in ("One", "Other"))
    for made in (one, other):
        api.Tags.tag_lists(made, named("list", "NwsLtr", "Second"))
    client.send("DELETE", "/api/lists/NwsLtr")
    assert [it.id for it in api.Tags.get_list_ids_for_tag(one).data] == ["Second"]
    api.Tags.delete_tag(one)
    assert [it.id for it in api.Lists.get_tags_for_list("Second").data] == [other]


def test_what_the_account_has_not_got_cannot_be_tagged(sandbox: Sandbox, client: Client, api: Any) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    sandbox.put_lists(NORDLYS, [SeedList("Theirs", "Theirs")])
    made = api.Tags.create_tag(tag("Sorae")).data.id
    assert refusal(api.Tags.tag_lists, made, named("list", "NwsLtr", "Theirs")) == 404
    assert api.Tags.get_list_ids_for_tag(made).data == []
    assert refusal(api.Tags.tag_campaigns, made, named("campaign", "01CAMPAIGN")) == 404
    assert refusal(api.Tags.tag_lists, "no-such-tag", named("list", "NwsLtr")) == 404
    assert client.send("GET", "/api/lists/Theirs/tags").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/api/tags", tag(""), "/data/attributes/name"),
        ("/api/tags", tag("Taken"), "/data/attributes/name"),
        ("/api/tags", tag("New", colour="green"), "/data/colour"),
        ("/api/tags", {"data": {"type": "tag", "attributes": {"name": "A", "id": "7"}}}, "/data/attributes/id"),
        ("/api/tags/TAKEN/relationships/lists", {"data": []}, "/data"),
        ("/api/tags/TAKEN/relationships/lists", named("flow", "NwsLtr"), "/data/0/type"),
        ("/api/tags/TAKEN/relationships/lists", {"data": [{"type": "list"}]}, "/data/0/id"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_its_place(
    api: Any, client: Client, path: str, body: dict[str, Any], pointer: str
) -> None:
    taken = api.Tags.create_tag(tag("Taken")).data.id
    answer = client.send("POST", path.replace("TAKEN", taken), body)
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    assert len(api.Tags.get_tags().data) == 1


def test_there_are_so_many_tags_and_no_more(api: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    assert (tags.MOST_TAGS, tags.MOST_OF_ONE) == (500, 100)
    monkeypatch.setattr(tags, "MOST_TAGS", 2)
    monkeypatch.setattr(tags, "MOST_OF_ONE", 1)
    one, other = (api.Tags.create_tag(tag(name)).data.id for name in ("One", "Other"))
    assert refusal(api.Tags.create_tag, tag("Third")) == 400
    for _ in range(2):
        api.Tags.tag_lists(one, named("list", "NwsLtr"))
    assert refusal(api.Tags.tag_lists, other, named("list", "NwsLtr")) == 400


def test_tags_belong_to_their_account_and_need_their_scopes(sandbox: Sandbox, client: Client, api: Any) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    made = api.Tags.create_tag(tag("Sorae")).data.id
    theirs, reading = official_of(sandbox, NORDLYS), official(sandbox, READS)
    assert refusal(theirs.Tags.get_tag, made) == 404
    assert theirs.Tags.create_tag(tag("Sorae")).data.id != made
    assert reading.Tags.get_tag(made).data.id == made
    assert refusal(reading.Tags.create_tag, tag("Mine")) == 403
    tagging = official(sandbox, f"{READS} tags:write")
    assert refusal(tagging.Tags.tag_lists, made, named("list", "NwsLtr")) == 403


def official_of(sandbox: Sandbox, account: str) -> Any:
    made = official(sandbox)
    made.api_client.configuration.access_token = sandbox.connect(account).access_token
    return made


def test_tags_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
        api = official(sandbox)
        made = api.Tags.create_tag(tag("Sorae")).data.id
        api.Tags.tag_lists(made, named("list", "NwsLtr"))
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        api = official(sandbox)
        assert [one.id for one in api.Lists.get_tags_for_list("NwsLtr").data] == [made]
        sandbox.reset()
        assert official(sandbox).Tags.get_tags().data == []
