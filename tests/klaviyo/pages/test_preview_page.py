"""The preview says what would be sent, word for word, and sends nothing."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Delivery
from integrations.pauses import message_hold
from klaviyo.models import PropertyName, StoreSetting
from klaviyo.pages import preview
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import TEA_HOUSE_LTD, Drain
from tests.faults import stored
from tests.klaviyo.story import BEN

PREVIEW = "/admin/klaviyo/people/preview"
WRITING = ("upsert_profile", "create_event", "bulk_import_profiles", "bulk_create_events", "bulk_subscribe_profiles")


def page(browser: Client, email: str) -> str:
    answer = browser.post(PREVIEW, {"email": email})
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", answer.content.decode()))


def bodies(browser: Client, email: str) -> dict[str, Any]:
    """The JSON that is shown, by what it is."""
    answer = unescape(browser.post(PREVIEW, {"email": email}).content.decode())
    found = re.findall(r'aria-label="([^"]+) as JSON">(.*?)</pre>', answer, re.S)
    return {what: json.loads(body) for what, body in found}


def a_story(ann: Advocate) -> None:
    lifecycle.visit(ann, visitor="v1", landing_page="https://teahouse.example/")
    lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    lifecycle.invite(ann, "dan@example.com")


def test_what_is_shown_is_what_is_sent(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    a_story(ann)
    shown = bodies(browser_of_the_operator, ann.email)
    assert shown.keys() == {"Profile", "Sorae Advocate Started", "Sorae Referred Visit", "Sorae Conversion"}
    assert sandbox.events(TEA_HOUSE_LTD) == []
    said = page(browser_of_the_operator, ann.email)
    assert (said.count(">Goes<"), said.count(">Not sent<")) == (4, 0)
    drain()
    told = [row.body for row in Delivery.objects.filter(kind="event")]
    sent = {body["data"]["attributes"]["unique_id"]: body for body in told}
    for what, body in shown.items():
        if what != "Profile":
            assert sent[body["data"]["attributes"]["unique_id"]] == body
    [profile] = [row.body for row in Delivery.objects.filter(kind="profile", subject=ann.email).order_by("-pk")[:1]]
    assert (
        profile["data"]["attributes"]["properties"].keys()
        == shown["Profile"]["data"]["attributes"]["properties"].keys()
    )


def test_nobody_waits_for_an_account_that_does_not_answer_in_time(
    browser_of_the_operator: Client, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    assert "The time given was over" in page(browser_of_the_operator, ann.email)


def test_it_sends_and_stores_nothing(browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate) -> None:
    a_story(ann)
    lifecycle.opt_out(ann.program.store, ann.email, scope="everything", place="footer")
    besides = ("integrations_attempt", "integrations_bucket", "django_session")  # that it was asked
    before = stored.tables(*besides)
    page(browser_of_the_operator, ann.email)
    assert not [name for name in WRITING if sandbox.requests(name)]
    assert not PropertyName.objects.exists()
    assert stored.tables(*besides) == before


def test_a_friend_who_said_no_would_not_get_an_invite(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate
) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    said = page(browser_of_the_operator, BEN)
    assert "Klaviyo knows them" in said
    assert "Would not get</span> an invite: The person has unsubscribed." in said
    assert "Not sent" in said


def test_whoever_klaviyo_does_not_know_is_left_out_where_the_store_says_so(
    browser_of_the_operator: Client, ann: Advocate
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    said = page(browser_of_the_operator, ann.email)
    assert "Klaviyo does not know them" in said
    assert "They are left out" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_enabled": False}, "switched off for this account"),
        ({"connection__state": "reconnect"}, "must be connected again"),
    ],
)
def test_where_nothing_can_go_it_says_why(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, change: dict[str, Any], words: str
) -> None:
    setting = StoreSetting.objects.get()
    for name, value in change.items():
        owner, _, field = name.rpartition("__")
        row = setting.connection if owner else setting
        setattr(row, field, value)
        row.save()
    said = page(browser_of_the_operator, ann.email)
    assert "Nothing goes now" in said
    assert words in said


def test_an_erased_person_and_a_stranger(browser_of_the_operator: Client, ann: Advocate) -> None:
    assert "has done nothing in this store" in page(browser_of_the_operator, "stranger@example.com")
    lifecycle.erase(ann.email)
    assert "erased at their own wish" in page(browser_of_the_operator, "ann@example.com")
    assert browser_of_the_operator.post(PREVIEW, {"email": "ann"}).status_code == 400


def test_an_erased_person_is_asked_about_nowhere(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate
) -> None:
    lifecycle.erase(ann.email)
    asked = len(sandbox.requests())
    said = page(browser_of_the_operator, "ann@example.com")
    assert "This person was erased at their own wish." in said
    assert "Tea House Ltd" not in said.partition("<main")[2]
    assert len(sandbox.requests()) == asked


def test_what_does_not_go_is_not_said_to(browser_of_the_operator: Client, ann: Advocate) -> None:
    lifecycle.invite(ann, BEN, expires_at=timezone.now() + timedelta(days=1))
    assert ">Goes<" in page(browser_of_the_operator, BEN)
    Invite.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    assert "It has expired" in page(browser_of_the_operator, BEN)
    Invite.objects.update(expires_at=None)
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    assert ">Goes<" not in page(browser_of_the_operator, BEN)
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.CREATE)
    message_hold.begin("A backup was restored.")
    assert "Messages to people are held" in page(browser_of_the_operator, BEN)


def test_a_part_of_an_address_or_a_name_finds_people_to_choose_from(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate
) -> None:
    lifecycle.invite(ann, BEN)
    asked = len(sandbox.requests())
    answer = browser_of_the_operator.post(PREVIEW, {"email": "n@"})
    assert {one.email for one in answer.context["found"]} == {ann.email, BEN}
    assert browser_of_the_operator.post(PREVIEW, {"email": "nobody at all"}).status_code == 400
    assert len(sandbox.requests()) == asked
