"""The page on which messages to people that are held are let go: what waits, and what to look at first."""

from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from integrations.models import MessageHold
from integrations.outbox import held_messages
from integrations.outbox.held_messages import Early, Waiting
from integrations.pages import audit_log
from integrations.pages.access import for_operators
from integrations.pauses import message_hold

NAMES = {"event": "Invites and reminders by Klaviyo", "email": "Sorae's own e-mails", "subscribe": "Newsletter opt-ins"}
DONE = {
    Early.GO: "Messages released",
    Early.CANCEL_MAIL: "Messages released, but for early e-mails",
    Early.CANCEL_ALL: "Messages released, but for early ones",
}


@dataclass(frozen=True)
class Row:
    name: str
    waiting: Waiting


@for_operators("integrations.release_messages")
@require_http_methods(["GET", "POST"])
def release(request: HttpRequest) -> HttpResponse:
    """What waits, what to look at first, and the button."""
    hold = message_hold.current()
    if request.method == "POST" and hold and not settings.HOLD_MESSAGES:
        return _let_go(request, hold)
    rows = [Row(NAMES.get(one.kind, one.kind.capitalize()), one) for one in held_messages.counts(hold)]
    context = {
        "title": "Release messages",
        "hold": hold,
        "is_forced": settings.HOLD_MESSAGES,
        "rows": rows,
        "early": sum(row.waiting.early for row in rows),
        "early_mail": sum(row.waiting.early for row in rows if row.waiting.kind == held_messages.MAIL),
        "all": sum(row.waiting.all for row in rows),
    }
    return _page(request, context)


def _let_go(request: HttpRequest, hold: MessageHold) -> HttpResponse:
    is_any_early = any(one.early for one in held_messages.counts(hold))
    chosen = request.POST.get("early", "" if is_any_early else Early.GO.value)
    if chosen not in list(Early):
        return redirect("integrations:release_messages")
    early = Early(chosen)
    waiting = held_messages.waiting().count()
    cancelled = held_messages.let_go(hold, cast(User, request.user), early)
    if cancelled is None:
        messages.info(request, "Somebody has released them before you.")
    else:
        audit_log.note(request, hold, f"{DONE[early]}: {waiting - cancelled:,} go, {cancelled:,} cancelled.")
        messages.success(request, f"Messages flow again: {waiting - cancelled:,} go out now, {cancelled:,} cancelled.")
    return redirect("integrations:index")


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "integrations/release_messages.html", admin.site.each_context(request) | context)
