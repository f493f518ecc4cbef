"""Sync command, `manage.py sync customers`: runs a sync to its end, or says what a run of it would do."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import shutdown
from klaviyo.imports import results
from klaviyo.models import Sync, SyncRun
from klaviyo.syncs.run import engine, runs
from klaviyo.syncs.run.runs import NotPossible

PAUSE_SECONDS = 0.5
DONE, WITH_REJECTED, BAD_INPUT, FAILED = range(4)
COUNTS = ("added", "changed", "unchanged", "rejected", "not_sent", "unknown", "removed")

State = SyncRun.State


class Command(BaseCommand):
    help = "Run a sync: 0 done, 1 done with rejected rows or held, 2 bad input, 3 failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the sync's short name")
        parser.add_argument("--dry-run", action="store_true", help="count, and show the first requests; send nothing")
        parser.add_argument("--full", action="store_true", help="send what has not changed as well")
        parser.add_argument("--confirm", type=int, metavar="RUN", help="let a held run do what it was held for")
        parser.add_argument("--stop", action="store_true", help="stop the run that is under way")
        parser.add_argument("--json", action="store_true", help="one object a line")

    def handle(self, *_args: Any, **options: Any) -> None:
        self._is_json = options["json"]
        sync = Sync.objects.filter(slug=options["name"]).select_related("source", "connection").first()
        if sync is None:
            known = ", ".join(Sync.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none"
            raise CommandError(f"There is no sync {options['name']}. There are: {known}.", returncode=BAD_INPUT)
        try:
            run = self._run(sync, options)
        except NotPossible as reason:
            raise CommandError(str(reason), returncode=BAD_INPUT) from None
        if run is None:
            return
        with shutdown.on_signals():
            self._end(self._walk(run))

    def _run(self, sync: Sync, options: dict[str, Any]) -> SyncRun | None:
        if options["stop"]:
            run = runs.under_way(sync)
            if run is None:
                raise NotPossible(f"{sync}: no run is under way.")
            runs.stop(run)
            self._say(SyncRun.objects.get(pk=run.pk), f"Run {run.pk} is stopped.")
            return None
        if options["confirm"]:
            held = SyncRun.objects.filter(pk=options["confirm"], sync=sync).first()
            if held is None:
                raise NotPossible(f"{sync} has no run {options['confirm']}.")
            runs.confirm(held, None)
            return held
        open_one = runs.under_way(sync)
        if open_one and not (options["dry_run"] or options["full"]) and open_one.state != State.HELD:
            return open_one
        if open_one and open_one.state == State.HELD:
            raise NotPossible(f"Run {open_one.pk} is held: {open_one.problem} (--confirm {open_one.pk}, or --stop)")
        return runs.begin(sync, full=options["full"], dry=options["dry_run"])

    def _walk(self, run: SyncRun) -> SyncRun:
        said = ""
        while True:
            row = SyncRun.objects.select_related("sync").get(pk=run.pk)
            if row.state not in (State.READING, State.SENDING, State.REMOVING) or shutdown.asked():
                return row
            if engine.step(run.pk):
                continue
            results.look()
            row = SyncRun.objects.get(pk=run.pk)
            words = row.problem or f"{row.get_state_display()}: {row.sent:,} of {row.to_send:,}"
            if words != said and row.state in SyncRun.OPEN:
                self._say(row, words)
                said = words
            if row.state in (State.READING, State.SENDING, State.REMOVING):
                time.sleep(PAUSE_SECONDS)

    def _end(self, run: SyncRun) -> None:
        counts = ", ".join(f"{name.replace('_', ' ')} {getattr(run, name):,}" for name in COUNTS)
        self._say(run, f"Run {run.pk} {run.get_state_display().lower()}: read {run.rows_read:,}; {counts}.")
        if run.problem:
            self._say(run, run.problem)
        for sample in run.samples:
            self._tell(json.dumps(sample, ensure_ascii=False))
        if run.state == State.FAILED:
            raise SystemExit(FAILED)
        if run.state == State.HELD or run.rejected:
            raise SystemExit(WITH_REJECTED)

    def _say(self, run: SyncRun, words: str) -> None:
        if not self._is_json:
            self._tell(words)
            return
        told = {"run": run.pk, "state": run.state, "read": run.rows_read, "problem": run.problem}
        told |= {name: getattr(run, name) for name in COUNTS}
        self._tell(json.dumps(told | {"told_before": run.told_before, "told_now": run.told_now, "sent": run.sent}))

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
