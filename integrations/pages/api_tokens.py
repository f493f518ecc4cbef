"""Pages of API tokens: which there are and what was refused, a form that makes one, and the end of one."""

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from integrations.api import abilities, idempotency, tokens
from integrations.models import ApiToken, RefusedCall
from integrations.pages import paging
from integrations.pages.access import for_operators
from integrations.pages.api_token_form import ApiTokenForm
from integrations.pages.audit_log import note

PERMISSION = "integrations.manage_api_tokens"
REFUSALS_SHOWN = 20
ABILITIES_SHOWN = 4


@dataclass(frozen=True)
class Row:
    """A token as the list shows it."""

    token: ApiToken
    state: str
    level: str
    abilities: list[str]
    more: int
    connections: list[str]


@for_operators(PERMISSION)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every token, newest first, and the last calls that were refused."""
    found = ApiToken.objects.select_related("created_by").prefetch_related("connections")
    refused = RefusedCall.objects.select_related("token").order_by("-at", "-pk")[:REFUSALS_SHOWN]
    context = {"title": "API tokens", "page": paging.of(found, request.GET, _row), "refused": refused}
    return _page(request, "api_tokens", context)


@for_operators(PERMISSION)
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("secret")
def make(request: HttpRequest) -> HttpResponse:
    """The form; and once it is sent, the secret, on that one page and never again."""
    user = cast(User, request.user)  # signed in: `for_operators` has seen to it
    form = ApiTokenForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "GET" or not form.is_valid():
        context = {"title": "Make a token", "form": form, "errors": form.is_bound, "once": uuid.uuid4()}
        return _page(request, "api_token_make", context)
    if not idempotency.is_first(user, f"token form {str(request.POST.get('once'))[:100]}"):
        messages.info(request, "This form was used already. A secret is shown once: if it is lost, make another token.")
        return redirect("integrations:api_tokens")
    with transaction.atomic():
        token, secret = tokens.make(by=user, **form.chosen())
        note(request, token, f"Made the API token {token}, which may: {', '.join(token.abilities)}.")
    context = {"title": "Copy the token now", "token": token, "secret": secret}
    return _page(request, "api_token_made", context)


@for_operators(PERMISSION)
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """End a token, when that is confirmed."""
    token = get_object_or_404(ApiToken, pk=token_id)
    if request.method == "GET" and not token.is_revoked:
        return _page(request, "api_token_revoke", {"title": f"Revoke {token.name}?", "token": token})
    if request.method == "POST":
        with transaction.atomic():
            if tokens.revoke(token):
                note(request, token, f"Revoked the API token {token}.")
        messages.success(request, f"{token.name} is revoked. Calls with it are refused from now on.")
    return redirect("integrations:api_tokens")


def _row(token: ApiToken) -> Row:
    state, level = _state(token)
    return Row(
        token=token,
        state=state,
        level=level,
        abilities=[abilities.title(name) for name in token.abilities[:ABILITIES_SHOWN]],
        more=max(len(token.abilities) - ABILITIES_SHOWN, 0),
        connections=[one.account_name or one.account_id for one in token.connections.all()],
    )


def _state(token: ApiToken) -> tuple[str, str]:
    if token.is_revoked:
        return "Revoked", "off"
    if token.is_expired:
        return "Expired", "off"
    if token.is_orphaned:
        return "Resting", "warn"
    return "In use" if token.last_used_at else "Never used", "good" if token.last_used_at else "info"


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, f"integrations/{name}.html", admin.site.each_context(request) | context)
    response["Cache-Control"] = "no-store"
    return response
