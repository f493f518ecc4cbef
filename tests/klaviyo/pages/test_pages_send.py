"""The page of one send answers, to somebody who knows nothing of it, why a friend did not get the invite."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery
from klaviyo.confirmation.in_doubt import AS_FAR_AS_KNOWN
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.pages import evidence, send_summary
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.made_sends import SENDS, State, a_decision, a_send, page, signed_in_with, state_of
from tests.klaviyo.story import BEN, TEA


def words_of(html: str) -> str:
    """What a reader sees."""
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))
    return text.replace("&#x27;", "'").replace("&quot;", '"')


def why(browser: Client, send: Send) -> str:
    return words_of(page(browser, f"{SENDS}{send.pk}/"))


@pytest.mark.parametrize(
    ("state", "code", "fields", "expected"),
    [
        (State.SKIPPED, "unsubscribed", {}, "Ben did not get this invite: they have unsubscribed."),
        (State.SKIPPED, "invite_not_sent", {"number": 1}, "Ben did not get this reminder: the invite that it reminds"),
        (State.FAILED, "malformed_email", {}, "Ben did not get this invite: their e-mail address is malformed."),
        (State.FAILED, "outcome_unknown", {}, "It is not known whether Ben got this invite:"),
        (State.FAILED, "odd_code", {}, "Ben did not get this invite: it was refused."),
        (State.CANCELLED, "opted_out_at_klaviyo", {}, "Ben did not get this invite: they unsubscribed while"),
        (State.HELD, "list_gone", {}, "Ben's invite is held: the store's list is no longer in the account."),
        (State.QUEUED, "http_503", {}, "Ben's invite waits: Klaviyo answered with an error of its own."),
        (State.QUEUED, "", {}, "Ben's invite waits for its turn."),
        (State.SENDING, "", {}, "Ben's invite is on its way just now."),
        (State.ACCEPTED, "", {}, "Ben's invite was handed to Klaviyo, where the store's flow sends it."),
        (State.CONFIRMED, "", {}, "handed to Klaviyo and was seen there"),
        (State.ACCEPTED, "", {"channel": "sorae"}, "Ben's invite was sent by Sorae's own e-mail"),
        (State.ACCEPTED, "", {"channel": "sorae", "bounced_at": timezone.now()}, "Ben did not get this invite: it"),
    ],
)
def test_the_headline_is_the_answer(
    browser_of_the_operator: Client,
    ann: Advocate,
    state: Delivery.State,
    code: str,
    fields: dict[str, Any],
    expected: str,
) -> None:
    assert expected in why(browser_of_the_operator, a_send(ann, BEN, "Ben", state, code, **fields))


def test_of_a_message_in_doubt_the_headline_says_no_more_than_is_known(
    browser_of_the_operator: Client, ann: Advocate
) -> None:
    send = a_send(ann, BEN, "Ben", State.SKIPPED, "unsubscribed")
    Delivery.objects.update(reason=f"The person has unsubscribed.{AS_FAR_AS_KNOWN}")
    assert "As far as is known, Ben did not get this invite: they have unsubscribed." in why(
        browser_of_the_operator, send
    )


def test_what_an_account_kept_back_is_offered_again_and_consent_is_asked_anew(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN, recipient_name="Ben")
    drain()
    send = Send.objects.get()
    retry = {"send": send.pk, "back": f"{SENDS}{send.pk}/"}
    assert "Not sent" in why(browser_of_the_operator, send)
    assert f'action="{SENDS}retry"' in page(browser_of_the_operator, f"{SENDS}{send.pk}/")
    browser_of_the_operator.post(f"{SENDS}retry", retry)
    drain()
    assert state_of(send) == ("skipped", "unsubscribed")
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="SUBSCRIBED")])
    browser_of_the_operator.post(f"{SENDS}retry", retry)
    drain()
    assert state_of(send) == ("accepted", "")
    assert list(send.decisions.values_list("is_allowed", flat=True)) == [True, False, False]


def test_a_person_who_has_unsubscribed_at_klaviyo_is_explained_with_its_evidence(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN, recipient_name="Ben")
    drain()
    send = Send.objects.get()
    said = why(browser_of_the_operator, send)
    for words in (
        "Ben did not get this invite: they have unsubscribed.",
        "Who can change it Only the person themselves",
        "Policy Anyone who has not opted out It stops at a no",
        "What the person said Unsubscribed",
        "Klaviyo's word: UNSUBSCRIBED",
        "Can be reached No",
        "old then",
        "Not sent",
        "Request: Get profiles",
    ):
        assert words in said, words
    request_id = send.delivery.attempts.order_by("pk").last().request_id  # type: ignore[union-attr]
    assert request_id in said


def test_evidence_is_translated(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, state=State.SKIPPED, code="suppressed", reason="Klaviyo has suppressed this address.")
    said: dict[str, Any] = {
        "consent": "SUBSCRIBED",
        "can_receive_email_marketing": False,
        "double_optin": True,
        "consent_timestamp": "2025-03-01T14:05:00+02:00",
        "method": "FORM",
        "method_detail": "Footer form",
        "suppression": [{"reason": "HARD_BOUNCE", "timestamp": "2026-02-28T12:00:00+00:00"}, {"reason": "NEW_WORD"}],
        "list_suppressions": [{"list_id": "TeaFri", "reason": "USER_SUPPRESSED", "timestamp": "soon"}],
    }
    a_decision(send, "suppressed", "Klaviyo has suppressed this address: hard bounce.", said)
    text = why(browser_of_the_operator, send)
    for words in (
        "Suppressed The address bounced Since 28 Feb 2026, 12:00 UTC (2 days before this decision).",
        "For a reason that we do not know Klaviyo's word: NEW_WORD",
        "Left a list Somebody at the store suppressed it List TeaFri. Since soon.",
        "Said at 1 Mar 2025, 12:05 UTC (1 year before this decision)",
        "How A sign-up form Footer form Klaviyo's word: FORM",
        "Confirmed Yes A confirmation e-mail was answered.",
        "Klaviyo's answer 3 seconds old then",
    ):
        assert words in text, words


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "x",
        {},
        {"consent": None},
        {"suppression": "odd"},
        {"suppression": {"reason": 1}},
        {"method": 5},
        {"list_suppressions": ["x"]},
        {"consent_timestamp": "0000-00-00"},
        {"last_updated": ["x"]},
    ],
)
def test_evidence_in_any_shape_is_no_error(said: Any) -> None:
    assert all(line for line in evidence.of(said, timezone.now()))


def test_earlier_decisions_stay_to_be_read(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, state=State.SKIPPED, code="unsubscribed")
    a_decision(send, "never_subscribed", "The person has never subscribed, nor said no.", {}, is_allowed=True)
    a_decision(send, "unsubscribed", "The person has unsubscribed.", {})
    text = why(browser_of_the_operator, send)
    assert text.index("Consent Not allowed") < text.index("Earlier decisions 1 Allowed Never subscribed")


def test_each_try_is_told_with_klaviyos_request_id(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, state=State.QUEUED, code="timed_out", reason="The provider took too long to answer.")
    known = {"connection": send.delivery.connection, "operation": "create_event", "started_at": timezone.now()}
    send.delivery.attempts.add(
        Attempt.objects.create(**known, finished_at=timezone.now(), status=503, request_id="ab-1")
    )
    send.delivery.attempts.add(Attempt.objects.create(**known))
    text = why(browser_of_the_operator, send)
    assert "Klaviyo error 503" in text
    assert "ab-1" in text
    assert "The outcome is unknown" in text
    assert "Nobody needs to: it goes on by itself" in text


def test_asking_now_shows_the_fresh_decision_and_stores_and_sends_nothing(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    drain()
    send = Send.objects.get()
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="SUBSCRIBED")])
    before = state_of(send), ConsentDecision.objects.count(), len(sandbox.events(TEA))
    text = words_of(page(browser_of_the_operator, f"{SENDS}{send.pk}/now", {}))
    assert "What would happen now It would go out The person has subscribed." in text
    assert "Nothing is sent, and nothing is stored." in text
    assert "did not get this invite: they have unsubscribed." in text
    assert (state_of(send), ConsentDecision.objects.count(), len(sandbox.events(TEA))) == before


@pytest.mark.parametrize("kind", ["503", "reset", "html_403", "not_json"])
def test_when_klaviyo_cannot_be_asked_the_page_says_why(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, kind: str
) -> None:
    send = a_send(ann)
    sandbox.fault("get_profiles", kind, count=10)
    assert "Klaviyo could not be asked." in words_of(page(browser_of_the_operator, f"{SENDS}{send.pk}/now", {}))


def test_a_store_that_is_joined_no_longer_is_said(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, state=State.SKIPPED, code="sync_off")
    StoreSetting.objects.all().delete()
    assert "no longer joined" in words_of(page(browser_of_the_operator, f"{SENDS}{send.pk}/now", {}))
    assert "Store not joined" not in why(browser_of_the_operator, send)


def test_looking_asks_nobody(browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate) -> None:
    send = a_send(ann, state=State.SKIPPED, code="unsubscribed")
    asked = len(sandbox.requests())
    why(browser_of_the_operator, send)
    assert len(sandbox.requests()) == asked
    assert browser_of_the_operator.get(f"{SENDS}{send.pk}/now").status_code == 405


def test_the_profile_is_linked_only_where_it_is_known(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate
) -> None:
    known, unknown = a_send(ann, profile_id="01ABC"), a_send(ann, "cid@friends.test")
    link = f'<a href="{sandbox.url}/profile/01ABC" target="_blank" rel="noreferrer">'
    assert link in page(browser_of_the_operator, f"{SENDS}{known.pk}/")
    assert "/profile/" not in page(browser_of_the_operator, f"{SENDS}{unknown.pk}/")
    assert send_summary.profile_address("") == ""


def test_the_buttons_fit_the_state_and_the_reader(browser_of_the_operator: Client, ann: Advocate) -> None:
    buttons = {
        "Yes, cancel it": Delivery.OPEN,
        "Yes, try again": (State.FAILED, State.SKIPPED, State.HELD, State.QUEUED),
    }
    looker = signed_in_with("view_send")
    for state in State:
        send = a_send(ann, f"{state}@friends.test", state=state)
        content = page(browser_of_the_operator, f"{SENDS}{send.pk}/")
        for words, states in buttons.items():
            assert (words in content) == (state in states and state != State.SENDING), (words, state)
            assert words not in page(looker, f"{SENDS}{send.pk}/")
        assert "Ask Klaviyo now" in content
        assert "Ask Klaviyo now" not in page(looker, f"{SENDS}{send.pk}/")


def test_a_lost_account_offers_to_reconnect(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, state=State.HELD, code="access_withdrawn", reason="Access was withdrawn.")
    Connection.objects.update(state=Connection.State.RECONNECT)
    content = page(browser_of_the_operator, f"{SENDS}{send.pk}/")
    assert "/reconnect" in content
    assert "Yes, try again" not in content


def test_an_erased_person_is_not_named(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, BEN, "Ben", State.ACCEPTED)
    lifecycle.erase(BEN)
    content = page(browser_of_the_operator, f"{SENDS}{send.pk}/")
    assert "Somebody who was erased" in content
    assert "Ben" not in content
    assert "erased.invalid" not in content


def test_who_may_read_why(ann: Advocate) -> None:
    send = a_send(ann)
    assert signed_in_with("view_delivery").get(f"{SENDS}{send.pk}/").status_code == 403
    for those in (("view_delivery",), ("view_send",), ("run_action",)):
        assert signed_in_with(*those).post(f"{SENDS}{send.pk}/now").status_code == 403, those
    assert Client().get(f"{SENDS}{send.pk}/").status_code == 302
    assert signed_in_with("view_send").get(f"{SENDS}{send.pk}/").status_code == 200
    assert signed_in_with("view_send").get(f"{SENDS}{send.pk + 1}/").status_code == 404


@pytest.mark.parametrize(
    ("reason", "headline", "means"),
    [
        ("bounced", "did not get this invite: it came back.", "Ask the advocate for the friend's right address"),
        ("complained", "they have reported the store's e-mail as spam.", "Writing again would hurt"),
    ],
)
def test_what_came_back_says_so(
    browser_of_the_operator: Client, ann: Advocate, reason: str, headline: str, means: str
) -> None:
    send = a_send(ann, BEN, "Ben", channel="sorae", bounced_at=timezone.now(), bounce="550 5.1.1 No such user.")
    lifecycle.suppress(BEN, reason, send.store)
    text = why(browser_of_the_operator, send)
    for words in (headline, means, "550 5.1.1 No such user.", "Bounced"):
        assert words in text, words


def test_an_old_answer_says_its_age(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann)
    now = timezone.now()
    a_decision(send, "subscribed", "Yes.", {}, decided_at=now, asked_at=now - timedelta(minutes=61))
    assert "1 hour old then" in why(browser_of_the_operator, send)
