"""The laws notice when books, advocates and friends are told different things about which invites went out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program, Reminder, Store
from sorae.demo.laws import Broken
from tests.conftest import Drain
from tests.consent_screen import TEA_HOUSE_LTD
from tests.sorae.demo.judging import BEN, change, judged, seen, without

State = Delivery.State


@pytest.fixture
def invite(ann: Advocate, setting: StoreSetting, drain: Drain) -> Invite:
    """Ann has invited and reminded Ben, who has said nothing, and Klaviyo has heard it."""
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    invite = lifecycle.invite(ann, BEN)
    lifecycle.remind(invite, 1)
    drain()
    return invite


def record(metric: str, state: str, code: str) -> None:
    changed = Delivery.objects.filter(key__startswith=f"{metric}:").update(state=state, reason_code=code)
    assert changed == 1


def test_all_laws_are_kept(invite: Invite, sandbox: Sandbox) -> None:
    assert judged(sandbox) == Broken()


def test_an_advocate_who_does_not_hear_that_the_invite_went_out_is_noticed(invite: Invite, sandbox: Sandbox) -> None:
    (sentence,) = judged(sandbox, without(sandbox, "Sorae Invite Sent")).missing
    assert sentence.startswith("Sorae Invite Sent of ")


def test_an_advocate_who_hears_of_an_invite_that_never_went_out_is_noticed(invite: Invite, sandbox: Sandbox) -> None:
    (sentence,) = judged(sandbox, without(sandbox, "Sorae Invite Received")).twice
    assert sentence.startswith("Sorae Invite Sent of ")


def test_an_invite_that_went_out_unknown_to_our_books_is_noticed(invite: Invite, sandbox: Sandbox) -> None:
    Invite.objects.update(went_out_at=None)
    (sentence,) = judged(sandbox).missing
    assert sentence.endswith("our books do not know.")


@pytest.mark.parametrize(
    "code",
    [
        "invite_not_sent",
        "expired",
        "visited",
        "converted",
        "opted_out",
        "bounced",
        "complained",
        "opted_out_at_klaviyo",
        "too_many",
        "list_suppressed",
        "superseded",
        "operator",
    ],
)
def test_a_reminder_that_stays_away_for_an_untrue_reason_is_missing(
    invite: Invite, sandbox: Sandbox, code: str
) -> None:
    record("invite_reminder", State.SKIPPED, code)
    assert len(judged(sandbox, without(sandbox, "Sorae Invite Reminder")).missing) == 1


def test_a_reminder_that_stays_away_because_of_a_true_reason_is_accounted_for(
    invite: Invite, sandbox: Sandbox, drain: Drain
) -> None:
    advocate = invite.advocate
    lifecycle.visit(advocate, invite=invite)
    lifecycle.convert(advocate, order_id="1", friend_email=BEN, total="9.00", currency="EUR")
    drain()
    Invite.objects.update(expires_at=timezone.now() - timedelta(days=1))
    for code in ("visited", "converted", "expired"):
        record("invite_reminder", State.SKIPPED, code)
        assert judged(sandbox, without(sandbox, "Sorae Invite Reminder")) == Broken(), code


def test_a_reminder_is_accounted_for_by_a_later_one(invite: Invite, sandbox: Sandbox, drain: Drain) -> None:
    record("invite_reminder", State.SKIPPED, "superseded")
    first = str(invite.reminders.get().uid)
    lifecycle.remind(invite, 2)
    drain()
    assert judged(sandbox, [event for event in seen(sandbox) if event.properties["fact_id"] != first]) == Broken()


def test_a_no_at_klaviyo_accounts_for_what_was_taken_back_and_for_nothing_else(
    invite: Invite, sandbox: Sandbox
) -> None:
    record("invite_reminder", State.CANCELLED, "opted_out_at_klaviyo")
    sandbox.flip(TEA_HOUSE_LTD, BEN, "unsubscribed")
    said_no = change("unsubscribed", str(invite.uid))
    assert judged(sandbox, without(sandbox, "Sorae Invite Reminder"), changes=[said_no]) == Broken()
    record("invite_sent", State.CANCELLED, "opted_out_at_klaviyo")
    assert len(judged(sandbox, without(sandbox, "Sorae Invite Sent"), changes=[said_no]).missing) >= 1


@pytest.mark.parametrize("scope", ["newsletter", "everything", "invites"])
def test_a_no_that_was_said_here_and_came_back_from_klaviyo_accounts_for_it_too(
    invite: Invite, tea_house: Store, sandbox: Sandbox, scope: str
) -> None:
    record("invite_reminder", State.CANCELLED, "opted_out_at_klaviyo")
    events = without(sandbox, "Sorae Invite Reminder")
    assert len(judged(sandbox, events).missing) == 1
    lifecycle.opt_out(tea_house, BEN, scope=scope, place="account page")
    assert judged(sandbox, events) == Broken()


def test_what_is_held_is_accounted_for_only_while_the_account_is_away(invite: Invite, sandbox: Sandbox) -> None:
    record("invite_reminder", State.HELD, "access_withdrawn")
    events = without(sandbox, "Sorae Invite Reminder")
    assert judged(sandbox, events, away=frozenset({TEA_HOUSE_LTD})) == Broken()
    assert len(judged(sandbox, events).missing) == 1


def test_a_reminder_that_the_program_owes_is_missing(invite: Invite, spring: Program, sandbox: Sandbox) -> None:
    Program.objects.update(most_reminders=2)
    Invite.objects.update(contacted_at=timezone.now() - timedelta(days=2))
    assert judged(sandbox) == Broken()  # it waits for three days
    Invite.objects.update(contacted_at=timezone.now() - timedelta(days=4))
    assert len(judged(sandbox).missing) == 1
    Invite.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert judged(sandbox) == Broken()


def test_a_reminder_without_a_delivery_is_missing(invite: Invite, sandbox: Sandbox) -> None:
    Reminder.objects.create(invite=invite, number=2)
    (sentence,) = judged(sandbox).missing
    assert sentence.endswith("has no delivery.")
