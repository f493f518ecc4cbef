"""Backfill pages: an account's form with its estimate and a dry run, one run with its progress, and all runs so far.

A look at a page asks Klaviyo nothing: the estimate is made of limits that are stored. A dry run does, as the walk does.
"""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.pages import paging, sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.imports import backfill as walking
from klaviyo.imports import backfill_dry_run, backfill_estimate, backfill_facts
from klaviyo.imports.backfill import NotPossible
from klaviyo.models import Backfill, BackfillProblem, StoreSetting
from klaviyo.pages import backfills
from klaviyo.pages.backfills import RUN, VIEW, Asked, Run
from klaviyo.provider import KLAVIYO

TAB = "Backfill"


@for_operators(VIEW, RUN)
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def backfill(request: HttpRequest, connection_id: int) -> HttpResponse:
    """What would go of a store and how long that takes; try it dry, or begin."""
    connection = get_object_or_404(Connection.objects.filter(provider=KLAVIYO.slug), pk=connection_id)
    if request.method == "POST" and not request.user.has_perm(RUN):
        raise PermissionDenied
    joined = backfills.settings_of(connection)
    wanted = (request.POST if request.method == "POST" else request.GET).get("setting", "")
    setting = next((one for one in joined if str(one.pk) == wanted), None)
    if request.method == "POST" and setting is None:
        messages.error(request, "That store is no longer joined to this account. Nothing was begun.")
        return redirect("klaviyo:backfill", connection.pk)
    setting = setting or next(iter(joined), None)
    if request.method == "GET" or setting is None:
        return _page(request, connection, {"joined": joined, **_shown(setting, Asked())})
    asked = Asked.read(request.POST)
    if "start" in request.POST and not asked.problem:
        return _begin(request, setting, asked)
    tried = _tried(setting, asked) if "dry" in request.POST and not asked.problem else {}
    context = {"joined": joined, **_shown(setting, asked), **tried}
    return _page(request, connection, context, 400 if asked.problem else 200)


@for_operators(VIEW, RUN)
@never_cache
@require_GET
def run(request: HttpRequest, backfill_id: int) -> HttpResponse:
    """One run: how far it is, who was left out and why, and whom Klaviyo refused."""
    found = Backfill.objects.select_related("setting__store", "setting__connection", "begun_by", "changed_by")
    row = get_object_or_404(found, pk=backfill_id)
    problems = BackfillProblem.objects.filter(backfill=row)
    page = paging.of(problems.select_related("advocate"), request.GET, lambda one: one)
    at_klaviyo = backfill_facts.imports_of(row).count()
    context = {
        "title": f"Backfill of {row.setting.store.name}",
        "connection": row.setting.connection,
        "sections": sections.of(request, row.setting.connection, TAB),
        "run": Run(row, timezone.now()),
        "row": row,
        "left_out": backfills.left_out(row),
        "refused": problems.count(),
        "refusals": backfills.refusals(page.rows, row.setting),
        "page": page,
        "at_klaviyo": at_klaviyo,
        "is_watched": row.state == Backfill.State.RUNNING or bool(at_klaviyo),
        "may_run": request.user.has_perm(RUN),
        "retained": settings.RETAIN_BODIES_DAYS,
        "may_see_people": request.user.has_perm("klaviyo.view_send"),
    }
    return render(request, "klaviyo/backfill_run.html", admin.site.each_context(request) | context)


@for_operators(RUN)
@require_POST
def pause(request: HttpRequest, backfill_id: int) -> HttpResponse:
    row = get_object_or_404(Backfill.objects.select_related("setting__store", "setting__connection"), pk=backfill_id)
    if walking.pause(row.pk, _user(request)):
        _note(request, row, "Paused")
    return redirect("klaviyo:backfill_run", row.pk)


@for_operators(RUN)
@require_POST
def resume(request: HttpRequest, backfill_id: int) -> HttpResponse:
    row = get_object_or_404(Backfill.objects.select_related("setting__store", "setting__connection"), pk=backfill_id)
    if walking.resume(row.pk, _user(request)):
        _note(request, row, "Resumed")
    return redirect("klaviyo:backfill_run", row.pk)


@for_operators(RUN)
@require_POST
def cancel(request: HttpRequest, backfill_id: int) -> HttpResponse:
    row = get_object_or_404(Backfill.objects.select_related("setting__store", "setting__connection"), pk=backfill_id)
    if walking.cancel(row.pk, _user(request)):
        _note(request, row, "Cancelled")
    return redirect("klaviyo:backfill_run", row.pk)


def _begin(request: HttpRequest, setting: StoreSetting, asked: Asked) -> HttpResponse:
    """Once for one form: whoever sends it twice sees the run that the first has begun."""
    latest = _latest(setting)
    if latest and str(latest.pk) != request.POST.get("latest", ""):
        messages.info(request, "This run was begun already.")
        return redirect("klaviyo:backfill_run", latest.pk)
    try:
        row, is_new = walking.begin_or_find(setting, _user(request), asked.span)
    except NotPossible as reason:
        messages.error(request, f"Nothing was begun. {reason}")
        return redirect("klaviyo:backfill", setting.connection_id)
    if is_new:
        facts = f", and {row.facts:,} facts from {asked.since} on" if row.has_facts else ""
        _note(request, row, "Began", f": {row.people:,} advocates{facts}")
    else:
        messages.info(request, "One is under way already.")
    return redirect("klaviyo:backfill_run", row.pk)


def _tried(setting: StoreSetting, asked: Asked) -> dict[str, Any]:
    """The first few as the requests would say them, or why that cannot be told."""
    if why := walking.impossible(setting):
        return {"dry_problem": why}
    try:
        return {"dry": backfill_dry_run.of(setting, asked.span)}
    except IntegrationError as error:
        return {"dry_problem": error.sentence}


def _shown(setting: StoreSetting | None, asked: Asked) -> dict[str, Any]:
    """The form of one store's setting; facts are counted when somebody has named the days."""
    if setting is None:
        return {"setting": None}
    estimate, latest = backfill_estimate.of(setting), _latest(setting)
    if span := asked.span:
        estimate = backfill_estimate.with_facts(estimate, setting.connection, backfill_facts.number(setting, span))
    return {
        "setting": setting,
        "asked": asked,
        "estimate": estimate,
        "impossible": walking.impossible(setting),
        "under_way": latest if latest and latest.is_under_way else None,
        "latest": latest,
        "today": str(timezone.localdate()),
    }


def _latest(setting: StoreSetting) -> Backfill | None:
    return Backfill.objects.filter(setting=setting).order_by("-pk").first()


def _note(request: HttpRequest, row: Backfill, verb: str, more: str = "") -> None:
    """On the account's own record, where its activity is read."""
    note(request, row.setting.connection, f"{verb} backfill {row.pk} of {row.setting.store.name}{more}.")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # signed in: `for_operators` has seen to it


def _page(request: HttpRequest, connection: Connection, context: dict[str, Any], status: int = 200) -> HttpResponse:
    now = timezone.now()
    told = {
        "title": "Backfill",
        "connection": connection,
        "sections": sections.of(request, connection, TAB),
        "history": paging.of(backfills.runs(connection), request.GET, lambda row: Run(row, now)),
        "may_run": request.user.has_perm(RUN),
        "samples": backfill_dry_run.SAMPLES,
    }
    return render(request, "klaviyo/backfill.html", admin.site.each_context(request) | told | context, status=status)
