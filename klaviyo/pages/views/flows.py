"""Flows tab of an account: who listens to our events, what their flows have earned, and the starter kit."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from integrations.models import Connection
from integrations.pages import sections
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from klaviyo.flows import listening, revenue
from klaviyo.models import FlowReading, FlowRevenue, KitItem, StarterKit
from klaviyo.pages import listeners
from klaviyo.provider import KLAVIYO
from klaviyo.starter_kit.plan import PLAN
from referrals import money

TAB = "Flows"
MAY_LOOK = "klaviyo.view_storesetting"
MAY_ASK = "klaviyo.change_storesetting"
GONE = "That metric is not among those of the account. Choose another."


@for_operators(MAY_LOOK)
@require_http_methods(["GET", "POST"])
def flows(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show what workers have read; have them read it again, or choose what counts as a conversion."""
    connection = get_object_or_404(Connection, provider=KLAVIYO.slug, pk=connection_id)
    if request.method == "POST":
        if not request.user.has_perm(MAY_ASK):
            raise PermissionDenied
        _act(request, connection)
        return redirect("klaviyo:flows", connection.pk)
    return _page(request, connection)


def _act(request: HttpRequest, connection: Connection) -> None:
    if not connection.is_connected:
        messages.error(request, "The account is not connected, so nothing can be read there now.")
        return
    match request.POST.get("act"):
        case "read":
            listening.ask(connection)
        case "earned":
            revenue.ask(connection)
        case "metric":
            known = FlowReading.objects.filter(connection=connection).first() or FlowReading()
            chosen = {one.id: one for one in listening.conversions(known)}.get(request.POST.get("metric", ""))
            if chosen is None:
                messages.error(request, GONE)
                return
            revenue.choose(connection, chosen)
            sentence = f"What flows earn is counted by {chosen.name}."
            note(request, connection, sentence)
            messages.success(request, sentence)


def _page(request: HttpRequest, connection: Connection) -> HttpResponse:
    reading = FlowReading.objects.filter(connection=connection).first() or FlowReading(connection=connection)
    rows, programs = listeners.of(connection, reading), listeners.writers(connection)
    context = {
        "title": connection.account_name or connection.account_id,
        "connection": connection,
        "sections": sections.of(request, connection, TAB),
        "may_ask": request.user.has_perm(MAY_ASK),
        "lacking": listening.lacking(connection) if connection.is_connected else [],
        "reading": reading,
        "rows": rows,
        "lost": [row for row in rows if row.is_lost],
        "overlaps": listeners.overlaps(rows, programs),
        "unwritten": listeners.unwritten(rows, programs),
        "revenue": _revenue(request, connection, reading),
        "kit": _kit(connection),
    }
    return render(request, "klaviyo/flows.html", admin.site.each_context(request) | context)


def _revenue(request: HttpRequest, connection: Connection, reading: FlowReading) -> dict[str, Any]:
    """What flows have earned beside what friends' orders came to, in the account's currency and the same days."""
    copy = FlowRevenue.objects.filter(connection=connection).first() or FlowRevenue(connection=connection)
    metrics = listening.conversions(reading)
    proposed = next((one.id for one in metrics if one.name == revenue.PROPOSED), "")
    earned = revenue.earned(copy)
    referred = {currency: Decimal(total) for currency, total in copy.referred.items()}
    others = [_amount(total, currency) for currency, total in referred.items() if currency != copy.currency]
    return {
        "copy": copy,
        "metrics": metrics,
        "chosen": copy.metric_id or proposed,
        "flows": [(one, _amount(one.value, copy.currency)) for one in earned],
        "earned": _amount(sum(one.value for one in earned), copy.currency),
        "referred": _amount(referred.get(copy.currency, Decimal()), copy.currency),
        "others": others,
        "may_see_orders": request.user.has_perm("referrals.view_conversion"),
    }


def _amount(value: float | Decimal, currency: str) -> str:
    return f"{money.rounded(Decimal(str(value)), currency)} {currency}".strip()


def _kit(connection: Connection) -> dict[str, Any]:
    kit = StarterKit.objects.filter(connection=connection).first()
    states: Sequence[str] = list(kit.items.values_list("state", flat=True)) if kit else ()
    return {"kit": kit, "made": states.count(KitItem.State.MADE), "planned": len(PLAN)}
