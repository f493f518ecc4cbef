"""The integrations app: connections to providers, and the delivery of facts through them."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from integrations import checks  # noqa: F401  (registers the system checks)

        post_migrate.connect(_keep_places, sender=self)
        connection_created.connect(_compile_nothing)


def _compile_nothing(connection: BaseDatabaseWrapper, **_said: Any) -> None:
    """Our queries are short: to compile one takes longer than to carry it out.

    https://www.postgresql.org/docs/current/jit-decision.html
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET jit = off")


def _keep_places(using: str, **_said: Any) -> None:
    """SQLite makes a table anew to change it, without its triggers: https://www.sqlite.org/lang_altertable.html"""
    from integrations import places

    if connections[using].vendor == "sqlite":
        with connections[using].schema_editor() as editor:
            places.keep(editor)
