"""Page of one send, which explains itself, and a consent check of this minute."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from integrations import reasons
from integrations.errors import IntegrationError
from integrations.models import Delivery
from integrations.pages import remedies, story
from integrations.pages.access import for_operators
from integrations.pages.remedies import Remedy
from klaviyo.consent import check
from klaviyo.models import Send
from klaviyo.pages import consent_decisions, send_summary
from klaviyo.pages.permissions import ASK
from klaviyo.provider import KLAVIYO

ATTEMPTS_SHOWN = 100
ALSO_SHOWN = 20


@for_operators("klaviyo.view_send")
@require_GET
def why(request: HttpRequest, send_id: int) -> HttpResponse:
    return _page(request, _found(send_id), {})


@for_operators("klaviyo.view_send", also=ASK)
@never_cache
@require_POST
def ask(request: HttpRequest, send_id: int) -> HttpResponse:
    """Ask Klaviyo now and show what it would come to; nothing is sent, and the decision is not kept."""
    send = _found(send_id)
    try:
        return _page(request, send, {"now": consent_decisions.live(check.now(send))})
    except IntegrationError as error:
        return _page(request, send, {"not_asked": error.sentence})


def _found(send_id: int) -> Send:
    return get_object_or_404(send_summary.related(Send.objects.select_related("setting")), pk=send_id)


def _page(request: HttpRequest, send: Send, asked: dict[str, Any]) -> HttpResponse:
    delivery, code = send.delivery, send_summary.code_of(send)
    remedy = remedies.of(delivery.connection, delivery.state, delivery.reason_code)
    decisions = [consent_decisions.decided(decision) for decision in send.decisions.select_related("connection")[:20]]
    attempts = list(delivery.attempts.order_by("-started_at", "-pk")[:ATTEMPTS_SHOWN])[::-1]
    context = {
        "title": send_summary.headline(send),
        "send": send,
        "delivery": delivery,
        "friend": send_summary.friend(send),
        "email": send_summary.email(send),
        "what": send_summary.what(send),
        "state": send_summary.state(send),
        "level": send_summary.level(send),
        "reason": reasons.of(code).naming(KLAVIYO.name) if code else None,
        "decision": decisions[0] if decisions else None,
        "earlier": decisions[1:],
        "story": story.of(delivery, attempts),
        "was_stopped": delivery.state in send_summary.NOT_SENT or delivery.state == Delivery.State.HELD,
        "also": _also(send),
        "profile": send_summary.profile_address(send.profile_id),
        "remedy": remedy,
        "can_ask": request.user.has_perm(ASK),
        "can_retry": remedy in (Remedy.RETRY, Remedy.AGAIN) and request.user.has_perm("integrations.retry"),
        "can_cancel": delivery.state in send_summary.CANCELLABLE and request.user.has_perm("integrations.retry"),
    }
    return render(request, "klaviyo/send.html", admin.site.each_context(request) | context | asked)


def _also(send: Send) -> list[tuple[Delivery, str, str]]:
    """What else was told of the same fact: each with its name and its state."""
    rows = Delivery.objects.filter(source=send.delivery.source).exclude(source="").exclude(pk=send.delivery_id)
    return [
        (row, story.what(row), story.state(row))
        for row in rows.select_related("connection").order_by("-pk")[:ALSO_SHOWN]
    ]
