"""Runs of syncs as pages: how far one is, what became of its rows, and what a person has it do."""

import json
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from integrations import reasons
from integrations.pages import sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.models import SyncRun
from klaviyo.pages.syncs import standing
from klaviyo.pages.syncs.rights import RUN, VIEW
from klaviyo.pages.syncs.standing import Run
from klaviyo.pages.views.syncs import TAB, rights, shown, user_of
from klaviyo.syncs.run import runs
from klaviyo.syncs.run.runs import NotPossible

KNOWN = SyncRun.objects.select_related("sync__source", "sync__connection", "begun_by", "confirmed_by", "stopped_by")
State = SyncRun.State
NO_CODES = ("event_fixed", "removals_put_off", "is_later")


@for_operators(VIEW)
@never_cache
@require_GET
def run(request: HttpRequest, sync_run_id: int) -> HttpResponse:
    """One run: its state in words, its sums, its steps."""
    row = get_object_or_404(KNOWN, pk=sync_run_id)
    now = timezone.now()
    is_latest = not SyncRun.objects.filter(sync=row.sync_id, pk__gt=row.pk).exists()
    before = list(
        SyncRun.objects.filter(sync=row.sync_id, pk__lte=row.pk).order_by("-pk").defer("samples")[: standing.BARS]
    )
    may = rights(request)
    context = {
        "title": f"{'Dry run' if row.is_dry else 'Full resync' if row.is_full else 'Run'} of {row.sync.name}",
        "connection": row.sync.connection,
        "sections": sections.of(request, row.sync.connection, TAB),
        "run": Run(row, now),
        "row": row,
        "sync": row.sync,
        "bars": standing.bars(before),
        "moments": moments(row),
        "not_sent": [(reasons.title(code), number) for code, number in _codes(row)],
        "samples": _samples(row) if may["sees_people"] else [],
        "is_latest": is_latest,
        "may_go_on": is_latest and row.state in (State.STOPPED, State.FAILED) and not row.is_dry,
        "is_watched": row.state in (State.READING, State.SENDING, State.REMOVING),
        **may,
    }
    return shown(request, "sync_run", context)


@for_operators(RUN)
@require_POST
def stop(request: HttpRequest, sync_run_id: int) -> HttpResponse:
    row = get_object_or_404(KNOWN, pk=sync_run_id)
    if runs.stop(row, user_of(request)):
        note(request, row.sync.connection, f"Stopped run {row.pk} of the sync {row.sync.name}.")
    else:
        messages.info(request, "It had ended already.")
    return redirect("klaviyo:sync_run", row.pk)


@for_operators(RUN)
@require_POST
def go_on(request: HttpRequest, sync_run_id: int) -> HttpResponse:
    row = get_object_or_404(KNOWN, pk=sync_run_id)
    try:
        runs.go_on(row)
        note(request, row.sync.connection, f"Run {row.pk} of the sync {row.sync.name} goes on.")
    except NotPossible as reason:
        messages.error(request, str(reason))
    return redirect("klaviyo:sync_run", row.pk)


@for_operators(RUN)
@require_POST
def confirm(request: HttpRequest, sync_run_id: int) -> HttpResponse:
    """Let it do what it was held for; what that was stands on record."""
    row = get_object_or_404(KNOWN, pk=sync_run_id)
    try:
        runs.confirm(row, user_of(request))
        note(request, row.sync.connection, f"Confirmed run {row.pk} of the sync {row.sync.name}: {row.problem}")
    except NotPossible as reason:
        messages.error(request, str(reason))
    return redirect("klaviyo:sync_run", row.pk)


def moments(row: SyncRun) -> list[tuple[str, str, datetime]]:
    """The steps that are behind it: a level, in words, and when."""
    found: list[tuple[str, str, datetime | None]] = [
        ("info", f"Begun by {row.begun_by.get_username() if row.begun_by else 'its schedule'}", row.began_at),
        ("good", f"Read: {row.rows_read:,} rows", row.read_at),
        (
            "warn",
            f"Confirmed by {row.confirmed_by.get_username() if row.confirmed_by else 'a person'}",
            row.confirmed_at,
        ),
        ("good", "Sent", row.sent_at),
    ]
    if row.ended_at:
        by = f" by {row.stopped_by.get_username()}" if row.state == State.STOPPED and row.stopped_by else ""
        words, level = standing.WORDS[State(row.state)]
        found.append((level, f"{words}{by}", row.ended_at))
    return [(level, words, at) for level, words, at in found if at is not None]


def _codes(row: SyncRun) -> list[tuple[str, int]]:
    told = [(code, n) for code, n in row.notes.items() if type(n) is int and code not in NO_CODES]
    return sorted(told, key=lambda one: -one[1])


def _samples(row: SyncRun) -> list[tuple[str, str]]:
    return [
        (str(one.get("key", "")), json.dumps(one.get("request"), indent=2, ensure_ascii=False)) for one in row.samples
    ]
