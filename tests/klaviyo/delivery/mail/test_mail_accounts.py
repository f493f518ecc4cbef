"""A store may be joined to several accounts: each is asked about Sorae's own mail, and each may object."""

import pytest

from integrations.models import Connection
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import LIST, NOES, OTHER, SENT, outcomes, reserved, written_to
from tests.klaviyo.story import BEN, CID, TEA, State, make_due
from tests.mail_server import MailServer

pytestmark = pytest.mark.usefixtures("own_mail")

Policy = StoreSetting.Permission


@pytest.mark.parametrize("account", [TEA, OTHER])
@pytest.mark.parametrize("code", NOES)
def test_a_no_in_any_account_of_the_store_is_enough(
    mail_server: MailServer,
    sandbox: Sandbox,
    second_setting: StoreSetting,
    ann: Advocate,
    drain: Drain,
    account: str,
    code: str,
) -> None:
    StoreSetting.objects.update(newsletter_list_id=LIST)
    for asked in (TEA, OTHER):
        said = NOES[code] if asked == account else {"consent": "SUBSCRIBED"}
        sandbox.put_profiles(asked, [SeedProfile(email=BEN, **said)])
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.SKIPPED, code)
    assert mail_server.said == []


def test_each_account_is_asked_by_its_own_policy(
    mail_server: MailServer, sandbox: Sandbox, second_setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.filter(pk=second_setting.pk).update(invite_policy=Policy.SUBSCRIBED_ONLY)
    sandbox.put_profiles(OTHER, [SeedProfile(email=CID, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.SKIPPED, "no_profile"), CID: SENT}


@pytest.mark.parametrize("account", [TEA, OTHER])
@pytest.mark.parametrize("fault", ["429", "503", "not_json"])
def test_an_account_that_does_not_answer_postpones_it(
    mail_server: MailServer,
    sandbox: Sandbox,
    second_setting: StoreSetting,
    ann: Advocate,
    drain: Drain,
    account: str,
    fault: str,
) -> None:
    drain()
    sandbox.fault("get_profiles", fault, count=9, account=account, retry_after="600")
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN][0] == State.QUEUED
    assert (mail_server.said, reserved()) == ([], 0)
    sandbox.clear_faults()
    budgets.forget()
    make_due()
    drain()
    assert outcomes()[BEN] == SENT
    assert written_to(mail_server) == [BEN]


def test_an_account_that_must_be_connected_again_postpones_it(
    mail_server: MailServer, second_setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    Connection.objects.filter(pk=second_setting.connection_id).update(state=Connection.State.RECONNECT)
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.QUEUED, "account_away")
    Connection.objects.update(state=Connection.State.CONNECTED)
    make_due()
    drain()
    assert written_to(mail_server) == [BEN]


def test_an_account_that_loses_its_token_meanwhile_postpones_it(
    mail_server: MailServer, sandbox: Sandbox, second_setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    drain()
    sandbox.uninstall(OTHER)
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN][0] == State.QUEUED
    assert mail_server.said == []


def test_a_connection_that_is_lost_sends_nothing(
    mail_server: MailServer, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    Connection.objects.update(state=Connection.State.RECONNECT)
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN][0] in (State.QUEUED, State.HELD)
    assert mail_server.said == []
