"""Syncs as pages: all of them, one with its runs, and what a person has it do."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.models import Connection
from integrations.pages import filtering, paging, sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.models import Sync, SyncRun, SyncSource
from klaviyo.pages.syncs import cron_words, drafts, standing
from klaviyo.pages.syncs.rights import ADD, CHANGE, DELETE, PEOPLE, RUN, VIEW
from klaviyo.pages.syncs.standing import Run
from klaviyo.provider import KLAVIYO
from klaviyo.syncs import schedule
from klaviyo.syncs.run import runs
from klaviyo.syncs.run.runs import NotPossible

TAB = "Syncs"
KNOWN = Sync.objects.select_related("source", "connection")


@for_operators(VIEW)
@never_cache
@require_GET
def syncs(request: HttpRequest) -> HttpResponse:
    """Every sync, or those of one account."""
    connection_id = filtering.id_in(request.GET.get("connection", ""))
    rows = Connection.objects.filter(provider=KLAVIYO.slug)
    connection = rows.filter(pk=connection_id).first() if connection_id else None
    found = KNOWN.filter(connection=int(connection_id)) if connection_id else KNOWN
    page = paging.of(found, request.GET, lambda row: row)
    now = timezone.now()
    listed = standing.listed(page.rows, now)
    context = {
        "title": TAB,
        "connection": connection,
        "sections": sections.of(request, connection, TAB) if connection else (),
        "listed": listed,
        "page": page,
        "is_anybody_connected": bool(listed) or rows.filter(state=Connection.State.CONNECTED).exists(),
        "may_add": request.user.has_perm(ADD),
    }
    return shown(request, "syncs", context)


@for_operators(VIEW)
@never_cache
@require_GET
def sync(request: HttpRequest, sync_id: int) -> HttpResponse:
    """One sync: how it stands, and its runs."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    now = timezone.now()
    history = paging.of(SyncRun.objects.filter(sync=row).select_related("begun_by"), request.GET, lambda one: one)
    latest = history.rows[0] if history.rows and history.newer is None else None
    [one] = standing.listed([row], now)
    context = {
        "title": row.name,
        "connection": row.connection,
        "sections": sections.of(request, row.connection, TAB),
        "row": row,
        "one": one,
        "history": history,
        "runs": [Run(run, now) for run in history.rows],
        "open_run": latest if latest and latest.is_open else None,
        "problems": [(step.title, step.name) for step in drafts.steps(row, "") if not step.is_sound],
        "cron_words": cron_words.words(row.cron) if row.cron else "",
        "told": row.rows.filter(digest__isnull=False).count() if one.last else 0,
        **rights(request),
    }
    return shown(request, "sync", context)


@for_operators(RUN)
@require_POST
def run_now(request: HttpRequest, sync_id: int) -> HttpResponse:
    """Begin a run: of what differs, of everything, or dry."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    full, dry = "full" in request.POST, "dry" in request.POST
    if step := drafts.first_unsound(row):
        messages.error(request, f"Nothing was begun: the step {drafts.TITLES[step]} is not sound yet.")
        return redirect("klaviyo:sync", row.pk)
    try:
        run = runs.begin(row, full=full, dry=dry, by=user_of(request))
    except NotPossible as reason:
        messages.error(request, f"Nothing was begun. {reason}")
        return redirect("klaviyo:sync", row.pk)
    what = "a dry run" if dry else "a full resync" if full else "a run"
    note(request, row.connection, f"Began {what} ({run.pk}) of the sync {row.name}.")
    return redirect("klaviyo:sync_run", run.pk)


@for_operators(CHANGE, RUN)
@require_POST
def switch(request: HttpRequest, sync_id: int) -> HttpResponse:
    """On or off; on only when every step is sound."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    is_on = "on" in request.POST
    if is_on and (step := drafts.first_unsound(row)):
        messages.error(request, f"It stays off: the step {drafts.TITLES[step]} is not sound yet.")
        return redirect(f"klaviyo:sync_{step}", row.pk)
    switched(request, row, is_on)
    messages.success(request, f"{row.name} is {'on' if is_on else 'off'}.")
    return redirect("klaviyo:sync", row.pk)


@for_operators(DELETE)
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, sync_id: int) -> HttpResponse:
    """Remove a sync with its record, when that is confirmed. What Klaviyo holds stays there."""
    row = get_object_or_404(KNOWN, pk=sync_id)
    if request.method == "GET":
        context = {"title": f"Remove {row.name}?", "row": row, "open_run": runs.under_way(row)}
        return shown(request, "sync_remove", context)
    if (run := runs.under_way(row)) is not None:
        messages.error(request, f"It was not removed: run {run.pk} is under way. Stop it first.")
        return redirect("klaviyo:sync", row.pk)
    source, upload = row.source, row.source.upload
    row.delete()
    if not Sync.objects.filter(source=source).exists():
        SyncSource.objects.filter(pk=source.pk).delete()
        if upload is not None and not upload.sources.exists():
            upload.delete()
    note(request, row.connection, f"Removed the sync {row.name}. What Klaviyo holds stays there.")
    messages.success(request, f"{row.name} is removed. What Klaviyo holds stays there.")
    return redirect("klaviyo:syncs")


def switched(request: HttpRequest, row: Sync, is_on: bool) -> None:
    row.is_on = is_on
    schedule.look_ahead(row)
    Sync.objects.filter(pk=row.pk).update(is_on=is_on, next_run_at=row.next_run_at)
    note(request, row.connection, f"Switched the sync {row.name} {'on' if is_on else 'off'}.")


def rights(request: HttpRequest) -> dict[str, bool]:
    may = request.user.has_perm
    return {"may_run": may(RUN), "may_change": may(CHANGE), "may_delete": may(DELETE), "sees_people": may(PEOPLE)}


def user_of(request: HttpRequest) -> User:
    return cast(User, request.user)  # signed in: `for_operators` has seen to it


def shown(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context, status=status)


def connected() -> Sequence[Connection]:
    rows = Connection.objects.filter(provider=KLAVIYO.slug, state=Connection.State.CONNECTED)
    return list(rows.order_by("account_name", "pk"))
