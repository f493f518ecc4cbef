"""The product as an app: its own admin site in place of Django's, its settings under system checks, and the demo."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.contrib.auth.signals import user_logged_in
from django.core import checks
from django.http import HttpRequest

from sorae import configuration


class SoraeConfig(AppConfig):
    name = "sorae"
    verbose_name = "Sorae"

    def ready(self) -> None:
        checks.register(configuration.shown)
        user_logged_in.connect(_note_sign_in, dispatch_uid="sorae")


def _note_sign_in(request: HttpRequest | None, user: Any, **_said: Any) -> None:
    from integrations.pages import audit_log

    audit_log.note_of_signing_in(request, user)


class AdminConfig(SimpleAdminConfig):
    """Its pages are found with the site's addresses (sorae.urls) and by the checks: other commands do without them.

    https://docs.djangoproject.com/en/5.2/ref/contrib/admin/#django.contrib.admin.apps.SimpleAdminConfig
    """

    default_site = "sorae.admin.Site"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_all_pages, checks.Tags.admin)


def _check_all_pages(app_configs: Sequence[AppConfig] | None, **said: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    found: list[checks.CheckMessage] = check_admin_app(app_configs, **said)
    return found
