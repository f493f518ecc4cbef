"""The pages of providers and their connections."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from integrations import connections, outbox, providers, reasons
from integrations.connections import leaving
from integrations.models import Connection, Delivery, Leaving
from integrations.outbox import wake_ups
from integrations.pages import charts, figures, health, incidents, overview, sections, story
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from integrations.pages.figures import Figures
from integrations.pauses import by_hand
from integrations.providers import Provider, Scope

C = Connection.State
PAGE = 50
SEARCHABLE_FROM = 12
REFRESH, REFRESH_WHILE_LEAVING = 10, 3  # seconds
#: Who may end it, or bring it back, may stop it; and may have the provider asked, which uses the account's budget.
MAY_ACT = ("integrations.disconnect", "integrations.reconnect")


@dataclass(frozen=True)
class Granted:
    """A scope that we ask for, and whether this connection has it; `never` says why it cannot have it as it is."""

    scope: Scope
    is_granted: bool
    is_unknown: bool = False
    never: str = ""


@for_operators("integrations.view_connection")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every provider, and how many accounts are connected."""
    counted = Connection.objects.values("provider").annotate(
        connected=Count("pk", filter=Q(state=C.CONNECTED)),
        needing=Count("pk", filter=Q(state__in=(C.RECONNECT, C.UNDECIDED))),
        paused=Count("pk", filter=Q(by_hand.there("pk"), state__in=(C.CONNECTED, C.RECONNECT))),
    )
    counts = {row["provider"]: row for row in counted}
    connected = list(Connection.objects.filter(provider__in=providers.slugs(), state=C.CONNECTED))
    whom = health.served(connected)
    idle = Counter(row.provider for row in connected if not whom[row.pk])
    none = {"connected": 0, "needing": 0, "paused": 0}
    installed = [(providers.get(slug), counts.get(slug, none) | {"idle": idle[slug]}) for slug in providers.slugs()]
    return _page(request, "index", {"title": "Integrations", "installed": installed})


@for_operators("integrations.view_connection")
@require_GET
def provider(request: HttpRequest, provider: Provider) -> HttpResponse:
    """A provider's connections, what needs a look, and how much flows."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    all_rows = Connection.objects.filter(provider=provider.slug)
    found = all_rows.filter(Q(account_name__icontains=search) | Q(account_id__iexact=search)) if search else all_rows
    page = Paginator(overview.troubled_first(found), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    context = {
        "title": provider.name,
        "provider": provider,
        "overview": overview.of(rows),
        "page": page,
        "search": search,
        "tools": [f"{provider.slug}/tools.html", "integrations/no_parts.html"],
        "is_searchable": bool(search) or page.paginator.count >= SEARCHABLE_FROM,
    }
    return _page(request, "provider", context)


@for_operators("integrations.view_connection")
@require_GET
def connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """One connection: its health and what to do, its account, its scopes, and what waits."""
    installed = Connection.objects.filter(provider__in=providers.slugs())
    row = get_object_or_404(installed.select_related("connected_by", "leaving__user"), pk=connection_id)
    provider = providers.get(row.provider)
    known, served = figures.of(row), health.served([row])[row.pk]
    now = timezone.now()
    month = figures.month(row, known, now)
    asked = provider.quotas(row) if row.is_connected else ()
    going: Leaving | None = getattr(row, "leaving", None)
    left = leaving.left(going) if going else 0
    context = {
        "title": row.account_name or row.account_id,
        "leaving": going,
        "refresh": REFRESH_WHILE_LEAVING if going else REFRESH,
        "left": left,
        "done": max(going.number - left, 0) if going else 0,
        "connection": row,
        "sections": sections.of(request, row, sections.HEALTH),
        "provider": provider,
        "health": health.judge(row, known, served, now),
        "month": charts.per_day(month),
        "is_uncounted": not all(day.is_known for day in month),
        "quotas": [(one, story.words(one.operation)) for one in asked or () if one.used],
        "unasked": [story.words(one.operation) for one in asked or () if not one.used],
        "are_quotas_known": asked is not None,
        "incidents": incidents.everywhere(provider.slug),
        "figures": known,
        "chart": charts.per_hour(figures.hours([known], now)),
        "served": served,
        "next_page": provider.next_page(row, "") if row.is_connected and not served else "",
        "scopes": _scopes(row, provider),
        "waiting": [
            {**group, "words": _why(group, known), "means": _means(group, known, provider), "shown": _state(group)}
            for group in known.open_groups
        ],
        "is_releasing": row.is_connected and known.is_releasing,
        "may_act": any(map(request.user.has_perm, MAY_ACT)),
        "narrow": f"&connection={row.pk}",
        "parts": [f"{provider.slug}/connection.html", "integrations/no_parts.html"],
    }
    return _page(request, "connection", context)


@for_operators(*MAY_ACT)
@require_POST
def check(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Ask the provider now, and say what it answered."""
    row = get_object_or_404(Connection, pk=connection_id)
    if not row.is_connected:
        messages.warning(request, outbox.waiting_for(row))
        return redirect("integrations:connection", row.pk)
    answer = connections.probe(row)
    if answer.passed:
        messages.success(request, f"{row.account_name} answered, and it is the right account.")
    else:
        messages.error(request, answer.sentence)
    return redirect("integrations:connection", row.pk)


@for_operators(*MAY_ACT)
@require_POST
def pause(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Stop all that goes to an account, but for what people asked for themselves."""
    with transaction.atomic():
        # Under the lock that whoever has it leave takes as well (see `leaving.begin`).
        row = get_object_or_404(Connection.objects.select_for_update(no_key=True), pk=connection_id)
        problem = _no_pause(row)
        is_new = not problem and by_hand.begin(row, cast(User, request.user))
        if is_new:
            note(request, row, "Paused.")
    if problem:
        messages.warning(request, problem)
    elif is_new:
        sentence = "What is on its way at this moment still arrives; all else waits until somebody resumes it."
        messages.success(request, f"{row.account_name} is paused. {sentence}")
    else:
        messages.info(request, f"{row.account_name} is paused already.")
    return redirect("integrations:connection", row.pk)


def _no_pause(row: Connection) -> str:
    """Why it is not paused, in a sentence; empty where it may be."""
    if row.state in Connection.ENDED:
        return f"{row.account_name} is not connected: nothing goes there anyway."
    if Leaving.objects.filter(connection=row).exists():
        return f"{row.account_name} is about to be disconnected. Call that off first."
    return ""


@for_operators(*MAY_ACT)
@require_POST
def resume(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Let it go on: what is fresh first, and what waited in its order."""
    row = get_object_or_404(Connection, pk=connection_id)
    with transaction.atomic():
        was_paused = by_hand.end(row)
        if was_paused:
            note(request, row, "Resumed.")
            wake_ups.on_commit(row.pk)
    if was_paused:
        messages.success(request, f"{row.account_name} goes on. What has waited goes out now, what is fresh before it.")
    else:
        messages.info(request, f"{row.account_name} is not paused.")
    return redirect("integrations:connection", row.pk)


def _chosen(connection: Connection) -> list[Scope]:
    """The scopes of additions that were granted."""
    additions = providers.get(connection.provider).additions
    found = {name: addition.title for addition in additions for name in addition.scopes if name in connection.granted}
    return [Scope(name, title, is_optional=True) for name, title in found.items()]


def _scopes(row: Connection, provider: Provider) -> list[Granted]:
    if not row.has_key or provider.keys is None:
        return [Granted(scope, scope.name in row.granted) for scope in (*provider.scopes, *_chosen(row))]
    refused = row.lacks(scope.name for scope in provider.scopes)
    return [
        Granted(
            scope,
            is_granted=scope.name in row.granted,
            is_unknown=scope.name not in row.granted and scope.name not in refused,
            never=provider.keys.never.get(scope.name, ""),
        )
        for scope in provider.scopes
    ]


def _state(group: Mapping[str, Any]) -> str:
    return story.STATES[Delivery.State(group["state"])]


def _why(group: Mapping[str, Any], known: Figures) -> str:
    if known.paused and group["state"] == Delivery.State.QUEUED:
        return "The account is paused"
    if group["reason_code"]:
        return reasons.title(group["reason_code"])
    return {"queued": "Not tried yet", "sending": "On its way"}.get(group["state"], "Held")


def _means(group: Mapping[str, Any], known: Figures, provider: Provider) -> str:
    if known.paused and group["state"] == Delivery.State.QUEUED:
        return "It goes once somebody resumes it; unsubscribes and erasures go now."
    return reasons.of(group["reason_code"]).naming(provider.name).means if group["reason_code"] else ""


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"integrations/{name}.html", admin.site.each_context(request) | context)
