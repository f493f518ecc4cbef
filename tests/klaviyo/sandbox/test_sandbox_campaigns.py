"""The operations on campaigns: drafted, counted, scheduled, sent, cancelled, cloned, and refused as Klaviyo would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.judged import Judged, judged, status_of, walked
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

EMAIL = {
    "channel": "email",
    "label": "main",
    "content": {"subject": "A gift", "from_email": "hello@teahouse.example", "from_label": "Tea House"},
}
SMS = {"channel": "sms", "content": {"body": "A gift"}, "render_options": {"add_org_prefix": False}}
PUSH = {"channel": "mobile_push", "notification_type": "standard", "content": {"title": "Hi", "body": "A gift"}}
ALL_PAGES = 'equals(messages.channel,"email"),contains(name,"Page ")'


@pytest.fixture(scope="module")
def it() -> Iterator[Judged]:
    with judged() as running:
        running.sandbox.put_lists(
            TEA_HOUSE, [SeedList("Newsletter", "NwsLtr"), SeedList("Left out", "LeftOt"), SeedList("Nobody", "Nobody")]
        )
        running.sandbox.put_profiles(
            TEA_HOUSE,
            [
                SeedProfile("ann@tea.test", consent="SUBSCRIBED", lists=["NwsLtr"]),
                SeedProfile("ben@tea.test", lists=["NwsLtr"]),
                SeedProfile("cas@tea.test", consent="UNSUBSCRIBED", lists=["NwsLtr"]),
                SeedProfile("dan@tea.test", suppressions=["HARD_BOUNCE"], lists=["NwsLtr"]),
                SeedProfile("eve@tea.test", lists=["NwsLtr", "LeftOt"]),
            ],
        )
        yield running


def message(definition: Any, **more: Any) -> dict[str, Any]:
    return {"type": "campaign-message", "attributes": {"definition": definition}, **more}


def campaign(*definitions: Any, **attributes: Any) -> dict[str, Any]:
    told = {
        "name": "Launch",
        "audiences": {"included": ["NwsLtr"], "excluded": ["LeftOt"]},
        "campaign-messages": {"data": [message(one) for one in definitions or (EMAIL,)]},
        **{name.replace("__", "-"): value for name, value in attributes.items()},
    }
    return {"data": {"type": "campaign", "attributes": {name: it for name, it in told.items() if it is not ...}}}


def about(kind: str, identity: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "id": identity, "attributes": attributes}}


def job(kind: str, identity: str) -> dict[str, Any]:
    return {"data": {"type": f"campaign-{kind}-job", "id": identity}}


def assigned(message_id: str, template_id: str) -> dict[str, Any]:
    template = {"template": {"data": {"type": "template", "id": template_id}}}
    return {"data": {"type": "campaign-message", "id": message_id, "relationships": template}}


def template(html: str = "<p>Hello</p>") -> dict[str, Any]:
    return {"data": {"type": "template", "attributes": {"name": "Gift", "editor_type": "CODE", "html": html}}}


def ready(it: Judged, included: str = "NwsLtr", html: str = "<p>Hello</p>", **attributes: Any) -> str:
    """A campaign that may be sent; its id."""
    audiences = {"included": [included], "excluded": []}
    made = it.api.Campaigns.create_campaign(campaign(audiences=audiences, **attributes)).data
    source = it.api.Templates.create_template(template(html)).data.id
    message_id = made.relationships.campaign_messages.data[0].id
    it.api.Campaigns.assign_template_to_campaign_message(assigned(message_id, source))
    return str(made.id)


def status(it: Judged, campaign_id: str) -> str:
    return str(it.api.Campaigns.get_campaign(campaign_id).data.attributes.status)


def test_a_campaign_lives_from_draft_to_deletion(it: Judged) -> None:
    api = it.api.Campaigns
    strategy = {"method": "static", "datetime": "2040-12-01T09:00:00+00:00"}
    tracking = {
        "add_tracking_params": True,
        "custom_tracking_params": [{"type": "dynamic", "name": "utm_campaign", "value": "campaign_name"}],
    }
    made = api.create_campaign(campaign(send_strategy=strategy, tracking_options=tracking)).data
    told = it.client.get(f"/api/campaigns/{made.id}")["data"]["attributes"]
    assert (told["status"], told["archived"], told["send_time"], told["scheduled_at"]) == ("Draft", False, None, None)
    assert told["send_strategy"] == {**strategy, "options": {"is_local": False}}
    assert told["send_options"] == {"use_smart_sending": True}
    assert told["tracking_options"] == {**tracking, "is_tracking_clicks": True, "is_tracking_opens": True}
    assert told["audiences"] == {"included": ["NwsLtr"], "excluded": ["LeftOt"]}
    change = about("campaign", made.id, name="Start", audiences={"excluded": []}, send_strategy={"method": "immediate"})
    changed = api.update_campaign(made.id, change).data.attributes
    assert (changed.name, changed.audiences.included, changed.audiences.excluded) == ("Start", ["NwsLtr"], [])
    assert changed.send_strategy["method"] == "immediate"
    api.delete_campaign(made.id)
    assert status_of(api.get_campaign, made.id) == 404
    assert status_of(api.delete_campaign, made.id) == 404


def test_what_is_not_said_gets_its_default(it: Judged) -> None:
    body = campaign({"channel": "email"}, audiences={"included": ["NwsLtr"]})
    made = it.client.send("POST", "/api/campaigns", body).json()["data"]
    told = made["attributes"]
    assert (told["send_strategy"], told["send_options"]) == ({"method": "immediate"}, {"use_smart_sending": True})
    assert told["audiences"]["excluded"] == []
    (one,) = made["relationships"]["campaign-messages"]["data"]
    definition = it.client.get(f"/api/campaign-messages/{one['id']}")["data"]["attributes"]["definition"]
    assert definition["content"]["subject"] is None
    assert definition["label"] is None


def test_campaigns_are_listed_by_channel_over_pages(it: Judged) -> None:
    api = it.api.Campaigns
    made = [api.create_campaign(campaign(name=f"Page {number}")).data.id for number in range(5)]
    texts = api.create_campaign(campaign(SMS, name="Page of texts")).data.id
    pages = walked(api.get_campaigns, filter=ALL_PAGES, page_size=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == made
    backwards = walked(api.get_campaigns, filter=ALL_PAGES, sort="-name")
    assert backwards == [made[::-1]]
    assert walked(api.get_campaigns, filter=ALL_PAGES.replace("email", "sms")) == [[texts]]
    for said, expected in (
        (f'any(id,["{made[1]}","{made[3]}"])', [made[1], made[3]]),
        ('equals(status,"Draft")', made),
        ('any(status,["Sent","Scheduled"])', []),
        ("equals(archived,true)", []),
        ("greater-than(created_at,2020-01-01T00:00:00Z)", made),
        ("less-than(updated_at,2020-01-01T00:00:00Z)", []),
        ("greater-or-equal(scheduled_at,2020-01-01T00:00:00Z)", []),
    ):
        assert [one.id for one in api.get_campaigns(filter=f"{ALL_PAGES},{said}").data] == expected, said


def test_messages_are_named_and_included(it: Judged) -> None:
    made = it.api.Campaigns.create_campaign(campaign(name="With messages")).data
    (one,) = made.relationships.campaign_messages.data
    read = it.client.get(f"/api/campaigns/{made.id}", include="campaign-messages,tags")
    (included,) = read["included"]
    assert (included["id"], included["attributes"]["definition"]["content"]["subject"]) == (one.id, "A gift")
    assert included["relationships"]["campaign"]["data"]["id"] == made.id
    sparse = it.client.get(
        f"/api/campaigns/{made.id}",
        **{
            "include": "campaign-messages",
            "fields[campaign]": "name,send_strategy.method",
            "fields[campaign-message]": "definition.content.subject",
        },
    )
    assert sparse["data"]["attributes"] == {"name": "With messages", "send_strategy": {"method": "immediate"}}
    assert sparse["included"][0]["attributes"] == {"definition": {"content": {"subject": "A gift"}}}


def test_a_message_is_changed_member_by_member(it: Judged) -> None:
    api = it.api.Campaigns
    made = api.create_campaign(campaign()).data
    message_id = made.relationships.campaign_messages.data[0].id
    definition = {"channel": "email", "content": {"subject": "Two gifts", "from_label": None}}
    api.update_campaign_message(message_id, about("campaign-message", message_id, definition=definition))
    content = it.client.get(f"/api/campaign-messages/{message_id}")["data"]["attributes"]["definition"]["content"]
    assert (content["subject"], content["from_label"], content["from_email"]) == (
        "Two gifts",
        None,
        "hello@teahouse.example",
    )
    body = about("campaign-message", message_id, definition={**SMS})
    assert it.refused("PATCH", f"/api/campaign-messages/{message_id}", body) == [
        (400, "/data/attributes/definition/channel")
    ]
    assert it.client.send("PATCH", f"/api/campaign-messages/{message_id}", about("campaign-message", message_id)).ok


def test_texts_and_pushes_are_campaigns_too(it: Judged) -> None:
    api = it.api.Campaigns
    picture = it.client.send(
        "POST", "/api/images", {"data": {"type": "image", "attributes": {"import_from_url": "https://tea.test/a.png"}}}
    ).json()["data"]["id"]
    related = {"image": {"data": {"type": "image", "id": picture}}}
    told = {"data": [message(PUSH, relationships=related)]}
    made = api.create_campaign(campaign(campaign__messages=told)).data
    message_id = made.relationships.campaign_messages.data[0].id
    read = it.client.get(f"/api/campaign-messages/{message_id}", include="image,campaign,template")
    assert {one["type"]: one["id"] for one in read["included"]} == {"image": picture, "campaign": made.id}
    assert read["data"]["attributes"]["definition"]["content"]["body"] == "A gift"
    text = api.create_campaign(campaign(SMS)).data.relationships.campaign_messages.data[0].id
    definition = it.client.get(f"/api/campaign-messages/{text}")["data"]["attributes"]["definition"]
    assert definition["render_options"]["add_org_prefix"] is False
    assert definition["render_options"]["shorten_links"] is True
    silent = {"channel": "mobile_push", "notification_type": "silent", "kv_pairs": {"screen": "gift"}}
    assert api.create_campaign(campaign(silent)).data.attributes.status == "Draft"


def test_a_template_is_copied_for_the_message(it: Judged) -> None:
    source = it.api.Templates.create_template(template()).data.id
    made = it.api.Campaigns.create_campaign(campaign()).data
    message_id = made.relationships.campaign_messages.data[0].id
    flat = it.api.Campaigns.assign_template_to_campaign_message(assigned(message_id, source)).data
    assert (flat.attributes.label, flat.attributes.channel) == ("main", "email")
    copy = flat.relationships.template.data.id
    assert copy != source
    read = it.client.get(f"/api/campaign-messages/{message_id}", include="template")
    assert [(one["id"], one["attributes"]["html"]) for one in read["included"]] == [(copy, "<p>Hello</p>")]
    assert copy not in [one.id for one in it.sandbox.templates(TEA_HOUSE)]
    assert it.client.send("DELETE", f"/api/templates/{copy}").status_code == 409
    it.api.Templates.delete_template(source)
    assert it.api.Templates.get_template(copy).data.attributes.name == "Gift"
    again = it.api.Templates.create_template(template("<p>Other</p>")).data.id
    flat = it.api.Campaigns.assign_template_to_campaign_message(assigned(message_id, again)).data
    assert flat.relationships.template.data.id != copy
    assert status_of(it.api.Templates.get_template, copy) == 404


def test_recipients_are_counted_when_it_is_asked_for(it: Judged) -> None:
    api = it.api.Campaigns
    made = api.create_campaign(campaign()).data.id
    assert status_of(api.get_campaign_recipient_estimation, made) == 404
    assert status_of(api.get_campaign_recipient_estimation_job, made) == 404
    begun = api.refresh_campaign_recipient_estimation(job("recipient-estimation", made)).data
    assert (begun.id, begun.attributes.status) == (made, "queued")
    assert api.get_campaign_recipient_estimation_job(made).data.attributes.status == "complete"
    # Ann and Ben; the others said no, bounce, or are left out.
    assert api.get_campaign_recipient_estimation(made).data.attributes.estimated_recipient_count == 2
    api.update_campaign(made, about("campaign", made, audiences={"excluded": []}))
    assert api.get_campaign_recipient_estimation(made).data.attributes.estimated_recipient_count == 2
    api.refresh_campaign_recipient_estimation(job("recipient-estimation", made))
    assert api.get_campaign_recipient_estimation(made).data.attributes.estimated_recipient_count == 3


def test_texts_go_to_those_who_asked_for_them(it: Judged) -> None:
    it.sandbox.put_lists(TEA_HOUSE, [SeedList("Texts", "TextsL")])
    ann = it.client.upsert(email="ann@texts.test", phone_number="+358401234567").json()["data"]["id"]
    ben = it.client.upsert(email="ben@texts.test", phone_number="+358401234568").json()["data"]["id"]
    members = {"data": [{"type": "profile", "id": one} for one in (ann, ben)]}
    it.client.send("POST", "/api/lists/TextsL/relationships/profiles", members)
    said = {"sms": {"marketing": {"consent": "SUBSCRIBED"}}}
    person = {"type": "profile", "attributes": {"phone_number": "+358401234567", "subscriptions": said}}
    body = {
        "data": {
            "type": "profile-subscription-bulk-create-job",
            "attributes": {"profiles": {"data": [person]}},
            "relationships": {"list": {"data": {"type": "list", "id": "TextsL"}}},
        }
    }
    assert it.client.send("POST", "/api/profile-subscription-bulk-create-jobs", body).status_code == 202
    made = it.api.Campaigns.create_campaign(campaign(SMS, audiences={"included": ["TextsL"]})).data.id
    it.api.Campaigns.send_campaign(job("send", made))
    assert status(it, made) == "Sent"
    assert [one.recipients for one in it.sandbox.campaigns(TEA_HOUSE) if one.id == made] == [(ann,)]


def test_a_campaign_is_sent_at_once(it: Judged) -> None:
    made = ready(it)
    assert status_of(it.api.Campaigns.get_campaign_send_job, made) == 404
    begun = it.api.Campaigns.send_campaign(job("send", made)).data
    assert (begun.id, begun.attributes.status) == (made, "queued")
    assert it.api.Campaigns.get_campaign_send_job(made).data.attributes.status == "complete"
    told = it.api.Campaigns.get_campaign(made).data.attributes
    assert told.status == "Sent"
    assert told.send_time is not None
    (seen,) = [one for one in it.sandbox.campaigns(TEA_HOUSE) if one.id == made]
    emails = {one.id: one.email for one in it.sandbox.profiles(TEA_HOUSE)}
    assert [emails[one] for one in seen.recipients] == ["ann@tea.test", "ben@tea.test", "eve@tea.test"]
    for body in (job("send", made), about("campaign-send-job", made, action="cancel")):
        method, path = ("PATCH", f"/api/campaign-send-jobs/{made}") if "attributes" in body["data"] else ("POST", "")
        assert it.refused(method, path or "/api/campaign-send-jobs", body) == [(400, "/data/id")]
    assert it.refused("PATCH", f"/api/campaigns/{made}", about("campaign", made, name="x")) == [(400, "/data/id")]
    message_id = seen.messages[0]
    definition = about("campaign-message", message_id, definition={"channel": "email", "label": "x"})
    assert it.refused("PATCH", f"/api/campaign-messages/{message_id}", definition) == [(400, "/data/id")]
    it.api.Campaigns.delete_campaign(made)


def test_nobody_to_send_to_cancels_it(it: Judged) -> None:
    made = ready(it, "Nobody")
    it.api.Campaigns.send_campaign(job("send", made))
    assert status(it, made) == "Cancelled: No Recipients"


def test_a_campaign_goes_its_way_and_may_be_called_back(sandbox: Sandbox) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
        sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", lists=["NwsLtr"])])
        sandbox.settings(campaign_seconds=60)
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        strategy = {"method": "static", "datetime": "2026-11-20T10:10:00+00:00"}
        body = campaign(audiences={"included": ["NwsLtr"]}, send_strategy=strategy)
        source = client.send("POST", "/api/templates", template()).json()["data"]["id"]

        def scheduled() -> str:
            made = client.send("POST", "/api/campaigns", body).json()["data"]
            message_id = made["relationships"]["campaign-messages"]["data"][0]["id"]
            client.send("POST", "/api/campaign-message-assign-template", assigned(message_id, source))
            assert client.send("POST", "/api/campaign-send-jobs", job("send", made["id"])).status_code == 202
            return str(made["id"])

        def seen(campaign_id: str) -> tuple[str, str]:
            told = client.get(f"/api/campaigns/{campaign_id}")["data"]["attributes"]["status"]
            return told, client.get(f"/api/campaign-send-jobs/{campaign_id}")["data"]["attributes"]["status"]

        def call_back(campaign_id: str, action: str) -> int:
            change = about("campaign-send-job", campaign_id, action=action)
            return client.send("PATCH", f"/api/campaign-send-jobs/{campaign_id}", change).status_code

        sent, cancelled, reverted, stopped = (scheduled() for _ in range(4))
        told = client.get(f"/api/campaigns/{sent}")["data"]["attributes"]
        assert (told["scheduled_at"], told["send_time"]) == ("2026-11-20T10:00:00+00:00", "2026-11-20T10:10:00+00:00")
        assert seen(sent) == ("Scheduled", "queued")
        assert client.send("DELETE", f"/api/campaigns/{sent}").status_code == 409
        assert (call_back(cancelled, "cancel"), seen(cancelled)) == (204, ("Cancelled", "cancelled"))
        assert (call_back(reverted, "revert"), seen(reverted)) == (204, ("Draft", "cancelled"))
        assert call_back(reverted, "cancel") == 400
        clock.shift(601)
        assert seen(sent) == ("Sending", "processing")
        assert (call_back(stopped, "cancel"), seen(stopped)) == (204, ("Cancelled", "cancelled"))
        assert client.send("POST", "/api/campaign-send-jobs", job("send", reverted)).status_code == 400
        clock.shift(60)
        assert seen(sent) == ("Sent", "complete")
        only_sent = client.get("/api/campaigns", filter='equals(messages.channel,"email"),equals(status,"Sent")')
        assert [one["id"] for one in only_sent["data"]] == [sent]
        client.session.close()


def test_what_is_not_finished_is_not_sent(it: Judged) -> None:
    api = it.api.Campaigns
    unfinished = api.create_campaign(campaign({"channel": "email", "content": {}})).data.id
    assert it.refused("POST", "/api/campaign-send-jobs", job("send", unfinished)) == [(400, "/data/id")] * 2
    empty = api.create_campaign(campaign({"channel": "sms"})).data.id
    assert it.refused("POST", "/api/campaign-send-jobs", job("send", empty)) == [(400, "/data/id")]
    past = ready(it, send_strategy={"method": "smart_send_time", "date": "2020-01-01"})
    assert it.refused("POST", "/api/campaign-send-jobs", job("send", past)) == [(400, "/data/id")]
    assert [status(it, one) for one in (unfinished, empty, past)] == ["Draft"] * 3
    message_id = api.get_campaign(empty).data.relationships.campaign_messages.data[0].id
    source = it.api.Templates.create_template(template()).data.id
    path = "/api/campaign-message-assign-template"
    assert it.refused("POST", path, assigned(message_id, source)) == [(400, "/data/id")]
    assert it.client.send("POST", path, assigned(message_id, "AbCdEf")).status_code == 404
    assert it.client.send("POST", path, assigned("01HZZZZZZZZZZZZZZZZZZZZZZZ", source)).status_code == 404


def test_a_clone_is_a_draft_of_its_own(it: Judged) -> None:
    made = ready(it)
    it.api.Campaigns.send_campaign(job("send", made))
    clone = it.api.Campaigns.create_campaign_clone(about("campaign", made, new_name="Once more")).data
    assert (clone.attributes.name, clone.attributes.status) == ("Once more", "Draft")
    assert clone.attributes.audiences.included == ["NwsLtr"]
    ours = it.api.Campaigns.get_campaign(made).data.relationships.campaign_messages.data[0].id
    theirs = clone.relationships.campaign_messages.data[0].id
    assert ours != theirs
    templates = [
        it.client.get(f"/api/campaign-messages/{one}")["data"]["relationships"]["template"]["data"]["id"]
        for one in (ours, theirs)
    ]
    assert templates[0] != templates[1]
    it.api.Campaigns.send_campaign(job("send", clone.id))
    assert status(it, clone.id) == "Sent"
    assert it.api.Campaigns.create_campaign_clone(about("campaign", made)).data.attributes.name == "Copy of Launch"


AT = "/data/attributes"
MESSAGE_AT = f"{AT}/campaign-messages/data/0/attributes/definition"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (campaign(name=...), f"{AT}/name"),
        (campaign(name=""), f"{AT}/name"),
        (campaign(audiences=...), f"{AT}/audiences"),
        (campaign(audiences={}), f"{AT}/audiences/included"),
        (campaign(audiences={"included": []}), f"{AT}/audiences/included"),
        (campaign(audiences={"included": ["NoList"]}), f"{AT}/audiences/included/0"),
        (campaign(audiences={"included": ["NwsLtr"], "excluded": ["NoList"]}), f"{AT}/audiences/excluded/0"),
        (campaign(campaign__messages=...), f"{AT}/campaign-messages"),
        (campaign(campaign__messages={"data": []}), f"{AT}/campaign-messages/data"),
        (campaign(subject="x"), f"{AT}/subject"),
        (campaign(send_strategy={}), f"{AT}/send_strategy/method"),
        (campaign(send_strategy={"method": "later"}), f"{AT}/send_strategy/method"),
        (campaign(send_strategy={"method": "ab_test_campaign"}), f"{AT}/send_strategy/method"),
        (campaign(send_strategy={"method": "immediate", "date": "2040-01-01"}), f"{AT}/send_strategy/date"),
        (campaign(send_strategy={"method": "static"}), f"{AT}/send_strategy/datetime"),
        (campaign(send_strategy={"method": "static", "datetime": "soon"}), f"{AT}/send_strategy/datetime"),
        (
            campaign(
                send_strategy={
                    "method": "static",
                    "datetime": "2040-01-01T00:00:00Z",
                    "options": {"is_local": False, "send_past_recipients_immediately": True},
                }
            ),
            f"{AT}/send_strategy/options/send_past_recipients_immediately",
        ),
        (
            campaign(
                send_strategy={
                    "method": "throttled",
                    "datetime": "2040-01-01T00:00:00Z",
                    "throttle_percentage": 3,
                }
            ),
            f"{AT}/send_strategy/throttle_percentage",
        ),
        (campaign(send_strategy={"method": "smart_send_time", "date": "May"}), f"{AT}/send_strategy/date"),
        (campaign(send_options={"smart": True}), f"{AT}/send_options/smart"),
        (campaign(send_options={"use_smart_sending": "yes"}), f"{AT}/send_options/use_smart_sending"),
        (campaign(SMS, tracking_options={"is_tracking_opens": True}), f"{AT}/tracking_options/is_tracking_opens"),
        (
            campaign(tracking_options={"custom_tracking_params": [{"type": "dynamic", "name": "a", "value": "b"}]}),
            f"{AT}/tracking_options/custom_tracking_params/0/value",
        ),
        (campaign({}), f"{MESSAGE_AT}/channel"),
        (campaign({"channel": "fax"}), f"{MESSAGE_AT}/channel"),
        (campaign({"channel": ["email"]}), f"{MESSAGE_AT}/channel"),
        (campaign({"channel": "email", "body": "x"}), f"{MESSAGE_AT}/body"),
        (campaign({"channel": "email", "content": {"from_email": "hello"}}), f"{MESSAGE_AT}/content/from_email"),
        (campaign({"channel": "sms", "content": {"media_url": "x"}}), f"{MESSAGE_AT}/content/media_url"),
        (campaign({"channel": "mobile_push"}), f"{MESSAGE_AT}/content"),
        (campaign({"channel": "mobile_push", "notification_type": "loud"}), f"{MESSAGE_AT}/notification_type"),
        (campaign(EMAIL, SMS), f"{AT}/campaign-messages/data/1/attributes/definition/channel"),
        (
            campaign(
                {**PUSH, "content": {"body": "x", "action_buttons": [{"label": "y" * 41, "action_type": "dismiss"}]}}
            ),
            f"{MESSAGE_AT}/content/action_buttons/0/label",
        ),
        (
            campaign({**PUSH, "options": {"badge": {"display": True, "badge_options": {"badge_config": "more"}}}}),
            f"{MESSAGE_AT}/options/badge/badge_options/badge_config",
        ),
    ],
)
def test_a_campaign_that_does_not_fit_is_refused(it: Judged, body: Any, place: str) -> None:
    before = it.sandbox.campaigns(TEA_HOUSE)
    assert it.refused("POST", "/api/campaigns", body) == [(400, place)]
    assert it.sandbox.campaigns(TEA_HOUSE) == before


def test_changes_that_do_not_fit_are_refused(it: Judged) -> None:
    made = it.api.Campaigns.create_campaign(campaign()).data
    message_id = made.relationships.campaign_messages.data[0].id
    campaign_path, message_path = f"/api/campaigns/{made.id}", f"/api/campaign-messages/{message_id}"
    messages = {"campaign-messages": {"data": [message(EMAIL)]}}
    for method, path, body, place in (
        ("PATCH", campaign_path, about("campaign", made.id, **messages), f"{AT}/campaign-messages"),
        ("PATCH", campaign_path, about("campaign", made.id, audiences={"included": []}), f"{AT}/audiences/included"),
        ("PATCH", campaign_path, about("campaign", message_id), "/data/id"),
        ("PATCH", message_path, about("campaign-message", made.id), "/data/id"),
        (
            "PATCH",
            message_path,
            about("campaign-message", message_id, definition={"channel": "email", "content": {"reply_to_email": "x"}}),
            f"{AT}/definition/content/reply_to_email",
        ),
        ("POST", "/api/campaign-clone", about("campaign", made.id, name="x"), f"{AT}/name"),
        ("POST", "/api/campaign-send-jobs", about("campaign-send-job", made.id), AT),
        ("POST", "/api/campaign-recipient-estimation-jobs", job("send", made.id), "/data/type"),
        (
            "PATCH",
            f"/api/campaign-send-jobs/{made.id}",
            about("campaign-send-job", made.id, action="stop"),
            f"{AT}/action",
        ),
    ):
        assert it.refused(method, path, body) == [(400, place)], body
    picture = {"image": {"data": {"type": "image", "id": "999999"}}}
    body = about("campaign-message", message_id)
    body["data"]["relationships"] = picture
    assert it.client.send("PATCH", message_path, body).status_code == 404


@pytest.mark.parametrize(
    ("call", "place"),
    [
        ("/api/campaigns", "filter"),
        ("/api/campaigns?filter=contains(name,'x')", "filter"),
        ("/api/campaigns?filter=equals(messages.channel,'fax')", "filter"),
        ("/api/campaigns?filter=any(messages.channel,['email'])", "filter"),
        ("/api/campaigns?filter=equals(messages.channel,'email'),equals(name,'x')", "filter"),
        ("/api/campaigns?filter=equals(messages.channel,'email'),equals(id,'x')", "filter"),
        ("/api/campaigns?filter=equals(messages.channel,'email'),equals(status,'Gone')", "filter"),
        ("/api/campaigns?filter=equals(messages.channel,'email')&page[size]=101", "page[size]"),
        ("/api/campaigns?filter=equals(messages.channel,'email')&sort=status", "sort"),
        ("/api/campaigns?filter=equals(messages.channel,'email')&include=templates", "include"),
        ("/api/campaigns?filter=equals(messages.channel,'email')&fields[campaign]=subject", "fields[campaign]"),
        (
            "/api/campaigns?filter=equals(messages.channel,'email')&fields[campaign-message]=definition.html",
            "fields[campaign-message]",
        ),
    ],
)
def test_a_query_that_does_not_fit_is_refused(it: Judged, call: str, place: str) -> None:
    assert it.refused("GET", call) == [(400, place)]


def test_campaigns_belong_to_their_account_and_need_their_scopes(it: Judged) -> None:
    made = it.api.Campaigns.create_campaign(campaign()).data
    message_id = made.relationships.campaign_messages.data[0].id
    theirs, reading = it.of(NORDLYS), it.may_only("campaigns:read")
    assert [
        theirs.send("GET", f"/api/campaigns/{made.id}").status_code,
        theirs.send("GET", f"/api/campaign-messages/{message_id}").status_code,
        theirs.send("POST", "/api/campaign-send-jobs", job("send", made.id)).status_code,
        theirs.send("POST", "/api/campaigns", campaign()).status_code,
    ] == [404, 404, 404, 400]
    for method, path, body in (
        ("POST", "/api/campaigns", campaign()),
        ("PATCH", f"/api/campaigns/{made.id}", about("campaign", made.id)),
        ("DELETE", f"/api/campaigns/{made.id}", None),
        ("PATCH", f"/api/campaign-messages/{message_id}", about("campaign-message", message_id)),
        ("POST", "/api/campaign-message-assign-template", assigned(message_id, "AbCdEf")),
        ("POST", "/api/campaign-send-jobs", job("send", made.id)),
        ("PATCH", f"/api/campaign-send-jobs/{made.id}", about("campaign-send-job", made.id, action="cancel")),
        ("POST", "/api/campaign-recipient-estimation-jobs", job("recipient-estimation", made.id)),
        ("POST", "/api/campaign-clone", about("campaign", made.id)),
    ):
        assert reading.send(method, path, body).status_code == 403, path
    writing = it.may_only("campaigns:write")
    for path in (
        f"campaigns/{made.id}",
        "campaigns?filter=equals(messages.channel,'email')",
        f"campaign-messages/{message_id}",
        f"campaign-send-jobs/{made.id}",
        f"campaign-recipient-estimation-jobs/{made.id}",
        f"campaign-recipient-estimations/{made.id}",
    ):
        assert writing.send("GET", f"/api/{path}").status_code == 403, path


def test_calls_are_limited_to_ten_a_second(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings(limits=True)
    path = "/api/campaigns?filter=equals(messages.channel,'email')"
    answers = [client.send("GET", path) for _ in range(21)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "10, 10;w=1, 150;w=60"
