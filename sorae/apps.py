"""Puts the product's own admin site in place of Django's, and its settings under system checks."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.core import checks

from sorae import configuration


class AdminConfig(DjangoAdminConfig):
    default_site = "sorae.admin.Site"

    def ready(self) -> None:
        super().ready()
        checks.register(configuration.shown)
