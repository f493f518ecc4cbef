"""Pages of runs: a list with filters, and one run with all that is kept of it."""

import uuid
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from integrations.models import ApiToken, Connection
from integrations.pages.access import for_operators
from klaviyo.actions import catalogue, copying
from klaviyo.actions.catalogue import NoSuchAction
from klaviyo.models import ActionRun
from klaviyo.pages import action_runs, action_shelf
from klaviyo.pages.action_runs import OUTCOMES, VIEW, Contents, RunFilter
from klaviyo.pages.action_shelf import RAW, RUN
from klaviyo.provider import KLAVIYO

CHOICES_SHOWN = 500
RELOADS_AFTER = 3  # seconds, while it goes on


@for_operators(VIEW)
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Every run, newest first."""
    chosen = RunFilter.read(request.GET)
    context = {
        "title": "Runs of actions",
        "filter": chosen,
        "page": action_runs.page(chosen.among(ActionRun.objects.all()), request.GET),
        "connections": Connection.objects.filter(provider=KLAVIYO.slug).order_by("account_name", "pk")[:CHOICES_SHOWN],
        "actions": [(name, name.replace("_", " ").capitalize()) for name in sorted(catalogue.names())],
        "outcomes": OUTCOMES,
        "who": _who(),
    }
    return _page(request, "action_runs", context)


@for_operators(VIEW, RUN, RAW)
@never_cache
@require_GET
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: what became of it, the answer, the requests, and ways to make it again."""
    row = get_object_or_404(ActionRun.objects.select_related("connection", "user"), pk=run_id)
    if not action_runs.is_open(row, request.user):
        raise PermissionDenied
    contents = action_runs.contents(row)
    words, level = action_runs.state(row)
    context = {
        "title": row.action.replace("_", " ").capitalize(),
        "run": row,
        "words": words,
        "level": level,
        "who": action_runs.who(row),
        "contents": contents,
        "is_under_way": row.state == ActionRun.State.UNDER_WAY,
        "may_run": action_shelf.may(request.user, row.action),
        "may_list": request.user.has_perm(VIEW),
        "copies": _copies(row, contents),
        "once": uuid.uuid4(),
    }
    response = _page(request, "action_run", context)
    if row.state in (ActionRun.State.QUEUED, ActionRun.State.UNDER_WAY):
        # https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Refresh
        response["Refresh"] = str(RELOADS_AFTER)
    return response


def _copies(row: ActionRun, contents: Contents) -> list[tuple[str, str, str]]:
    """For each other way: a name for its place, what it is, and the text."""
    if not contents.is_given_whole:
        return []
    try:
        action = catalogue.find(row.action)
    except NoSuchAction:
        return []
    about = (action, row.connection_id, contents.given)
    return [
        ("command", "command", copying.as_command(*about)),
        ("curl", "curl", copying.as_curl(*about)),
        ("python", "Python", copying.as_python(*about)),
    ]


def _who() -> list[tuple[str, str]]:
    users = User.objects.filter(is_staff=True).order_by("username").values_list("pk", "username")[:CHOICES_SHOWN]
    tokens = ApiToken.objects.order_by("name").values_list("name", flat=True).distinct()[:CHOICES_SHOWN]
    return [
        *((f"u{pk}", name) for pk, name in users),
        *((f"t:{name}", f"Token {name}") for name in tokens),
        *ActionRun.Origin.choices,
    ]


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response
