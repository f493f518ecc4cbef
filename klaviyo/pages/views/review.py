"""Review page: which account has come back, and what of a store will be sent to it, before anything is."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from integrations.models import Connection
from integrations.pages import audit_log
from integrations.pages.access import for_operators
from klaviyo import account_lists
from klaviyo.delivery import stored_since
from klaviyo.imports import backfill, backfill_chunks
from klaviyo.imports.backfill import NotPossible
from klaviyo.models import StoreSetting
from klaviyo.pages import list_choices
from klaviyo.pages.settings_form import LISTS, SettingsForm
from klaviyo.pages.settings_log import note
from referrals.models import Store

JUST_ALLOWED = timedelta(days=1)
LONGEST_AGO = timedelta(days=30)
PROMISE = "klaviyo.review"  # what the page says that will be sent, signed


@for_operators("klaviyo.add_storesetting", "integrations.connect")
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show the account and the defaults for one store, with what they mean; save them for whoever may."""
    if request.method == "POST" and not _may_save(request):
        raise PermissionDenied
    living = Connection.objects.filter(provider="klaviyo").exclude(state__in=Connection.ENDED)
    connection = get_object_or_404(living, pk=connection_id)
    joined = set(connection.store_settings.values_list("store", flat=True))
    stores = list(Store.objects.order_by("name"))
    if request.method == "POST":
        store = next((one for one in stores if str(one.pk) == request.POST.get("store")), None)
        if store is None:
            messages.error(request, "That store is gone. Nothing was saved; choose another.")
            return redirect("klaviyo:review", connection.pk)
    else:
        store = _chosen(stores, joined, request.GET.get("store", ""))
    if store is None:
        return _page(request, connection, {"setting": None})
    if store.pk in joined:
        setting = connection.store_settings.get(store=store)
        messages.info(request, f"{store.name} is joined to {connection.account_name} already.")
        return redirect("klaviyo:settings_edit", setting.pk)
    setting = StoreSetting(store=store, connection=connection, behaviour=StoreSetting.Behaviour.CREATE)
    return _reviewed(request, setting, {"stores": stores, "joined": joined})


def _reviewed(request: HttpRequest, setting: StoreSetting, known: dict[str, Any]) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    if data is not None and "read" in data and setting.connection.is_connected:
        account_lists.ask(setting.connection)
    form = SettingsForm(data, instance=setting, known_lists=list_choices.of(setting.connection))
    is_search = data is not None and ("search" in data or "read" in data)
    since = _promised(data, setting) if data is not None else _allowed_at(setting, known["joined"])
    if data is not None and not is_search and form.is_valid():
        return _save(request, form, since)
    if data is None and (field := request.GET.get("lists")) in LISTS:
        picker = form.picker(field, request.GET.get("words", ""), request.GET.get("chosen", ""))
        return render(request, "klaviyo/lists.html", {"form": form, "picker": picker, "may_save": _may_save(request)})
    context = known | {
        "setting": setting,
        "form": form,
        "errors": data is not None and not is_search and form.errors,
        "pickers": form.pickers,
        "may_save": _may_save(request),
        "advocates": backfill_chunks.advocates(setting).count(),
        "tells_everybody": data is None or "tell_everybody" in data,
        "since": since,
        "promise": signing.dumps([*_of(setting), since.isoformat() if since else ""], salt=PROMISE),
    }
    return _page(request, setting.connection, context)


def _save(request: HttpRequest, form: SettingsForm, since: datetime | None) -> HttpResponse:
    setting = form.instance
    if since:
        stored_since.tell(setting, since)
    try:
        with transaction.atomic():
            form.save()
            sentence = f"{setting.store.name} is joined to {setting.connection.account_name}."
            if "tell_everybody" in request.POST:
                sentence += _everybody_told(request, setting)
            note(request, setting, ADDITION, sentence)
    except IntegrityError:  # by the constraint of one setting: somebody, or a second click, was as quick
        messages.info(request, f"{setting.store.name} is joined to {setting.connection.account_name} already.")
    else:
        messages.success(request, sentence)
    may_see = request.user.has_perm("integrations.view_connection")
    return redirect("integrations:connection", setting.connection_id) if may_see else redirect("admin:index")


def _everybody_told(request: HttpRequest, setting: StoreSetting) -> str:
    try:
        row = backfill.begin(setting, cast(User, request.user))  # signed in: `for_operators` has seen to it
    except NotPossible as reason:
        return f" The advocates who are there already are not told of: {reason}"
    audit_log.note(request, setting.connection, f"Began backfill {row.pk} of {setting.store.name}.")
    return " The advocates who are there already are told of, behind what happens now: see Backfill."


def _allowed_at(setting: StoreSetting, joined: set[int]) -> datetime | None:
    """Since when the operator may expect the store's facts to arrive: when they allowed the account for it.

    An account that serves others already was not allowed for this store, unless that was just now. What is older than a
    month nobody expects any more.
    """
    connection = setting.connection
    last, first = connection.connected_at, connection.allowed_at or connection.connected_at
    if not joined and first:
        return max(first, timezone.now() - LONGEST_AGO)
    return last if last and last > timezone.now() - JUST_ALLOWED else None


def _of(setting: StoreSetting) -> list[int]:
    return [setting.connection_id, setting.store_id]


def _promised(data: QueryDict, setting: StoreSetting) -> datetime | None:
    """As the page had it, whatever has happened since it was shown."""
    try:
        *of, since = signing.loads(data.get("promise", ""), salt=PROMISE, max_age=LONGEST_AGO)
    except (signing.BadSignature, ValueError):
        return _allowed_at(setting, set(setting.connection.store_settings.values_list("store", flat=True)))
    return datetime.fromisoformat(since) if since and of == _of(setting) else None


def _chosen(stores: list[Store], joined: set[int], given: str) -> Store | None:
    """The one that was asked for; else the first that the account does not serve yet and nobody else does."""
    by_id = {str(store.pk): store for store in stores}
    served = set(StoreSetting.objects.values_list("store", flat=True))
    order = sorted(stores, key=lambda store: (store.pk in joined, store.pk in served))
    return by_id.get(given) or next(iter(order), None)


def _page(request: HttpRequest, connection: Connection, context: dict[str, Any]) -> HttpResponse:
    told = {"title": f"Review {connection.account_name}", "connection": connection, "is_known": _is_known(connection)}
    return render(request, "klaviyo/review.html", admin.site.each_context(request) | told | context)


def _may_save(request: HttpRequest) -> bool:
    return request.user.has_perm("klaviyo.add_storesetting")


def _is_known(connection: Connection) -> bool:
    """Whether it was connected before it was connected this time."""
    return bool(connection.connected_at and connection.created_at < connection.connected_at - timedelta(minutes=15))
