"""The product as an app: its own admin site in place of Django's, its settings under system checks, and the demo."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.core import checks

from sorae import configuration


class SoraeConfig(AppConfig):
    name = "sorae"
    verbose_name = "Sorae"

    def ready(self) -> None:
        checks.register(configuration.shown)


class AdminConfig(DjangoAdminConfig):
    default_site = "sorae.admin.Site"
