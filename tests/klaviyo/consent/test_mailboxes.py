"""One mailbox may be written in many ways: its no, its caps and its one invite are the mailbox's."""

from contextlib import suppress

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import transaction
from pytest_django import Settings

from klaviyo.sandbox import Sandbox
from referrals import lifecycle, signals
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.sending_cast import EITHER_WAY, RECEIVED, let_invite, mailed, send_outcomes
from tests.klaviyo.story import BEN, CID, TEA, State

QUOTED, ESCAPED = '"ben"@friends.test', '"be\\n"@friends.test'
IDEOGRAPHIC_STOP, FULL_WIDTH = "ben@friends\u3002test", "ben@\uff46riends.test"
BÜCHER, IN_ASCII = "jo@bücher.example", "jo@xn--bcher-kva.example"
SPELLINGS = [QUOTED, ESCAPED, IDEOGRAPHIC_STOP, FULL_WIDTH, "BEN@FRIENDS.TEST"]
OTHER_SPELLINGS = [
    "jo@BÜCHER.example",
    "jo@bu\u0308cher.example",
    "JO@xn--bcher-kva.example",
    "jo@XN--BCHER-KVA.example",
]


def invite(advocate: Advocate, email: str) -> None:
    """An address that is refused gets nothing either."""
    with suppress(ValidationError):
        lifecycle.invite(advocate, email)


@EITHER_WAY
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_no_holds_for_every_spelling_of_the_mailbox(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spelling: str, inviter: str
) -> None:
    let_invite(ann, inviter)
    drain()
    lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="The page")
    invite(ann, spelling)
    drain()
    assert mail.outbox == []
    assert sandbox.events(TEA, RECEIVED) == []


@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
def test_a_no_holds_for_an_invite_that_a_host_wrote_itself(ann: Advocate, drain: Drain, spelling: str) -> None:
    let_invite(ann)
    drain()
    lifecycle.opt_out(ann.program.store, BÜCHER, scope="invites", place="The page")
    with transaction.atomic():
        row = Invite.objects.create(advocate=ann, recipient_email=spelling)
        signals.invite_sent.send(sender=Invite, invite=row)
    drain()
    assert mail.outbox == []
    assert send_outcomes() == [(State.SKIPPED, "opted_out")]


@EITHER_WAY
@pytest.mark.parametrize(
    ("one", "other"), [(BÜCHER, IN_ASCII), (BEN, IDEOGRAPHIC_STOP), (BEN, FULL_WIDTH), (BEN, QUOTED)]
)
def test_one_advocate_invites_a_mailbox_once(
    sandbox: Sandbox, ann: Advocate, drain: Drain, one: str, other: str, inviter: str
) -> None:
    let_invite(ann, inviter)
    drain()
    invite(ann, one)
    invite(ann, other)
    drain()
    assert len(mail.outbox) + len(sandbox.events(TEA, RECEIVED)) == 1


def test_the_cap_of_a_week_is_a_mailboxs(ann: Advocate, drain: Drain, settings: Settings) -> None:
    settings.MAIL_PER_PERSON_AND_WEEK = 1
    let_invite(ann)
    drain()
    for number, spelling in enumerate([BEN, *SPELLINGS]):
        invite(lifecycle.join(ann.program, f"advocate{number}@example.com"), spelling)
    drain()
    assert len(mail.outbox) == 1


def test_an_invite_that_names_another_address_by_now_goes_to_neither(ann: Advocate, drain: Drain) -> None:
    """Ben was asked about, and it is Cid who would get it."""
    let_invite(ann)
    drain()
    lifecycle.invite(ann, BEN)
    lifecycle.opt_out(ann.program.store, CID, scope="invites", place="The page")
    Invite.objects.update(recipient_email=CID)
    drain()
    assert mailed() == []
    assert send_outcomes() == [(State.FAILED, "unusable")]
