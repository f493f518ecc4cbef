"""Backfill command, `manage.py backfill --store tea-house`: tells Klaviyo of everybody in the store's programs."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integrations import shutdown
from integrations.errors import IntegrationError, Throttled
from integrations.pages import filtering
from klaviyo.imports import backfill, backfill_chunks, backfill_dry_run, backfill_estimate, backfill_facts
from klaviyo.imports.backfill import NotPossible
from klaviyo.imports.backfill_facts import Span
from klaviyo.models import Backfill, StoreSetting

EARLIEST = "2001"  # of an event: https://developers.klaviyo.com/en/reference/create_event
PATIENCE_SECONDS = 5.0  # between two tries when something is in the way


def _day(text: str) -> datetime:
    at = filtering.starts(filtering.day_in(text))
    if at is None or text < EARLIEST:
        raise ArgumentTypeError("a day from 2001 on, such as 2026-01-31")
    return at


class Command(BaseCommand):
    help = "Tell Klaviyo of everybody who is in a store's programs already. May be interrupted, and goes on then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", required=True, help="the store's short name")
        parser.add_argument("--connection", type=int, help="only this connection (its number); else all of the store")
        parser.add_argument("--unattended", action="store_true", help="only begin it; the workers do the rest")
        parser.add_argument(
            "--facts-since", type=_day, help="and of what they did since that day, as events of the past"
        )
        parser.add_argument("--resume", action="store_true", help="go on with what was paused")
        parser.add_argument("--dry-run", action="store_true", help="say how long it takes, show samples, send nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        since = options["facts_since"]
        span = Span(since, timezone.now()) if since else None
        for setting in self._settings(options["store"], options["connection"]):
            if options["dry_run"]:
                self._try(setting, span)
                continue
            row = self._begun(setting, span, resume=options["resume"])
            if not options["unattended"]:
                self._walk(row)
            else:
                self.stdout.write(f"{setting}: begun. The workers do the rest.")

    def _begun(self, setting: StoreSetting, span: Span | None, *, resume: bool) -> Backfill:
        try:
            row, is_new = backfill.begin_or_find(setting, span=span)
        except NotPossible as reason:
            raise CommandError(str(reason)) from None
        if not is_new and span:
            self.stderr.write(f"{setting}: one is under way already, with or without facts as it was begun.")
        if row.state == Backfill.State.PAUSED and not (resume and backfill.resume(row.pk)):
            raise CommandError(f"{setting}: backfill {row.pk} is paused. Go on with --resume, or on its page.")
        return row

    def _try(self, setting: StoreSetting, span: Span | None) -> None:
        if why := backfill.impossible(setting):
            raise CommandError(why)
        estimate = backfill_estimate.of(setting, backfill_facts.number(setting, span) if span else 0)
        self.stdout.write(f"{setting}: {estimate.people:,} people, {estimate.facts:,} facts, {estimate.words}.")
        try:
            tried = backfill_dry_run.of(setting, span)
        except IntegrationError as error:
            raise CommandError(error.sentence) from None
        for one in tried.left_out:
            self.stdout.write(f"Advocate {one.advocate}: {one.why}")
        for request in tried.requests:
            self.stdout.write(f"{request.method} {request.path} ({request.what})\n{request.body}")

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
            done, facts = (
                row.told + row.left_out,
                f"; {row.facts_seen:,} of {row.facts:,} facts" if row.has_facts else "",
            )
            self.stdout.write(f"{row.setting}: {done:,} of {people:,}, of whom {row.left_out:,} are left out{facts}")
            if row.state != Backfill.State.RUNNING:
                self.stdout.write(f"{row.setting}: {row.get_state_display().lower()}.")
                return
            if not is_more:
                time.sleep(PATIENCE_SECONDS)  # a worker is at it, or the account is away

    def _wait(self, error: IntegrationError) -> None:
        wait = error.retry_after.total_seconds() if isinstance(error, Throttled) else PATIENCE_SECONDS
        if not isinstance(error, Throttled):
            self.stderr.write(f"{error.sentence} It is tried again.")
        time.sleep(min(wait, PATIENCE_SECONDS))
