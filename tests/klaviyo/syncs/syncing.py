"""A sync run to its end, as its command and the workers would do it."""

from datetime import timedelta
from io import StringIO

from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import Job
from klaviyo.imports import results
from klaviyo.models import Sync, SyncChunk, SyncRun
from klaviyo.sandbox import Sandbox
from klaviyo.syncs.run import engine, runs
from tests.klaviyo.story import TEA

State = SyncRun.State

MOST_STEPS = 500


def run(sync: Sync, *, full: bool = False, dry: bool = False) -> SyncRun:
    """Begin a run and go on until it ends, or is held."""
    return to_its_end(runs.begin(Sync.objects.get(pk=sync.pk), full=full, dry=dry))


def to_its_end(run: SyncRun) -> SyncRun:
    for _ in range(MOST_STEPS):
        row = SyncRun.objects.get(pk=run.pk)
        if row.state not in (State.READING, State.SENDING, State.REMOVING):
            return row
        SyncRun.objects.filter(pk=run.pk).update(wait_until=None)
        SyncChunk.objects.filter(run=run.pk).update(next_try_at=None)
        if not engine.step(run.pk):
            end_imports()
    raise AssertionError(f"Run {row.pk} comes to no end: {row.state}, {row.problem}")


def end_imports() -> None:
    Job.objects.update(next_look_at=timezone.now() - timedelta(seconds=1))
    results.look()


def command(*words: str) -> tuple[int, str]:
    """`manage.py sync …`: its exit code and what it said."""
    said = StringIO()
    try:
        call_command("sync", *words, stdout=said, stderr=said)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def sums_hold(run: SyncRun) -> bool:
    """Both sums of a run."""
    kinds = run.added + run.changed + run.unchanged + run.rejected + run.not_sent + run.unknown
    return run.rows_read == kinds and run.told_now == run.told_before + run.added - run.removed - run.erased


def emails(sandbox: Sandbox) -> set[str]:
    return {profile.email for profile in sandbox.profiles(TEA) if profile.email}


def members(sandbox: Sandbox, list_id: str) -> set[str]:
    """The addresses of who is on a list."""
    [found] = [one for one in sandbox.lists(TEA) if one.id == list_id]
    return set(found.members)
