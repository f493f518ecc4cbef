"""Store settings pages: a list, a form, and parting a store from an account."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from integrations.pages import audit_log, filtering, sections
from integrations.pages.access import for_operators
from klaviyo import account_lists
from klaviyo.mapping import contents
from klaviyo.models import StoreSetting
from klaviyo.pages import list_choices
from klaviyo.pages.settings_form import LISTS, SettingsForm
from klaviyo.pages.settings_log import note
from klaviyo.profiles.errors import LIST_GONE
from klaviyo.provider import KLAVIYO
from referrals.models import Store

PAGE = 50
SEARCHABLE_FROM = 12
UNJOINED_SHOWN = 20
OVERTAKEN = "Somebody has changed these settings meanwhile, so yours were not saved. Look at what they are now."


@for_operators("klaviyo.view_storesetting")
@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """Every store and the accounts that it is joined to."""
    store_settings = StoreSetting.objects.select_related("store", "connection").order_by(
        "store__name", "connection__account_name"
    )
    connection_id = filtering.id_in(request.GET.get("connection", ""))
    connection = Connection.objects.filter(pk=connection_id, provider=KLAVIYO.slug).first() if connection_id else None
    search = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    if connection_id:
        store_settings = store_settings.filter(connection=int(connection_id))
    if search:
        named = Q(store__name__icontains=search) | Q(connection__account_name__icontains=search)
        store_settings = store_settings.filter(named | Q(store__slug__iexact=search))
    page = Paginator(store_settings, PAGE).get_page(request.GET.get("page"))
    unjoined = list(Store.objects.filter(klaviyo_settings=None).order_by("name")[: UNJOINED_SHOWN + 1])
    context = {
        "title": "Store settings",
        "connection": connection,
        "sections": sections.of(request, connection, "Settings") if connection else (),
        "page": page,
        "store_settings": page.object_list,
        "search": search,
        "connection_id": connection_id,
        "is_searchable": bool(search) or page.paginator.count >= SEARCHABLE_FROM,
        "is_narrow": bool(connection_id or search),
        "unjoined": unjoined[:UNJOINED_SHOWN],
        "is_more_unjoined": len(unjoined) > UNJOINED_SHOWN,
    }
    return _page(request, "settings", context)


@for_operators("klaviyo.add_storesetting")
@require_GET
def add(request: HttpRequest) -> HttpResponse:
    """First which store and which account; what is sent, and how, comes on the next page."""
    store = _chosen(Store.objects.all(), request.GET.get("store"))
    connection = _chosen(_connections(), request.GET.get("connection"))
    if store and connection:
        return redirect(f"{reverse('klaviyo:review', args=[connection.pk])}?store={store.pk}")
    context = {"title": "Join a store", "stores": Store.objects.order_by("name"), "connections": _connections()}
    return _page(request, "settings_add", context | {"store": store, "connection": connection})


@for_operators("klaviyo.view_storesetting")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, setting_id: int) -> HttpResponse:
    setting = get_object_or_404(StoreSetting.objects.select_related("store", "connection"), pk=setting_id)
    if request.method == "POST" and not request.user.has_perm("klaviyo.change_storesetting"):
        messages.error(request, "You may look at these settings, but not change them.")
        return redirect("klaviyo:settings_edit", setting.pk)
    return _edit(request, setting)


@for_operators("klaviyo.delete_storesetting")
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, setting_id: int) -> HttpResponse:
    """Remove a store from an account, when that is confirmed."""
    setting = get_object_or_404(StoreSetting.objects.select_related("store", "connection"), pk=setting_id)
    if request.method == "GET":
        mine = contents.of_store(setting.store_id, [setting.pk])
        waiting = Delivery.objects.filter(
            mine, place__connection=setting.connection_id, place__state__in=Delivery.OPEN
        ).count()
        context = {"title": f"Remove {setting.store.name} from {setting.connection.account_name}?", "setting": setting}
        return _page(request, "settings_remove", context | {"waiting": waiting})
    sentence = f"{setting.store.name} is no longer joined to {setting.connection.account_name}."
    audit_log.note(request, setting.connection, sentence)  # which is still there to be asked about
    setting.delete()
    messages.success(request, sentence)
    return redirect("klaviyo:settings")


def _edit(request: HttpRequest, setting: StoreSetting) -> HttpResponse:
    """Show the form, a part of it, search in its lists or have them read without saving anything, or save it."""
    data = request.POST if request.method == "POST" else None
    if data is not None and "read" in data and setting.connection.is_connected:
        account_lists.ask(setting.connection)
    form = SettingsForm(data, instance=setting, known_lists=list_choices.of(setting.connection))
    is_search = data is not None and ("search" in data or "read" in data)
    if data is not None and not is_search and form.is_valid():
        return _save(request, form)
    may_save = request.user.has_perm("klaviyo.change_storesetting")
    if data is None and (field := request.GET.get("lists")) in LISTS:
        picker = form.picker(field, request.GET.get("words", ""), request.GET.get("chosen", ""))
        return render(request, "klaviyo/lists.html", {"form": form, "picker": picker, "may_save": may_save})
    context = {
        "title": setting.store.name,
        "setting": setting,
        "form": form,
        "errors": data is not None and not is_search and form.errors,
        "pickers": form.pickers,
        "may_save": may_save,
    }
    return _page(request, "settings_edit", context)


def _save(request: HttpRequest, form: SettingsForm) -> HttpResponse:
    with transaction.atomic():
        now = StoreSetting.objects.select_for_update(no_key=True).filter(pk=form.instance.pk).first()
        if now is None or form.is_overtaken(now):
            messages.error(request, OVERTAKEN)
            return redirect("klaviyo:settings_edit", now.pk) if now else redirect("klaviyo:settings")
        setting = form.save()
        released = sum(retrying.again(_held_for_list(setting, field)) for field in form.changed_lists)
        sentence = "The settings are saved."
        changed = ", ".join([*sorted(form.changed_data), *form.switched])
        note(request, setting, CHANGE, f"{sentence} Changed: {changed}." if changed else sentence)
    if released:
        sentence += (
            f" {released} deliver{'y that was' if released == 1 else 'ies that were'} held for the old list go out now."
        )
    messages.success(request, sentence)
    return redirect("klaviyo:settings")


def _held_for_list(setting: StoreSetting, field: str) -> Any:
    mine = contents.of_store(setting.store_id, [setting.pk])
    held = Delivery.objects.filter(
        mine,
        place__connection=setting.connection_id,
        place__state=Delivery.State.HELD,
        state=Delivery.State.HELD,
        reason_code=LIST_GONE.code,
    )
    newsletter = Q(kind__in=(contents.Subscribe.kind, contents.Unsubscribe.kind))
    return held.filter(newsletter if field == "newsletter_list_id" else ~newsletter)


def _connections() -> Any:
    return Connection.objects.filter(provider="klaviyo").exclude(state__in=Connection.ENDED).order_by("account_name")


def _chosen(rows: Any, key: str | None) -> Any:
    return rows.filter(pk=key).first() if key and key.isdecimal() and len(key) < 19 else None


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"klaviyo/{name}.html", admin.site.each_context(request) | context)
