"""The laws count Sorae's own messages: each once, to whom it is due, and to nobody who may not be told."""

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Attempt, Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, unsubscribe_links
from referrals.models import Advocate, Invite, Program
from sorae.demo import mail_folder
from sorae.demo.laws import Broken
from sorae.demo.mail_folder import Mail
from tests.conftest import Drain
from tests.klaviyo.sending_cast import come_back, killed_before
from tests.sorae.demo.judging import BEN, ben, change, judged, mail_of

State = Delivery.State


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


@pytest.fixture
def invite(folder: Path, ann: Advocate, spring: Program, drain: Drain) -> Invite:
    """Ann has invited Ben, to whom Sorae has written."""
    Program.objects.update(invites_by=Program.Inviter.SORAE)
    invite = lifecycle.invite(ann, BEN)
    drain()
    return invite


@pytest.fixture
def mails(folder: Path, invite: Invite) -> list[Mail]:
    return mail_folder.read(folder)


def test_messages_are_read_from_their_files(folder: Path, invite: Invite, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, "cid@bücher.test")
    drain()
    found = {mail.to: mail for mail in mail_folder.read(folder)}
    assert set(found) == {BEN, "cid@xn--bcher-kva.test"}
    assert found[BEN].fact_id == str(invite.uid)
    assert found[BEN].message_id.startswith(f"<{invite.uid}.")
    assert found[BEN].unsubscribe == unsubscribe_links.address(invite)


def test_all_laws_are_kept_when_each_message_is_there_once(sandbox: Sandbox, mails: list[Mail]) -> None:
    assert judged(sandbox, mails=mails) == Broken()


def test_a_message_that_is_nowhere_is_missing(sandbox: Sandbox, mails: list[Mail]) -> None:
    broken = judged(sandbox, mails=[])
    assert "was not sent" in broken.missing[0]
    assert broken.twice[0].startswith("Sorae Invite Sent of ")


def test_a_message_that_is_there_twice_is_noticed(sandbox: Sandbox, mails: list[Mail]) -> None:
    (sentence,) = judged(sandbox, mails=mails * 2).twice
    assert sentence.endswith("was written 2 times.")


def test_a_message_to_somebody_else_is_uncalled_for(sandbox: Sandbox, invite: Invite, mails: list[Mail]) -> None:
    broken = judged(sandbox, mails=[*mails, mail_of(invite, to="cid@letters.test")])
    assert any(sentence.endswith("was written uncalled for.") for sentence in broken.twice)


def test_a_message_to_a_person_who_may_not_be_told_is_against_consent(
    sandbox: Sandbox, invite: Invite, mails: list[Mail]
) -> None:
    told = judged(sandbox, before=ben("UNSUBSCRIBED"), mails=mails).against_consent
    assert told[0] == f"The e-mail of {invite.uid} went to a person who may not be told."


def test_a_message_is_judged_by_the_time_of_the_no_as_well(sandbox: Sandbox, invite: Invite, mails: list[Mail]) -> None:
    assert judged(sandbox, mails=mails, changes=[change("spam", str(invite.uid))]).against_consent == []
    assert len(judged(sandbox, mails=mails, changes=[change("spam")]).against_consent) == 1


@pytest.fixture
def in_doubt(folder: Path, ann: Advocate, spring: Program, drain: Drain) -> Invite:
    """The worker died while it handed the message to Ben over."""
    drain()
    Program.objects.update(invites_by=Program.Inviter.SORAE)
    invite = lifecycle.invite(ann, BEN)
    with killed_before(lifecycle, "went_out"):
        drain()
    Attempt.objects.filter(operation="send_email").update(status=None, finished_at=None)
    Invite.objects.update(closed_by=Invite.Closing.VISITED, closed_at=timezone.now())
    come_back(drain)
    assert Delivery.objects.get(kind="email").reason_code == "outcome_unknown"
    return invite


@pytest.mark.parametrize("has_left", [True, False])
def test_a_message_of_which_nobody_can_know_is_neither_missing_nor_uncalled_for(
    sandbox: Sandbox, folder: Path, in_doubt: Invite, has_left: bool
) -> None:
    assert judged(sandbox, mails=mail_folder.read(folder) if has_left else []) == Broken()


def test_a_doubt_for_which_there_is_no_reason_is_noticed(sandbox: Sandbox, folder: Path, in_doubt: Invite) -> None:
    Attempt.objects.filter(operation="send_email").update(status=250)
    assert "outcome_unknown, which is not true" in judged(sandbox, mails=[]).missing[0]
    assert "and our books do not know" in judged(sandbox, mails=mail_folder.read(folder)).missing[-1]


@pytest.mark.parametrize(("state", "code"), [(State.QUEUED, "advocate_cap"), (State.SKIPPED, "too_many")])
def test_a_cap_that_is_not_reached_is_no_good_reason_and_one_that_is_reached_is(
    sandbox: Sandbox, ann: Advocate, mails: list[Mail], settings: Settings, state: str, code: str
) -> None:
    second = lifecycle.invite(ann, "cid@letters.test")
    Delivery.objects.filter(key=f"email:{second.uid}").update(state=state, reason_code=code)
    assert any("advocate_cap" in one or "too_many" in one for one in judged(sandbox, mails=mails).missing)
    settings.MAIL_PER_ADVOCATE_AND_DAY, settings.MAIL_PER_PERSON_AND_WEEK = 1, 0
    assert not any("advocate_cap" in one or "too_many" in one for one in judged(sandbox, mails=mails).missing)


def test_a_list_that_the_person_left_counts_for_messages_too(
    sandbox: Sandbox, setting: StoreSetting, mails: list[Mail]
) -> None:
    StoreSetting.objects.update(list_name="Friends")
    left = ben("SUBSCRIBED", list_suppressions=["Friends"])
    assert len(judged(sandbox, before=left, mails=mails).against_consent) >= 1
