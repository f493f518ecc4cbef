"""Views that connect, reconnect, disconnect and decide: a POST each, with a permission each; and the OAuth callback."""

from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import connections, outbox, providers
from integrations.connections import Choice, ConnectingFailed
from integrations.errors import IntegrationError
from integrations.models import Connection, Delivery
from integrations.pages.access import for_operators
from integrations.pages.audit_log import note
from integrations.providers import Provider


@for_operators("integrations.connect")
@never_cache
@require_POST
def connect(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Off to the consent screen, for whichever account the operator chooses there."""
    return _to_consent_screen(request, provider, None)


@for_operators("integrations.reconnect")
@never_cache
@require_POST
def reconnect(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Off to the consent screen, for the account of this connection."""
    connection = get_object_or_404(Connection, pk=connection_id)
    return _to_consent_screen(request, providers.get(connection.provider), connection)


@for_operators("integrations.connect")
@require_GET
def allow(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Choose what else we may do in the account that is to be connected."""
    return _what_else(request, provider, None)


@for_operators("integrations.reconnect")
@require_GET
def allow_again(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Choose what else we may do in the account of this connection; what it has is asked for in any case."""
    connection = get_object_or_404(Connection, pk=connection_id, provider__in=providers.slugs())
    return _what_else(request, providers.get(connection.provider), connection)


def _what_else(request: HttpRequest, provider: Provider, connection: Connection | None) -> HttpResponse:
    had = connection.granted if connection else frozenset()
    offers = [(offer, had.issuperset(offer.scopes)) for offer in provider.offers]
    name = (connection.account_name or connection.account_id) if connection else provider.name
    title = f"Allow more for {name}" if connection else f"Connect {name}"
    return _page(request, "allow", title, {"provider": provider, "connection": connection, "offers": offers})


@never_cache
@require_GET
def callback(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Back from the consent screen. `complete` checks who may; the address is left behind at once."""
    if not admin.site.has_permission(request):
        return _private(redirect("integrations:provider", provider))  # the log-in must not learn the code
    try:
        outcome = connections.complete(request, provider)
    except ConnectingFailed as failure:
        context = {
            "sentence": failure.sentence,
            "advice": failure.advice,
            "provider": provider,
            "again": failure.connection,
        }
        return _private(_page(request, "connecting_failed", "Not connected", context, status=400))
    note(request, outcome.connection, outcome.sentence)
    if outcome.is_undecided:
        messages.warning(request, outcome.sentence)
        return _private(redirect("integrations:decide", outcome.connection.pk))
    if outcome.missed:
        advice = f"To connect {outcome.missed.account_name} again, choose that account at {provider.name}."
        context = {"sentence": outcome.sentence, "advice": advice, "provider": provider, "again": outcome.missed}
        return _private(_page(request, "connecting_failed", "Another account was connected", context))
    messages.success(request, outcome.sentence)
    return _private(redirect("integrations:provider", provider))


@for_operators("integrations.disconnect")
@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show what waits, ask what becomes of it, and disconnect when that is confirmed."""
    connection = get_object_or_404(Connection, pk=connection_id)
    provider = providers.get(connection.provider)
    waiting = Delivery.objects.filter(place__connection=connection, place__state__in=Delivery.OPEN)
    acts = waiting.filter(kind__in=providers.persons_acts())
    if request.method == "GET":
        context = {
            "connection": connection,
            "provider": provider,
            "served": provider.served([connection])[connection.pk],
            "waiting": waiting.exclude(pk__in=acts).count(),
            "acts": acts.count(),
        }
        return _page(request, "disconnect", f"Disconnect {connection.account_name}?", context)
    revoked = connections.disconnect(connection, _user(request))
    sentence = f"{connection.account_name} is disconnected."
    if request.POST.get("waiting") == "cancel":
        why = outbox.TAKEN_BACK.saying("An operator took it back when the account was disconnected.")
        number = outbox.take_back(connection, why)
        sentence += f" {number} waiting {'delivery was' if number == 1 else 'deliveries were'} cancelled."
        if outbox.is_taking_back(connection.pk):
            sentence += " That is still under way, and goes on by itself."
        if kept := acts.count():
            sentence += f" {kept} {'stays' if kept == 1 else 'stay'}: A person's own no or erasure is not cancelled."
    if not revoked:
        sentence += f" {provider.name} could not be told to end our access yet; it is asked again for a day."
    note(request, connection, sentence)
    messages.success(request, sentence)
    return redirect("integrations:provider", provider)


@for_operators("integrations.reconnect")
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Ask what becomes of a different account that came back, and do it."""
    connection = get_object_or_404(Connection.objects.select_related("replaces"), pk=connection_id)
    provider = providers.get(connection.provider)
    choice = request.POST.get("choice")
    if connection.state != Connection.State.UNDECIDED:
        messages.info(request, f"{connection.account_name} needs no decision.")
        return redirect("integrations:provider", provider)
    if choice not in list(Choice):
        waiting = connection.replaces.places.filter(state__in=Delivery.OPEN).count() if connection.replaces else 0
        context = {"connection": connection, "provider": provider, "old": connection.replaces, "waiting": waiting}
        return _page(request, "decide", f"A different account: {connection.account_name}", context)
    sentence = connections.decide(connection, Choice(choice), _user(request))
    note(request, connection, sentence)
    messages.success(request, sentence)
    return redirect("integrations:provider", provider)


def _to_consent_screen(request: HttpRequest, provider: Provider, connection: Connection | None) -> HttpResponse:
    """A page of ours that leads on, as browsers refuse a form whose redirect goes on to an origin of no policy."""
    if _is_at_another_host(request):
        messages.error(request, _where_to_connect(request, provider))
        return redirect("integrations:provider", provider)
    try:
        address = connections.begin(request, provider, connection, request.POST.getlist("also"))
    except IntegrationError as error:
        messages.error(request, error.sentence)
        return redirect("integrations:provider", provider)
    context = {"address": address, "provider": provider}
    return _page(request, "to_consent_screen", f"On to {provider.name}", context)


def _is_at_another_host(request: HttpRequest) -> bool:
    """The session is kept by this host, and the provider leads back to SITE_URL's; ports do not part cookies.

    https://www.rfc-editor.org/rfc/rfc6265#section-8.5
    """
    return urlsplit(f"//{request.get_host()}").hostname != urlsplit(settings.SITE_URL).hostname


def _where_to_connect(request: HttpRequest, provider: Provider) -> str:
    page = f"{settings.SITE_URL}{reverse('integrations:provider', args=[provider])}"
    sentence = "You are at {}, and {} leads back to {}, where nobody would know you. Connect from there: {}"
    link = format_html('<a href="{}">{}</a>', page, page)
    return format_html(sentence, request.get_host(), provider.name, settings.SITE_URL, link)


def _page(request: HttpRequest, name: str, title: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": title} | context
    return render(request, f"integrations/{name}.html", context, status=status)


def _private(response: HttpResponse) -> HttpResponse:
    """The callback's address holds a code: nothing may take it along."""
    response["Referrer-Policy"] = "strict-origin"
    return response


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # signed in: `for_operators` has seen to it
