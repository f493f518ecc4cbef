"""Mail servers that hang, drip and break off: a worker waits only so long, and nobody is written to twice."""

import pytest

from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import come_back, outcomes, reserved, retry
from tests.klaviyo.story import BEN, CID, TEA, State
from tests.mail_server import DRIP, DROP, GREETING, HANG, MESSAGE, MailServer
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.usefixtures("own_mail")


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "answer", [DROP, HANG, DRIP, "Hello there", "250" + " and so on" * 2_000, "354 More", "200 Odd"]
)
def test_a_message_whose_answer_stays_out_is_not_sent_again_by_itself(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain, answer: str
) -> None:
    mail_server.answers(MESSAGE, answer)
    lifecycle.invite(ann, BEN)
    drain()
    for _ in range(3):
        assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
        come_back(drain)
    assert mail_server.said.count("data") == 1
    assert sandbox.events(TEA, "Sorae Invite Sent") == []
    assert reserved() == 1
    retry(BEN)
    drain()
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert mail_server.said.count("data") == 2
    assert reserved() == 1


def test_those_behind_an_unknown_outcome_are_spared_it(mail_server: MailServer, ann: Advocate, drain: Drain) -> None:
    mail_server.answers(MESSAGE, DROP, DROP)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.FAILED, "outcome_unknown"), CID: (State.QUEUED, "mail_unreachable")}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("command", [GREETING, "MAIL", "RCPT", "DATA", MESSAGE])
@pytest.mark.parametrize("answer", [HANG, DRIP])
def test_a_server_that_takes_its_time_has_only_so_much(
    mail_server: MailServer, ann: Advocate, drain: Drain, command: str, answer: str
) -> None:
    drain()
    mail_server.answers(command, answer)
    lifecycle.invite(ann, BEN)
    watch = Stopwatch()
    drain()
    assert watch.seconds() < 4
    unknown = command == MESSAGE
    assert outcomes()[BEN] == ((State.FAILED, "outcome_unknown") if unknown else (State.QUEUED, "mail_unreachable"))


def test_an_end_of_the_conversation_that_hangs_harms_nobody(
    mail_server: MailServer, ann: Advocate, drain: Drain, hurried: None
) -> None:
    mail_server.answers("QUIT", HANG)
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.ACCEPTED, "")
