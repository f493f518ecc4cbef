"""The subscriptions block is read once, and by one rule: what cannot be read is nobody's yes."""

from typing import Any

import pytest

from klaviyo.api.consent import Marketing, Suppression, parse
from klaviyo.consent.decision import decide
from klaviyo.models.policies import Policy

SAID = {"consent": "SUBSCRIBED", "can_receive_email_marketing": True}


def email(**marketing: Any) -> Marketing:
    told = parse({"subscriptions": {"email": {"marketing": SAID | marketing}}}).email
    assert told
    return told


def test_what_was_not_asked_for_is_not_known() -> None:
    told = parse({"email": "ben@friends.test"})
    assert (told.was_asked, told.email, told.sms) == (False, None, None)
    assert told.unreadable == {"email", "sms"}


def test_a_channel_of_which_nothing_is_held_is_no_riddle() -> None:
    told = parse({"subscriptions": {"email": {"marketing": SAID}, "sms": None}})
    assert told.email == email()
    assert (told.sms, told.unreadable) == (None, frozenset())


@pytest.mark.parametrize("block", [None, "yes", 7, [SAID], {"email": "yes"}, {"email": {"marketing": [SAID]}}])
def test_a_block_of_another_form_is_unreadable(block: Any) -> None:
    told = parse({"subscriptions": block})
    assert told.email is None
    assert "email" in told.unreadable
    assert not decide(told, Policy.NOT_OPTED_OUT).allowed


@pytest.mark.parametrize("entries", ["BOUNCE", {"reason": "HARD_BOUNCE"}, [None], [7]])
def test_a_suppression_of_another_form_counts(entries: Any) -> None:
    assert email(suppression=entries).suppressions == (Suppression("UNREADABLE", ""),)


def test_each_suppression_is_read_with_its_time() -> None:
    entries = [{"reason": "HARD_BOUNCE", "timestamp": "2026-01-01T00:00:00Z"}, {}]
    assert email(suppression=entries).suppressions == (
        Suppression("HARD_BOUNCE", "2026-01-01T00:00:00Z"),
        Suppression("UNKNOWN", ""),
    )


@pytest.mark.parametrize("entries", ["L1", [None], [{}], [{"list_id": 7}], [{"list_id": "L1"}, {}]])
def test_a_list_that_was_left_and_is_not_named_may_be_any(entries: Any) -> None:
    marketing = email(list_suppressions=entries)
    assert not marketing.lists_are_readable
    told = parse({"subscriptions": {"email": {"marketing": marketing.said}}})
    assert decide(told, Policy.SUBSCRIBED_ONLY).code == "consent_unknown"
