"""The consent decision: every row of the table, under both policies."""

import itertools
from typing import Any

import pytest

from klaviyo.api.consent import parse
from klaviyo.consent import decision as consent
from klaviyo.models.policies import Policy

SUBSCRIBED = {"can_receive_email_marketing": True, "consent": "SUBSCRIBED", "suppression": [], "list_suppressions": []}
BOTH = list(Policy)


def attributes(**marketing: Any) -> dict[str, Any]:
    return {"subscriptions": {"email": {"marketing": SUBSCRIBED | marketing}}}


def decide(attributes: dict[str, Any] | None, policy: Policy, list_id: str | None = None) -> consent.Decision:
    told = None if attributes is None else parse(attributes)
    return consent.decide(told, policy, list_ids={list_id} if list_id else ())


@pytest.mark.parametrize("policy", BOTH)
def test_a_subscribed_reachable_person_may_be_sent(policy: Policy) -> None:
    decision = decide(attributes(), policy)
    assert decision.allowed
    assert decision.code == "subscribed"
    assert decision.evidence["consent"] == "SUBSCRIBED"


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize(
    "reason", ["HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED", "NEW_REASON_2027"]
)
@pytest.mark.parametrize("word", ["SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED"])
@pytest.mark.parametrize("can_receive", [True, False])
def test_any_suppression_objects_whatever_else_is_said(
    policy: Policy, reason: str, word: str, can_receive: bool
) -> None:
    said = attributes(consent=word, can_receive_email_marketing=can_receive, suppression=[{"reason": reason}])
    decision = decide(said, policy)
    assert not decision.allowed
    assert decision.code == "suppressed"
    assert reason.lower().replace("_", " ") in decision.sentence
    assert decision.evidence["suppression"] == [{"reason": reason}]


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("can_receive", [False, None, "true", 1, "yes"])
def test_only_a_true_can_receive_lets_a_message_through(policy: Policy, can_receive: Any) -> None:
    assert not decide(attributes(can_receive_email_marketing=can_receive), policy).allowed


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("unreadable", ["HARD_BOUNCE", {"reason": "X"}, [None], [3], True])
def test_a_suppression_that_cannot_be_read_is_one(policy: Policy, unreadable: Any) -> None:
    assert decide(attributes(suppression=unreadable), policy).code == "suppressed"


@pytest.mark.parametrize("policy", BOTH)
def test_an_unsubscribed_person_is_not_sent(policy: Policy) -> None:
    decision = decide(attributes(consent="UNSUBSCRIBED"), policy)
    assert (decision.allowed, decision.code) == (False, "unsubscribed")


@pytest.mark.parametrize("policy", BOTH)
def test_a_list_suppression_objects_for_that_list_only(policy: Policy) -> None:
    said = attributes(list_suppressions=[{"list_id": "Y6nRLr", "reason": "UNSUBSCRIBE"}])
    assert decide(said, policy, "Y6nRLr").code == "list_suppressed"
    assert decide(said, policy, "Another").allowed
    assert decide(said, policy).allowed


@pytest.mark.parametrize(("policy", "allowed"), [(Policy.NOT_OPTED_OUT, True), (Policy.SUBSCRIBED_ONLY, False)])
def test_the_policy_decides_about_those_who_said_nothing(policy: Policy, allowed: bool) -> None:
    never = decide(attributes(consent="NEVER_SUBSCRIBED"), policy)
    unseen = decide(None, policy)
    assert (never.allowed, never.code) == (allowed, "never_subscribed")
    assert (unseen.allowed, unseen.code) == (allowed, "no_profile")


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("word", ["PENDING", "subscribed", "", None, 1, ["SUBSCRIBED"]])
def test_an_unknown_consent_word_is_not_yes(policy: Policy, word: Any) -> None:
    decision = decide(attributes(consent=word), policy)
    assert (decision.allowed, decision.code) == (False, "consent_unknown")


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize(
    "block",
    [
        {},
        {"subscriptions": None},
        {"subscriptions": {}},
        {"subscriptions": []},
        {"subscriptions": {"email": None}},
        {"subscriptions": {"email": {}}},
        {"subscriptions": {"email": {"marketing": None}}},
        {"subscriptions": {"email": {"marketing": "SUBSCRIBED"}}},
    ],
)
def test_a_missing_block_is_not_yes(policy: Policy, block: dict[str, Any]) -> None:
    decision = decide(block, policy)
    assert (decision.allowed, decision.code) == (False, "consent_unknown")


def test_the_decision_is_kept_with_klaviyos_own_words() -> None:
    said = attributes(method="PREFERENCE_PAGE", consent_timestamp="2026-11-01T10:00:00+00:00", surprise="ignored")
    record = decide(said, Policy.SUBSCRIBED_ONLY).as_record()
    assert record["policy"] == "subscribed_only"
    assert record["evidence"]["method"] == "PREFERENCE_PAGE"
    assert "surprise" not in record["evidence"]


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("unreadable", ["Y6nRLr", {"list_id": "Y6nRLr"}, [None], ["Y6nRLr"], True])
def test_left_lists_that_cannot_be_read_are_not_yes(policy: Policy, unreadable: Any) -> None:
    decision = decide(attributes(list_suppressions=unreadable), policy, "Y6nRLr")
    assert (decision.allowed, decision.code) == (False, "consent_unknown")


LEFT = {"list_id": "Y6nRLr", "reason": "UNSUBSCRIBE", "timestamp": "2026-11-01T10:00:00+00:00"}
EVERY_REACH = [True, False, None, "true"]
EVERY_WORD = ["SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED", "PENDING_REVIEW", None]
EVERY_SUPPRESSION: list[Any] = [
    [],
    None,
    [{"reason": "NEW_REASON_2027"}],
    "unreadable",
    *([{"reason": reason}] for reason in ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE")),
    [{"reason": "USER_SUPPRESSED"}, {"reason": "HARD_BOUNCE"}],
]
EVERY_LEFT_LIST: list[Any] = [[], None, [LEFT], [LEFT | {"list_id": "Another"}], [LEFT, LEFT | {"list_id": "Another"}]]


@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("list_id", ["Y6nRLr", None])
def test_every_combination_of_what_klaviyo_may_say(policy: Policy, list_id: str | None) -> None:
    """The contract's rule, said once more: reachable, no no of any kind, and a yes where one is asked for."""
    for reach, word, stops, left in itertools.product(EVERY_REACH, EVERY_WORD, EVERY_SUPPRESSION, EVERY_LEFT_LIST):
        said = attributes(can_receive_email_marketing=reach, consent=word, suppression=stops, list_suppressions=left)
        enough = ("SUBSCRIBED",) if policy is Policy.SUBSCRIBED_ONLY else ("SUBSCRIBED", "NEVER_SUBSCRIBED")
        has_left = list_id is not None and list_id in [one["list_id"] for one in left or []]
        may = reach is True and not stops and word in enough and not has_left
        decision = decide(said, policy, list_id)
        assert decision.allowed is may, (reach, word, stops, left)
        assert decision.sentence
        assert decision.code in CODES[may], decision.code


CODES = {
    True: {"subscribed", "never_subscribed"},
    False: {"suppressed", "unsubscribed", "list_suppressed", "never_subscribed", "consent_unknown"},
}
