"""Starter kit pages: what would be made and what is, with a button to make it, and one to remove it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from integrations.models import Connection
from integrations.pages import sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.models import KitItem, StarterKit
from klaviyo.pages.views.flows import MAY_LOOK, TAB
from klaviyo.provider import KLAVIYO
from klaviyo.starter_kit import turns
from klaviyo.starter_kit.plan import PLAN, Planned

MAY_MAKE = "klaviyo.run_action"
GROUPS = {"tag": "Tag", "list": "List", "segment": "Segments", "template": "Templates", "flow": "Flows, as drafts"}
BUSY = "Something is under way with the starter kit already. Wait until it has ended, or stop it."
UNCONNECTED = "The account is not connected, so nothing can be done there now."

State, Wish = KitItem.State, StarterKit.Wish


@dataclass(frozen=True)
class Row:
    """One thing of the kit, and what has become of it."""

    planned: Planned
    item: KitItem


@for_operators(MAY_LOOK)
@require_http_methods(["GET", "POST"])
def kit(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show the kit before it is made, while it is, and after; have it made, or stop."""
    connection = _connection(connection_id)
    if request.method == "POST":
        if not request.user.has_perm(MAY_MAKE):
            raise PermissionDenied
        if request.POST.get("act") == "stop":
            if turns.stop(connection):
                note(request, connection, "Stopped what was under way with the starter kit.")
        else:
            _ask(request, connection, Wish.MAKE, "Asked for the starter kit to be made.")
        return redirect("klaviyo:starter_kit", connection.pk)
    return _page(request, connection, "starter_kit")


@for_operators(MAY_MAKE)
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Remove what is still as it was made, when that is confirmed."""
    connection = _connection(connection_id)
    if request.method == "GET":
        return _page(request, connection, "starter_kit_remove")
    _ask(request, connection, Wish.REMOVE, "Asked for the starter kit to be removed.")
    return redirect("klaviyo:starter_kit", connection.pk)


def _ask(request: HttpRequest, connection: Connection, wish: StarterKit.Wish, sentence: str) -> None:
    if not connection.is_connected:
        messages.error(request, UNCONNECTED)
    elif missing := turns.lacking(connection):
        messages.error(request, f"These scopes are missing: {', '.join(missing)}. Allow more first.")
    elif turns.ask(connection, wish):
        note(request, connection, sentence)
    else:
        messages.info(request, BUSY)


def _page(request: HttpRequest, connection: Connection, name: str) -> HttpResponse:
    kit = StarterKit.objects.filter(connection=connection).first()
    items = {item.key: item for item in kit.items.all()} if kit else {}
    rows = [Row(planned, items.get(planned.key) or KitItem(key=planned.key)) for planned in PLAN]
    states = [row.item.state for row in rows]
    context = {
        "title": "Starter kit",
        "connection": connection,
        "sections": sections.of(request, connection, TAB),
        "may_make": request.user.has_perm(MAY_MAKE),
        "lacking": turns.lacking(connection) if connection.is_connected else (),
        "kit": kit,
        "groups": [(label, [row for row in rows if row.planned.kind == kind]) for kind, label in GROUPS.items()],
        "planned": len(rows),
        "made": states.count(State.MADE),
        "done": _done(kit, states),
        "waits": [row for row in rows if row.item.state == State.WAITS and row.item.reason],
        "kept": [row for row in rows if row.item.state == State.KEPT],
        "is_there": any(row.item.klaviyo_id for row in rows),
    }
    return render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context)


def _done(kit: StarterKit | None, states: Sequence[str]) -> int:
    """How many things are settled of what is under way."""
    over = (State.REMOVED, State.KEPT) if kit and kit.wish == Wish.REMOVE else (State.MADE, State.REFUSED)
    return sum(state in over for state in states)


def _connection(connection_id: int) -> Connection:
    return get_object_or_404(Connection, provider=KLAVIYO.slug, pk=connection_id)
