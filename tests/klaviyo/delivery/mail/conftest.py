"""What tests of Sorae's own mail share: a program that sends it, and a server that takes it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations.mail import mailer
from integrations.models import Connection
from klaviyo.models import StoreSetting
from referrals.models import Program, Store
from tests.mail_server import MailServer


@pytest.fixture
def own_mail(spring: Program) -> Program:
    """Spring sends its invites itself."""
    spring.invites_by = Program.Inviter.SORAE
    spring.save()
    return spring


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """The site's mail server, by Django's own settings."""
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 10
        yield server


@pytest.fixture
def second_setting(tea_house: Store, setting: StoreSetting, second_connection: Connection) -> StoreSetting:
    """Tea House is joined to another account as well."""
    return StoreSetting.objects.create(
        store=tea_house, connection=second_connection, behaviour=StoreSetting.Behaviour.CREATE
    )


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long for a mail server as in life."""
    for name in ("OPENING_SECONDS", "TALKING_SECONDS", "CLOSING_SECONDS"):
        monkeypatch.setattr(mailer, name, 1.0)
