"""Joined stores of an account: their settings, and which of them a delivery goes by."""

from collections.abc import Mapping

from integrations.models import Connection, Delivery
from klaviyo.mapping import contents
from klaviyo.mapping.events import Recorded
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.advocates import store_of_advocate


def setting_of(
    store_settings: Mapping[int, StoreSetting], delivery: Delivery, sends: Mapping[int, Send] | None = None
) -> StoreSetting | None:
    """The store setting by which a delivery goes: its store's at its account, however often they were joined anew."""
    if store := contents.store_of(delivery):
        return store_settings.get(store)
    send = (sends or {}).get(delivery.pk)
    return store_settings.get(send.store_id if send else _store_of_old(store_settings, delivery))


def settings_of(connection: Connection) -> dict[int, StoreSetting]:
    """The settings of an account's stores, by store id."""
    rows = StoreSetting.objects.filter(connection=connection).select_related("connection", "store")
    return {setting.store_id: setting for setting in rows}


def _store_of_old(store_settings: Mapping[int, StoreSetting], delivery: Delivery) -> int:
    """Of a row from the time when deliveries went by the id of a setting, which may be gone: what it tells says so."""
    by_id = {setting.pk: store for store, setting in store_settings.items()}
    if store := by_id.get(contents.setting_of(delivery)):
        return store
    if delivery.kind == contents.Profile.kind:
        return store_of_advocate(contents.Profile.of(delivery).advocate)
    slug = Recorded.in_body(delivery.body).properties.get("store")
    return next((store for store, setting in store_settings.items() if setting.store.slug == slug), 0)
