"""Events and profile fields that a store's setting leaves out: alone and in bulk, in a backfill, and on the pages."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Delivery
from integrations.outbox import retrying
from klaviyo.imports import backfill
from klaviyo.mapping import catalogue, switches
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import let_invite
from tests.klaviyo.story import BEN, TEA, State, make_due, metrics

CHOICES = {"is_enabled": "on", "behaviour": "create", "list_id": "", "newsletter_list_id": ""}
CHOICES |= {"invite_policy": "not_opted_out", "reminder_policy": "subscribed_only"}
OFF = ["event:conversion", "field:amount_earned", "field:first_name", "field:tier"]


def leave_out(*names: str) -> None:
    StoreSetting.objects.update(left_out=list(names or OFF))


def buy(ann: Advocate, order: str = "1001") -> None:
    lifecycle.convert(ann, order_id=order, friend_email=BEN, total="49.90", currency="EUR")


def conversions() -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(options__metric="conversion").order_by("pk")
    return list(rows.values_list("state", "reason_code"))


def shown(sandbox: Sandbox, email: str) -> dict[str, Any]:
    seen = sandbox.profile(TEA, email)
    assert seen
    return dict(seen.properties) | {"first_name": seen.first_name, "last_name": seen.last_name}


def test_all_is_on_and_messages_are_no_switch() -> None:
    assert StoreSetting().left_out == []
    switchable = {name.removeprefix("event:") for name in switches.NAMES if name.startswith("event:")}
    assert switchable == {one.key for one in catalogue.CATALOGUE if not one.consent}
    fields = {name.removeprefix("field:") for name in switches.NAMES if name.startswith("field:")}
    assert fields == {*catalogue.PROFILE, "first_name", "last_name", "phone_number", "locale"}


@pytest.mark.parametrize("in_bulk", [False, True])
def test_what_is_off_does_not_go_and_is_on_record(
    in_bulk: bool, ann: Advocate, sandbox: Sandbox, drain: Drain, settings: Settings
) -> None:
    settings.KLAVIYO_BULK_FROM = 1 if in_bulk else 0
    Advocate.objects.update(tier="gold")
    drain()
    make_due()
    drain()
    buy(ann, "999")  # queued while it was on
    leave_out()
    buy(ann)
    assert conversions()[-1] == (State.SKIPPED, "event_off")
    drain()
    make_due()
    drain()
    assert conversions() == [(State.SKIPPED, "event_off")] * 2
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    assert "Sorae Referred Purchase" in metrics(sandbox, BEN)
    leave_out("none")
    buy(ann, "1002")
    drain()
    make_due()
    drain()
    assert metrics(sandbox, ann.email).count("Sorae Conversion") == 1, "what happened meanwhile is not sent later"


@pytest.mark.parametrize("way", ["single", "bulk", "backfill"])
def test_fields_are_left_out_and_what_is_there_stays(
    way: str, ann: Advocate, setting: StoreSetting, sandbox: Sandbox, drain: Drain, settings: Settings
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=ann.email, properties={"sorae_tier": "silver"})])
    Advocate.objects.update(tier="gold")
    leave_out()
    if way == "backfill":
        Delivery.objects.update(state=State.CANCELLED, settled_at=timezone.now())
        backfill.step(backfill.begin(setting).pk)
    else:
        settings.KLAVIYO_BULK_FROM = 1 if way == "bulk" else 0
        lifecycle.join(ann.program, "bea@example.com", first_name="Bea")
        drain()
    said = shown(sandbox, ann.email)
    assert said["sorae_referral_code"] == ann.referral_code
    assert said["sorae_tier"] == "silver"
    assert (said["first_name"] or "", said["last_name"]) == ("", "Lee")
    assert not [name for name in said if name.startswith("sorae_amount_earned")]
    assert "sorae_amount_owed" in said


def test_a_new_friend_is_brought_without_them(ann: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    leave_out("field:first_name", "field:phone_number")
    friend: Any = {"friend_first_name": "Ben", "friend_last_name": "Hill", "friend_phone": "+4915112345678"}
    lifecycle.convert(ann, order_id="1", friend_email=BEN, total="9", currency="EUR", **friend)
    drain()
    seen = sandbox.profile(TEA, BEN)
    assert seen
    assert (seen.first_name or "", seen.last_name, seen.phone_number or "") == ("", "Hill", "")


def test_an_invite_goes_whatever_is_stored(ann: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    drain()
    leave_out("event:invite_received", "event:invite_reminder")
    let_invite(ann, Program.Inviter.KLAVIYO)
    lifecycle.invite(ann, BEN)
    drain()
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]


def test_the_form_switches_and_says_so(
    ann: Advocate, setting: StoreSetting, browser_of_the_operator: Client, sandbox: Sandbox, drain: Drain
) -> None:
    drain()
    page = f"/admin/klaviyo/settings/{setting.pk}/"
    on = sorted(switches.NAMES - {"event:conversion", "field:tier"})
    browser_of_the_operator.post(page, CHOICES | {"switches": "1", "sent": [*on, "event:invite_received"]})
    setting.refresh_from_db()
    assert setting.left_out == ["event:conversion", "field:tier"]
    browser_of_the_operator.post(page, CHOICES)
    setting.refresh_from_db()
    assert setting.left_out == ["event:conversion", "field:tier"], "a form without the boxes changes none"
    said = browser_of_the_operator.get(page).content.decode()
    assert 'value="field:tier">' in said
    assert 'value="field:role" checked>' in said
    assert "switched off: event:conversion, field:tier" in LogEntry.objects.earliest("pk").get_change_message()
    buy(ann)
    row = Delivery.objects.get(options__metric="conversion")
    story = browser_of_the_operator.get(f"/admin/integrations/deliveries/{row.pk}/").content.decode()
    assert "Sorae Conversion is switched off in the store" in story
    answer = browser_of_the_operator.post("/admin/klaviyo/people/preview", {"email": ann.email}, follow=True)
    assert "Sorae Conversion is switched off in the store" in answer.content.decode()
    assert "sorae_tier" not in answer.content.decode()


def test_what_happened_while_it_was_off_is_not_sent_later_whoever_tries(
    ann: Advocate, browser_of_the_operator: Client, sandbox: Sandbox, drain: Drain
) -> None:
    drain()
    buy(ann, "999")  # queued while it was on
    leave_out()
    buy(ann)
    drain()
    leave_out("none")
    rows = list(Delivery.objects.filter(options__metric="conversion").values_list("pk", flat=True))
    for row in rows:
        address = f"/admin/integrations/deliveries/{row}/"
        assert "Yes, send it again" not in browser_of_the_operator.get(address).content.decode()
        answer = browser_of_the_operator.post("/admin/integrations/deliveries/retry", {"delivery": row}, follow=True)
        assert "What happens while it is off is not sent later." in answer.content.decode()
    assert retrying.again(Delivery.objects.all()) == 0
    make_due()
    drain()
    assert conversions() == [(State.SKIPPED, "event_off")] * 2
    assert "Sorae Conversion" not in metrics(sandbox, ann.email)
