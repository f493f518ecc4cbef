"""Whoever tries: by an unusual name, place, path or list, nobody who was erased or has said no is reached."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Connection
from klaviyo import actions
from klaviyo.actions.named_people import people_in
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Suppression
from tests.klaviyo.actions.test_guard import asked, codes, say_no
from tests.klaviyo.actions.test_guard import house as house
from tests.klaviyo.story import BEN, CID, TEA

Sent = Callable[[], list[Exchange]]
JSON = {"Content-Type": "application/vnd.api+json"}
PHONE = "+358401234567"


def profile(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": attributes}}


def event(told: Any) -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Seen"}}}
    return {"data": {"type": "event", "attributes": {"properties": {}, "metric": metric, "profile": told}}}


def put_ben(sandbox: Sandbox, **more: Any) -> str:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email=BEN, external_id="b-1", phone_number=PHONE, **more)])
    return id


@pytest.mark.parametrize(
    "email",
    [
        BEN.upper(),
        f" {BEN} ",
        f"Ben <{BEN}>",
        f"mailto:{BEN}",
        BEN.replace("b", "b\u00ad", 1),
        BEN.replace("@", "\u200b@"),
        f'"{BEN.partition("@")[0]}"@{BEN.partition("@")[2]}',
    ],
)
@pytest.mark.parametrize("operation", ["create_profile", "create_event"])
def test_however_an_address_is_spelt_it_is_theirs(
    sent: Sent, connection: Connection, operation: str, email: str
) -> None:
    lifecycle.erase(BEN)
    body = profile(email=email) if operation == "create_profile" else event(profile(email=email))
    told = actions.run("raw_request", connection, operation=operation, data=body)
    assert (told.code, asked(sent)) == ("erased", [])


@pytest.mark.parametrize(
    "body",
    [
        event({"$email": BEN}),
        event({"$id": "b-1"}),
        event({"external_id": "b-1"}),
        event({"$phone_number": "+358 40 123 4567"}),
        event(profile(phone_number="+358 (40) 123-4567")),
        {"data": {"attributes": {"list_id": "L", "subscriptions": [{"profile_id": "ID", "channels": {}}]}}},
    ],
)
def test_a_name_of_an_older_revision_is_a_name(
    sent: Sent, sandbox: Sandbox, connection: Connection, body: dict[str, Any]
) -> None:
    id = put_ben(sandbox)
    lifecycle.erase(BEN)
    data = json.loads(json.dumps(body).replace("ID", id))
    told = actions.run(
        "raw_request", connection, operation="create_event", data=data, headers={"revision": "2022-10-17"}
    )
    assert (told.code, set(asked(sent)) - {"get_profiles"}) == ("erased", set())


@pytest.mark.parametrize("name", ["anonymous_id", "_kx"])
def test_by_what_nobody_can_be_looked_up_nobody_is_reached(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, name: str
) -> None:
    hidden = profile(**{name: "a-1"})
    say_no(setting)
    told = actions.run("raw_request", connection, operation="create_event", data=event(hidden))
    assert (told.outcome, told.code, asked(sent)) == ("failure", "name_the_people", [])


def test_nobody_is_subscribed_by_what_nobody_can_be_looked_up(sent: Sent, connection: Connection) -> None:
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    one = profile(anonymous_id="a-1", subscriptions=consent)["data"]
    data = {"data": {"type": "profile-subscription-bulk-create-job", "attributes": {"profiles": {"data": [one]}}}}
    told = actions.run("raw_request", connection, operation="bulk_subscribe_profiles", data=data)
    assert (told.code, asked(sent)) == ("name_the_people", [])


@pytest.mark.parametrize("what", ["erased", "no", "complained"])
@pytest.mark.parametrize("field", ["cc_email", "bcc_email"])
def test_who_has_said_no_gets_no_copy_of_a_campaign(
    sent: Sent, sandbox: Sandbox, connection: Connection, setting: StoreSetting, house: str, field: str, what: str
) -> None:
    StoreSetting.objects.update(noes_told_at="2999-01-01T00:00:00Z")

    def object_() -> None:
        match what:
            case "erased":
                lifecycle.erase(BEN)
            case "no":
                say_no(setting)
            case _:
                lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED)

    given: dict[str, Any] = {"name": "Spring", "included": [house], "messages": [{"subject": "Hello", field: BEN}]}
    made = actions.run("create_campaign", connection, **given)
    assert made.outcome == "success", made
    object_()
    told = actions.run("create_campaign", connection, **given)
    code = "erased" if what == "erased" else "has_said_no"
    assert (told.outcome, told.code) == ("failure", code)
    message = made.data["relationships"]["campaign-messages"]["data"][0]["id"]
    told = actions.run("update_campaign_message", connection, message_id=message, definition={field: BEN.upper()})
    assert told.code == code, told
    sent_by = actions.run("send_campaign", connection, campaign_id=made.data["id"])
    assert (sent_by.outcome, sent_by.code) == ("failure", code), sent_by
    assert asked(sent).count("create_campaign") == 1
    assert not {"send_campaign", "update_campaign_message"} & set(asked(sent))


def test_internal_alerts_of_a_flow_go_to_nobody_who_has_said_no(sent: Sent, connection: Connection) -> None:
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED)
    data = {"data": {"type": "flow-action", "id": "1", "attributes": {"definition": {"to_emails": [CID, BEN]}}}}
    told = actions.run("raw_request", connection, operation="update_flow_action", path={"id": "1"}, data=data)
    assert (told.code, asked(sent)) == ("has_said_no", [])


def test_a_path_and_its_body_name_one_profile(sent: Sent, sandbox: Sandbox, connection: Connection) -> None:
    id = put_ben(sandbox)
    for data in (profile(first_name="B"), {"data": {"type": "profile", "id": "OTHER", "attributes": {}}}, "x"):
        with pytest.raises(actions.BadInput):
            actions.run("raw_request", connection, operation="update_profile", path={"id": id}, data=data)
        with pytest.raises(actions.BadInput):
            actions.run("raw_request", connection, method="PATCH", url=f"/api/profiles/{id}", data=data)
    assert asked(sent) == []


def test_a_name_that_stands_twice_is_refused(sent: Sent, connection: Connection) -> None:
    lifecycle.erase(BEN)
    text = f'{{"data": {{"type": "profile", "attributes": {{"email": "{BEN}", "email": "{CID}"}}}}}}'
    with pytest.raises(actions.BadInput):
        actions.run("raw_request", connection, operation="create_profile", data=text, headers=JSON)
    assert asked(sent) == []


@pytest.mark.parametrize("url", ["/api/profile-subscription-bulk-create-jobs;x", "/api/Profile-Subscription-Bulk"])
def test_what_klaviyo_does_not_publish_is_taken_for_a_subscription(
    sent: Sent, sandbox: Sandbox, connection: Connection, url: str
) -> None:
    put_ben(sandbox, suppressions=["SPAM_COMPLAINT"])
    told = actions.run("raw_request", connection, method="POST", url=url, data=profile(email=BEN))
    assert (told.code, asked(sent)) == ("has_said_no", ["get_profiles"])


def test_a_flow_that_is_made_live_waits_for_the_noes_as_well(connection: Connection, setting: StoreSetting) -> None:
    StoreSetting.objects.update(noes_told_at="2999-01-01T00:00:00Z")
    say_no(setting)
    for status, warned in (("draft", []), ("live", ["no_first"])):
        data = {"data": {"type": "flow", "attributes": {"definition": {"actions": [{"status": status}]}}}}
        told = actions.run("raw_request", connection, actions.How(dry=True), operation="create_flow", data=data)
        assert codes(told) == warned


def test_campaigns_with_copies_name_whom_they_go_to() -> None:
    body = {"content": {"cc_email": BEN, "bcc_email": CID, "from_email": "shop@shop.example"}}
    assert people_in(body).emails == people_in(body).copied == {BEN, CID}
