"""Which store's facts go to which account, and how: a list, a form, and taking it back."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from integrations.pages.access import for_operators
from klaviyo.models import ProfileSync
from klaviyo.pages import list_choices
from klaviyo.pages.settings_form import SettingsForm
from referrals.models import Store


@for_operators("klaviyo.view_profilesync")
@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """Every store and the accounts that it is joined to."""
    syncs = ProfileSync.objects.select_related("store", "connection").order_by(
        "store__name", "connection__account_name"
    )
    connection_id = request.GET.get("connection", "")
    if connection_id.isdecimal() and len(connection_id) < 19:
        syncs = syncs.filter(connection=int(connection_id))
    context = {
        "title": "Store settings",
        "syncs": syncs,
        "is_narrow": bool(connection_id),
        "unjoined": Store.objects.filter(klaviyo_syncs=None).order_by("name"),
    }
    return _page(request, "settings", context)


@for_operators("klaviyo.add_profilesync")
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """First which store and which account, then how."""
    given = request.POST if request.method == "POST" else request.GET
    store = _chosen(Store.objects.all(), given.get("store"))
    connection = _chosen(_connections(), given.get("connection"))
    if store is None or connection is None:
        context = {"title": "Join a store", "stores": Store.objects.order_by("name"), "connections": _connections()}
        return _page(request, "settings_add", context | {"store": store, "connection": connection})
    known = ProfileSync.objects.filter(store=store, connection=connection).first()
    if known:
        messages.info(request, f"{store.name} is joined to {connection.account_name} already.")
        return redirect("klaviyo:settings_edit", known.pk)
    return _edit(request, ProfileSync(store=store, connection=connection))


@for_operators("klaviyo.view_profilesync")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, sync_id: int) -> HttpResponse:
    sync = get_object_or_404(ProfileSync.objects.select_related("store", "connection"), pk=sync_id)
    if request.method == "POST" and not request.user.has_perm("klaviyo.change_profilesync"):
        messages.error(request, "You may look at these settings, but not change them.")
        return redirect("klaviyo:settings_edit", sync.pk)
    return _edit(request, sync)


@for_operators("klaviyo.delete_profilesync")
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, sync_id: int) -> HttpResponse:
    """Part a store from an account, when that is confirmed."""
    sync = get_object_or_404(ProfileSync.objects.select_related("store", "connection"), pk=sync_id)
    if request.method == "GET":
        waiting = sync.connection.deliveries.filter(state__in=Delivery.OPEN, options__sync=sync.pk).count()
        context = {"title": f"Part {sync.store.name} from {sync.connection.account_name}?", "sync": sync}
        return _page(request, "settings_remove", context | {"waiting": waiting})
    sentence = f"{sync.store.name} is no longer joined to {sync.connection.account_name}."
    _note(request, sync, DELETION, sentence)
    sync.delete()
    messages.success(request, sentence)
    return redirect("klaviyo:settings")


def _edit(request: HttpRequest, sync: ProfileSync) -> HttpResponse:
    """Show the form, search in its lists without saving anything, or save it."""
    offer = list_choices.of(sync.connection)
    data = request.POST if request.method == "POST" else None
    form = SettingsForm(data, instance=sync, offer=offer)
    is_search = data is not None and "search" in data
    if data is not None and not is_search and form.is_valid():
        return _save(request, form)
    context = {
        "title": sync.store.name,
        "sync": sync,
        "form": form,
        "errors": data is not None and not is_search and form.errors,
        "pickers": form.pickers,
        "may_save": request.user.has_perm(f"klaviyo.{'change' if sync.pk else 'add'}_profilesync"),
    }
    return _page(request, "settings_edit", context)


def _save(request: HttpRequest, form: SettingsForm) -> HttpResponse:
    is_new = form.instance.pk is None
    with transaction.atomic():
        sync = form.save()
        released = sum(retrying.again(_held_for_list(sync, field)) for field in form.changed_lists)
        sentence = (
            f"{sync.store.name} is joined to {sync.connection.account_name}." if is_new else "The settings are saved."
        )
        changed = ", ".join(sorted(form.changed_data))
        _note(request, sync, ADDITION if is_new else CHANGE, f"{sentence} Changed: {changed}." if changed else sentence)
    if released:
        sentence += (
            f" {released} deliver{'y that was' if released == 1 else 'ies that were'} held for the old list go out now."
        )
    messages.success(request, sentence)
    return redirect("klaviyo:settings")


def _held_for_list(sync: ProfileSync, field: str) -> Any:
    held = sync.connection.deliveries.filter(state=Delivery.State.HELD, reason_code="list_gone", options__sync=sync.pk)
    newsletter = Q(kind__in=("subscribe", "unsubscribe"))
    return held.filter(newsletter if field == "newsletter_list_id" else ~newsletter)


def _connections() -> Any:
    return Connection.objects.filter(provider="klaviyo").exclude(state__in=Connection.ENDED).order_by("account_name")


def _chosen(rows: Any, key: str | None) -> Any:
    return rows.filter(pk=key).first() if key and key.isdecimal() and len(key) < 19 else None


def _note(request: HttpRequest, sync: ProfileSync, flag: int, sentence: str) -> None:
    rows = ProfileSync.objects.filter(pk=sync.pk)
    user = cast(AbstractBaseUser, request.user)  # signed in: `for_operators` has seen to it
    LogEntry.objects.log_actions(user.pk, rows, flag, sentence, single_object=True)


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context)
