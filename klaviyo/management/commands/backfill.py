"""Backfill command, `manage.py backfill --store tea-house`: tells Klaviyo of everybody in the store's programs."""

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import shutdown
from integrations.errors import IntegrationError, Throttled
from klaviyo.imports import backfill, backfill_chunks
from klaviyo.imports.backfill import NotPossible
from klaviyo.models import Backfill, StoreSetting

PATIENCE_SECONDS = 5.0  # between two tries when something is in the way


class Command(BaseCommand):
    help = "Tell Klaviyo of everybody who is in a store's programs already. May be interrupted, and goes on then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", required=True, help="the store's short name")
        parser.add_argument("--connection", type=int, help="only this connection (its number); else all of the store")
        parser.add_argument("--unattended", action="store_true", help="only begin it; the workers do the rest")

    def handle(self, *_args: Any, **options: Any) -> None:
        for setting in self._settings(options["store"], options["connection"]):
            try:
                row = backfill.begin(setting)
            except NotPossible as reason:
                raise CommandError(str(reason)) from None
            if not options["unattended"]:
                self._walk(row)
            else:
                self.stdout.write(f"{setting}: begun. The workers do the rest.")

    def _settings(self, store: str, connection: int | None) -> Sequence[StoreSetting]:
        found = StoreSetting.objects.filter(store__slug=store).select_related("connection", "store")
        found = found.filter(connection=connection) if connection else found.filter(is_enabled=True)
        if not found:
            raise CommandError(
                f"No store “{store}” is joined to {'that' if connection else 'an'} account. "
                "Join it on the page Store settings first."
            )
        return list(found.order_by("pk"))

    def _walk(self, row: Backfill) -> None:
        people = backfill_chunks.advocates(row.setting).filter(pk__lte=row.upto).count()
        while not shutdown.asked():
            try:
                is_more = backfill.step(row.pk)
            except IntegrationError as error:
                self._wait(error)
                continue
            row.refresh_from_db()
            done = row.told + row.left_out
            self.stdout.write(f"{row.setting}: {done:,} of {people:,}, of whom {row.left_out:,} are left out")
            if row.state == Backfill.State.DONE:
                return
            if not is_more:
                time.sleep(PATIENCE_SECONDS)  # a worker is at it, or the account is away

    def _wait(self, error: IntegrationError) -> None:
        wait = error.retry_after.total_seconds() if isinstance(error, Throttled) else PATIENCE_SECONDS
        if not isinstance(error, Throttled):
            self.stderr.write(f"{error.sentence} It is tried again.")
        time.sleep(min(wait, PATIENCE_SECONDS))
