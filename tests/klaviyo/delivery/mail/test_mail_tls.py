"""Mail servers that speak TLS, and who they say they are."""

from pathlib import Path

import pytest
from pytest_django import Settings

from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import SENT, outcomes, written_to
from tests.klaviyo.story import BEN, CID, State
from tests.mail_server import DRIP, MESSAGE, MailServer

pytestmark = pytest.mark.usefixtures("own_mail", "mail_server")

BOTH = pytest.mark.parametrize("option", ["EMAIL_USE_TLS", "EMAIL_USE_SSL"])


@pytest.fixture
def tls(settings: Settings, option: str, certificate: Path, mail_server: MailServer) -> "MailServer":
    """The site's mail server speaks TLS instead."""
    server = MailServer(certificate=certificate, is_tls_from_the_start=option == "EMAIL_USE_SSL")
    setattr(settings, option, True)
    settings.EMAIL_PORT = server.port
    return server


@BOTH
def test_messages_go_over_tls(
    tls: MailServer, certificate: Path, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls:
        lifecycle.invite(ann, BEN)
        lifecycle.invite(ann, CID)
        drain()
    assert outcomes() == {BEN: SENT, CID: SENT}
    assert (written_to(tls), tls.visits) == ([BEN, CID], 1)


@BOTH
def test_a_server_that_is_not_who_it_should_be_gets_nothing(tls: MailServer, ann: Advocate, drain: Drain) -> None:
    with tls:
        lifecycle.invite(ann, BEN)
        drain()
    assert outcomes()[BEN] == (State.HELD, "mail_refused")
    assert not any("friends" in said for said in tls.said)


@BOTH
@pytest.mark.usefixtures("hurried")
def test_a_drip_over_tls_has_only_so_much_time(
    tls: MailServer, certificate: Path, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls.answers(MESSAGE, DRIP)
    with tls:
        lifecycle.invite(ann, BEN)
        drain()
        assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
