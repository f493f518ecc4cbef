"""What is known about a batch while it is worked through."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.errors import IntegrationError
from integrations.mail.mailer import Mailer
from integrations.models import Connection, Delivery
from klaviyo.api.client import Client
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.lookup import Lookup
from klaviyo.profiles.people import People


@dataclass
class Batch:
    """`sends` are by delivery id, `stopped` says why a kind cannot go on, `elsewhere` whom other accounts know."""

    client: Client
    people: People
    store_settings: dict[int, StoreSetting]
    sends: dict[int, Send]
    ends_at: float
    mailer: Mailer = field(default_factory=Mailer)
    elsewhere: dict[int, Lookup] = field(default_factory=dict)
    stopped: dict[str, IntegrationError] = field(default_factory=dict)

    @property
    def recipients(self) -> set[str]:
        """Whom messages of our own go to: asked about together, where another account must be asked as well."""
        return {send.delivery.subject for send in self.sends.values() if send.channel == Send.Channel.SORAE}

    @property
    def connection(self) -> Connection:
        return self.client.connection


def setting_of(
    store_settings: dict[int, StoreSetting], sends: dict[int, Send], delivery: Delivery
) -> StoreSetting | None:
    """The store's setting by which a delivery goes; a store that was joined anew has another one by now."""
    if setting := store_settings.get(delivery.options.get("sync", 0)):
        return setting
    send = sends.get(delivery.pk)
    return next((setting for setting in store_settings.values() if send and setting.store_id == send.store_id), None)


def settings_of(connection: Connection) -> dict[int, StoreSetting]:
    rows = StoreSetting.objects.filter(connection=connection).select_related("connection", "store")
    return {setting.pk: setting for setting in rows}


def sends_of(deliveries: Sequence[Delivery]) -> dict[int, Send]:
    rows = Send.objects.filter(delivery__in=deliveries)
    return {
        send.delivery_id: send
        for send in rows.select_related("delivery", "invite__advocate__program__store", "reminder")
    }
