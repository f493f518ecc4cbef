"""Sorae's own mail goes only where neither the person nor the store's policy objects, up to the last moment."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.mail import mailer
from klaviyo.consent import gate
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Suppression
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.mail.post import LIST, NOES, SENT, outcomes, reserved, written_to
from tests.klaviyo.story import BEN, TEA, State
from tests.mail_server import MailServer

pytestmark = pytest.mark.usefixtures("own_mail")

Policy = StoreSetting.Permission


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("code", NOES)
def test_a_no_is_a_no_under_either_policy(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, code: str, policy: str
) -> None:
    StoreSetting.objects.update(invite_policy=policy, newsletter_list_id=LIST)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, **NOES[code])])
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, code)
    assert mail_server.said == []
    decision = ConsentDecision.objects.get()
    assert (decision.is_allowed, decision.code, decision.policy) == (False, code, policy)
    assert sandbox.events(TEA, "Sorae Invite Sent") == []


@pytest.mark.parametrize("behaviour", StoreSetting.Behaviour)
@pytest.mark.parametrize(("policy", "is_sent"), [(Policy.NOT_OPTED_OUT, True), (Policy.SUBSCRIBED_ONLY, False)])
@pytest.mark.parametrize(("consent", "code"), [("NEVER_SUBSCRIBED", "never_subscribed"), (None, "no_profile")])
def test_the_policy_decides_about_those_who_said_nothing(
    mail_server: MailServer,
    sandbox: Sandbox,
    ann: Advocate,
    drain: Drain,
    behaviour: str,
    policy: str,
    is_sent: bool,
    consent: str | None,
    code: str,
) -> None:
    StoreSetting.objects.update(invite_policy=policy, behaviour=behaviour)
    if consent:
        sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent=consent)])
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (SENT if is_sent else (State.SKIPPED, code))
    assert written_to(mail_server) == [BEN] * is_sent
    assert (sandbox.profile(TEA, BEN) is not None) == bool(consent)


@pytest.mark.parametrize("policy", Policy)
def test_a_subscriber_is_written_to(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, policy: str
) -> None:
    StoreSetting.objects.update(invite_policy=policy)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    drain()
    assert written_to(mail_server) == [BEN]
    assert ConsentDecision.objects.get().evidence["consent"] == "SUBSCRIBED"
    assert sandbox.profile(TEA, BEN).lists == ()  # type: ignore[union-attr]


def test_an_answer_that_cannot_be_read_is_no_yes(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    drain()

    def without_consent(document: Any) -> Any:
        for profile in document["data"]:
            del profile["attributes"]["subscriptions"]
        return document

    spoil("get_profiles", without_consent)
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "consent_unknown")
    assert mail_server.said == []


@pytest.mark.parametrize(("policy", "expected"), [(Policy.NOT_OPTED_OUT, SENT), (Policy.SUBSCRIBED_ONLY, None)])
def test_a_reminder_goes_by_the_policy_of_reminders(
    mail_server: MailServer, ann: Advocate, drain: Drain, policy: str, expected: tuple[str, str] | None
) -> None:
    StoreSetting.objects.update(reminder_policy=policy)
    invite = lifecycle.invite(ann, BEN)
    drain()
    lifecycle.remind(invite, 1)
    drain()
    assert outcomes()[BEN] == (expected or (State.SKIPPED, "no_profile"))
    assert len(mail_server.arrived) == (2 if expected else 1)


def test_no_reminder_of_an_invite_that_never_went_out(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    mail_server.answers("RCPT", "550 5.1.1 Nobody")
    StoreSetting.objects.update(reminder_policy=Policy.NOT_OPTED_OUT)
    invite = lifecycle.invite(ann, BEN)
    drain()
    lifecycle.remind(invite, 1)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "invite_not_sent")


def test_a_person_who_says_no_to_sorae_while_it_waits_is_not_written_to(
    mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    invite = lifecycle.invite(ann, BEN)
    lifecycle.opt_out(ann.program.store, "Ben@Friends.test", scope="invites", place="page")
    drain()
    assert outcomes()[BEN] == (State.CANCELLED, "opted_out")
    lifecycle.remind(invite, 1)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "opted_out")
    assert mail_server.said == []


def test_a_no_that_comes_right_before_the_conversation_is_heard(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_look = gate.last_look

    def no_at_the_last_moment(*about: Any) -> None:
        lifecycle.suppress(BEN, Suppression.Reason.UNSUBSCRIBED, ann.program.store)
        last_look(*about)

    lifecycle.invite(ann, BEN)
    monkeypatch.setattr(gate, "last_look", no_at_the_last_moment)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "opted_out")
    assert (mail_server.arrived, reserved()) == ([], 0)
    assert not any(said.upper().startswith("MAIL") for said in mail_server.said)
    assert Send.objects.get().delivery.attempts.filter(operation=mailer.OPERATION).count() == 0
    assert sandbox.events(TEA, "Sorae Invite Sent") == []


def test_an_answer_that_has_grown_old_is_asked_for_again(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_look: Callable[..., None] = gate.last_look
    asked: list[int] = []

    def after_a_while(batch: Any, delivery: Any) -> None:
        if delivery.kind == "email" and not asked:
            asked.append(1)
            batch.people.lookup._asked_at.clear()
            sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
        last_look(batch, delivery)

    lifecycle.invite(ann, BEN)
    monkeypatch.setattr(gate, "last_look", after_a_while)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, "unsubscribed")
    assert mail_server.arrived == []
