"""Sorae's own invites and reminders: one message to the friend, and nothing of the friend to Klaviyo."""

from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Attempt, Delivery
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.delivery.sends import enqueue
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import OTHER
from tests.klaviyo.story import BEN, CID, TEA, State, make_due, metrics
from tests.mail_server import MailServer


def state_of(invite: Invite) -> tuple[str, str]:
    delivery = Delivery.objects.get(kind="email", source=str(invite.uid))
    return delivery.state, delivery.reason_code


def test_an_invite_arrives_once_with_text_and_html_and_a_way_out(
    own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    invite = lifecycle.invite(ann, BEN)
    drain()
    [arrived] = mail_server.arrived
    assert arrived.recipients == [BEN]
    assert arrived.sender == "invites@sorae.invalid"
    message = arrived.message
    assert message["To"] == BEN
    assert "Tea House" in message["From"]
    assert message["Message-ID"] == Send.objects.get().message_id
    assert message["List-Unsubscribe"].strip().startswith("<http://localhost:8000/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert str(invite.uid) in body.get_content()
    assert state_of(invite) == (State.ACCEPTED, "")


def test_klaviyo_hears_of_the_friend_on_the_advocate_only(
    own_mail: Program, mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    invite = lifecycle.invite(ann, BEN)
    drain()
    assert sandbox.profile(TEA, BEN) is None
    assert metrics(sandbox, BEN) == []
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started", "Sorae Invite Sent"]
    [sent] = sandbox.events(TEA, "Sorae Invite Sent")
    assert sent.properties["recipient_email"] == BEN
    assert Invite.objects.get(pk=invite.pk).went_out_at is not None


def test_the_advocate_hears_of_it_when_the_mail_server_has_it_and_not_before(
    own_mail: Program, mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    mail_server.answers("RCPT", "450 4.2.0 Come back later")
    lifecycle.invite(ann, BEN)
    drain()
    assert sandbox.events(TEA, "Sorae Invite Sent") == []
    make_due()
    drain()
    assert len(sandbox.events(TEA, "Sorae Invite Sent")) == 1


def test_one_message_is_told_of_in_every_account(
    own_mail: Program,
    mail_server: MailServer,
    sandbox: Sandbox,
    second_setting: StoreSetting,
    ann: Advocate,
    drain: Drain,
) -> None:
    lifecycle.invite(ann, BEN)
    drain()
    assert len(mail_server.arrived) == 1
    assert Send.objects.count() == 1
    for account in (TEA, OTHER):
        assert len(sandbox.events(account, "Sorae Invite Sent")) == 1
        assert sandbox.profile(account, BEN) is None


def test_a_reminder_has_words_of_its_own(
    own_mail: Program, mail_server: MailServer, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    invite = lifecycle.invite(ann, BEN)
    drain()
    for number in (1, 2):
        lifecycle.remind(invite, number)
        drain()
    messages = [arrived.message for arrived in mail_server.arrived]
    assert len(messages) == len({message["Message-ID"] for message in messages}) == 3
    subjects = [message["Subject"] for message in messages]
    assert subjects[0] != subjects[1] == subjects[2]
    assert set(Send.objects.values_list("kind", "delivery__state")) == {
        (Send.Kind.INVITE, State.ACCEPTED),
        (Send.Kind.REMINDER, State.ACCEPTED),
    }


def test_a_batch_shares_one_connection(own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain) -> None:
    for friend in (BEN, CID, "dora@friends.test"):
        lifecycle.invite(ann, friend)
    drain()
    assert len(mail_server.arrived) == 3
    assert mail_server.visits == 1
    assert mail_server.said[-1] == "quit"


def test_it_is_signed_in_where_the_server_wants_that(
    own_mail: Program, mail_server: MailServer, settings: Settings, ann: Advocate, drain: Drain
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "sorae", "secret"
    with MailServer(login="AHNvcmFlAHNlY3JldA==") as server:
        settings.EMAIL_PORT = server.port
        lifecycle.invite(ann, BEN)
        drain()
        assert len(server.arrived) == 1


def test_the_messages_of_an_international_address_go_to_its_ascii_form(
    own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    lifecycle.invite(ann, "Ben@bücher.example")
    drain()
    assert mail_server.arrived[0].recipients == ["ben@xn--bcher-kva.example"]


@pytest.mark.parametrize("sender", ["Sorae <hello@bücher.example>", "hello@xn--bcher-kva.example"])
def test_the_message_id_is_of_our_own_domain(
    own_mail: Program, mail_server: MailServer, settings: Settings, ann: Advocate, drain: Drain, sender: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = sender
    invite = lifecycle.invite(ann, BEN)
    drain()
    expected = f"<{invite.uid}.{Send.objects.get().pk}@xn--bcher-kva.example>"
    assert Send.objects.get().message_id == mail_server.arrived[0].message["Message-ID"] == expected


def test_messages_may_go_into_a_folder(
    own_mail: Program, settings: Settings, tmp_path: Path, ann: Advocate, drain: Drain
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    invites = [lifecycle.invite(ann, friend) for friend in (BEN, CID)]
    drain()
    [file] = tmp_path.iterdir()
    first, second, _ = file.read_bytes().split(b"-" * 79 + b"\n")
    told = [message_from_bytes(part, policy=policy.default) for part in (first, second)]
    assert [message["To"] for message in told] == [BEN, CID]
    assert {state_of(invite) for invite in invites} == {(State.ACCEPTED, "")}


def test_messages_may_go_through_any_backend_of_the_host(
    own_mail: Program, settings: Settings, ann: Advocate, drain: Drain
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    lifecycle.invite(ann, BEN)
    drain()
    assert [message.to for message in mail.outbox] == [[BEN]]
    assert Attempt.objects.get(operation="send_email").status == 250


def test_an_invite_that_came_too_late_is_cancelled(
    own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    invite = lifecycle.invite(ann, BEN, expires_at=timezone.now() + timedelta(days=1))
    Delivery.objects.filter(kind="email").update(not_after=timezone.now() - timedelta(seconds=1))
    worker.sweep()
    drain()
    assert state_of(invite) == (State.CANCELLED, "expired")
    assert mail_server.arrived == []


def test_an_address_that_can_be_none_is_never_tried(
    own_mail: Program, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    drain()
    Invite.objects.bulk_create([Invite(advocate=ann, recipient_email="ben at friends")])
    invite = Invite.objects.get()
    with transaction.atomic():
        enqueue.order(invite)
    assert state_of(invite) == (State.FAILED, "malformed_email")
    retrying.again(Delivery.objects.filter(kind="email"))
    drain()
    assert state_of(invite) == (State.FAILED, "malformed_email")
    assert mail_server.said == []
