"""Views that connect, reconnect, disconnect and decide: a POST each, with a permission each; and the OAuth callback."""

from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations import connections, outbox, providers
from integrations.connections import Choice, ConnectingFailed, KeyNotTaken, Outcome, leaving, offers
from integrations.encryption import Undecryptable
from integrations.errors import IntegrationError
from integrations.models import Connection, Delivery, Leaving, Place
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
    """Off to the consent screen, for the account of this connection; or to where a new key is pasted."""
    connection = get_object_or_404(Connection, pk=connection_id)
    if connection.has_key and request.POST.get("by") != Connection.Kind.OAUTH:
        return redirect("integrations:reconnect_by_key", connection.pk)
    return _to_consent_screen(request, providers.get(connection.provider), connection)


@for_operators("integrations.connect")
@require_GET
def enable(request: HttpRequest, provider: Provider) -> HttpResponse:
    """What will be asked for at the provider, and why; whom the account is to serve, and what else to allow."""
    to_serve = list(provider.to_serve())
    wanted = request.GET.get("whom", "")
    first = next((one.word for one in to_serve if not one.is_served), "")
    context = {
        "provider": provider,
        "to_serve": to_serve,
        "whom": wanted if wanted in {one.word for one in to_serve} else first,
    }
    return _page(request, "enable", f"Enable {provider.name}", context)


@for_operators("integrations.connect")
@require_GET
def install(_request: HttpRequest, provider: Provider) -> HttpResponse:
    """Where a provider's own app listing leads; nothing that it brings along is used."""
    return redirect("integrations:enable", provider)


@for_operators("integrations.reconnect")
@require_GET
def allow_again(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Choose what else we may do in the account of this connection; what it has is asked for in any case."""
    connection = get_object_or_404(Connection, pk=connection_id, provider__in=providers.slugs())
    provider = providers.get(connection.provider)
    additions = [(one, connection.granted.issuperset(one.scopes)) for one in provider.additions]
    title = f"Allow more for {connection.account_name or connection.account_id}"
    return _page(request, "allow", title, {"provider": provider, "connection": connection, "additions": additions})


@for_operators("integrations.connect")
@never_cache
@sensitive_post_parameters("key")
@require_http_methods(["GET", "POST"])
def connect_by_key(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Ask for a private key, and connect whichever account it opens."""
    return _by_key(request, provider, None)


@for_operators("integrations.reconnect")
@never_cache
@sensitive_post_parameters("key")
@require_http_methods(["GET", "POST"])
def reconnect_by_key(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Ask for a private key of this connection's account."""
    connection = get_object_or_404(Connection, pk=connection_id)
    return _by_key(request, providers.get(connection.provider), connection)


@for_operators("integrations.connect", "integrations.reconnect")
@never_cache
@require_http_methods(["GET", "POST"])
def offer(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Ask whether what was brought takes over from what opens the account now, and do it."""
    standing = offers.of(_user(request), uid)
    if standing is None:
        messages.info(request, "That was decided already, or too long ago. Nothing was changed now.")
        return redirect("integrations:index")
    connection, choice = standing.connection, request.POST.get("choice")
    provider = providers.get(connection.provider)
    if choice not in (Choice.REPLACE, Choice.DISCARD):
        context = {
            "connection": connection,
            "provider": provider,
            "is_key": standing.kind == connection.Kind.PRIVATE_KEY,
        }
        return _page(request, "offer", f"{connection.account_name} is connected already", context)
    if choice == Choice.DISCARD:
        offers.turn_down(standing)
        messages.info(request, f"{connection.account_name} is as it was before.")
        return redirect("integrations:connection", connection.pk)
    had_key = connection.has_key
    try:
        sentence = connections.accept(standing, _user(request))
    except Undecryptable:
        messages.error(request, "What was brought cannot be opened any more. Bring it again.")
        return redirect("integrations:connection", connection.pk)
    note(request, connection, sentence)
    messages.success(request, sentence + (f" {provider.keys.how_to_revoke}" if had_key and provider.keys else ""))
    return redirect("integrations:connection", connection.pk)


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
    return _private(_arrived(request, provider, outcome, f"choose that account at {provider.name}"))


@for_operators("integrations.disconnect")
@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show what waits, ask what becomes of it, and disconnect when that is confirmed."""
    connection = get_object_or_404(Connection, pk=connection_id)
    provider, wanted = providers.get(connection.provider), request.POST.get("waiting")
    if request.method == "GET":
        return _how_to_disconnect(request, connection, provider)
    if wanted == "deliver":
        limit = leaving.LIMITS.get(request.POST.get("limit", ""), leaving.DEFAULT)
        if begun := leaving.begin(connection, _user(request), limit):
            return _leaves(request, connection, begun)
        connection.refresh_from_db()
        if problem := leaving.obstacle(connection):
            return _how_to_disconnect(request, connection, provider, problem)
    had_key = connection.has_key
    revoked = connections.disconnect(connection, _user(request))
    sentence = f"{connection.account_name} is disconnected."
    if wanted == "cancel":
        why = outbox.TAKEN_BACK.saying("An operator took it back when the account was disconnected.")
        number = outbox.take_back(connection, why)
        sentence += f" {number} waiting {'delivery was' if number == 1 else 'deliveries were'} cancelled."
        if outbox.is_taking_back(connection.pk):
            sentence += " That is still under way, and goes on by itself."
        if kept := _acts(connection).count():
            sentence += f" {kept} {'stays' if kept == 1 else 'stay'}: A person's own no or erasure is not cancelled."
    if had_key and provider.keys:
        sentence += f" Its key is deleted here. {provider.keys.how_to_revoke}"
    if not revoked:
        sentence += f" {provider.name} could not be told to end our access yet; it is asked again for a day."
    note(request, connection, sentence)
    messages.success(request, sentence)
    return redirect("integrations:provider", provider)


@for_operators("integrations.disconnect")
@require_POST
def stay(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Call off that an account is disconnected by itself."""
    connection = get_object_or_404(Connection, pk=connection_id)
    with transaction.atomic():
        was_leaving = leaving.call_off(connection)
        if was_leaving:
            note(request, connection, "Called off the disconnecting.")
    if was_leaving:
        messages.success(request, f"{connection.account_name} stays connected.")
    else:
        messages.info(request, f"{connection.account_name} is not about to be disconnected.")
    return redirect("integrations:connection", connection.pk)


def _how_to_disconnect(
    request: HttpRequest, connection: Connection, provider: Provider, problem: str = ""
) -> HttpResponse:
    acts = _acts(connection).count()
    context = {
        "connection": connection,
        "provider": provider,
        "served": provider.served([connection])[connection.pk],
        "waiting": _waiting(connection).count() - acts,
        "acts": acts,
        "problem": problem,
        "obstacle": leaving.obstacle(connection),
        "is_leaving": Leaving.objects.filter(connection=connection).exists(),
        "limits": leaving.LIMITS,
    }
    title = f"Disconnect {connection.account_name}?"
    return _page(request, "disconnect", title, context, status=400 if problem else 200)


def _leaves(request: HttpRequest, connection: Connection, begun: Leaving) -> HttpResponse:
    sentence = f"{connection.account_name} is disconnected by itself once what waits is delivered ({begun.number:,})."
    note(request, connection, sentence)
    messages.success(request, f"{sentence} You can call that off until then.")
    return redirect("integrations:connection", connection.pk)


def _waiting(connection: Connection) -> "QuerySet[Place]":
    return connection.places.filter(state__in=Delivery.OPEN)


def _acts(connection: Connection) -> "QuerySet[Place]":
    """What people asked for themselves, of what waits."""
    return _waiting(connection).filter(kind__in=providers.persons_acts())


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


def _by_key(request: HttpRequest, provider: Provider, connection: Connection | None) -> HttpResponse:
    """The form, or what became of the key in it. The key itself is in no answer."""
    if provider.keys is None:
        raise Http404
    problem = ""
    if request.method == "POST":
        pasted = request.POST.get("key", "")
        try:
            outcome = connections.connect_by_key(provider, provider.keys, pasted, _user(request), connection)
        except KeyNotTaken as refusal:
            problem = refusal.sentence
        else:
            outcome = replace(outcome, whom=request.GET.get("whom", ""))
            return _arrived(request, provider, outcome, "paste a key of that account")
    context = {
        "connection": connection,
        "provider": provider,
        "problem": problem,
        "scopes": [scope for scope in provider.scopes if scope.name not in provider.keys.never],
        "never": sorted(set(provider.keys.never.values())),
    }
    title = f"Connect {connection.account_name} by a private key" if connection else "Connect with a private key"
    return _page(request, "private_key", title, context, status=400 if problem else 200)


def _arrived(request: HttpRequest, provider: Provider, outcome: Outcome, how: str) -> HttpResponse:
    """On from where access has come in: to a decision where one is open, to the accounts where all is well."""
    note(request, outcome.connection, outcome.sentence)
    if outcome.offer:
        return redirect("integrations:offer", outcome.offer.pk)
    if outcome.is_undecided:
        messages.warning(request, outcome.sentence)
        return redirect("integrations:decide", outcome.connection.pk)
    if outcome.missed:
        advice = f"To connect {outcome.missed.account_name} again, {how}."
        context = {"sentence": outcome.sentence, "advice": advice, "provider": provider, "again": outcome.missed}
        return _page(request, "connecting_failed", "Another account was connected", context)
    messages.success(request, outcome.sentence)
    next_page = provider.next_page(outcome.connection, outcome.whom)
    return redirect(next_page) if next_page else redirect("integrations:connection", outcome.connection.pk)


def _to_consent_screen(request: HttpRequest, provider: Provider, connection: Connection | None) -> HttpResponse:
    """A page of ours that leads on, as browsers refuse a form whose redirect goes on to an origin of no policy."""
    if _is_at_another_host(request):
        messages.error(request, _where_to_connect(request, provider))
        return redirect("integrations:provider", provider)
    try:
        address = connections.begin(
            request, provider, connection, request.POST.getlist("also"), request.POST.get("whom", "")
        )
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
