"""Batch state: what is known of a connection's claimed deliveries while they are worked through."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.mail.mailer import Mailer
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Skipped
from integrations.reasons import Who, declare
from integrations.workers.one_by_one import Work
from klaviyo.api.client import Client
from klaviyo.models import Send, StoreSetting
from klaviyo.profiles.joined_stores import setting_of
from klaviyo.profiles.lookup import Lookup
from klaviyo.profiles.people import People

NOT_JOINED = declare(
    "sync_off",
    "Store not joined",
    "The store is no longer joined to this account.",
    because="the store is not joined to this account, or its settings are off",
    means="Nothing of the store goes to this account at present, but for what people themselves have said no to.",
    who=Who.MERCHANT,
    do="Join the store or turn its settings on: what still holds goes out then.",
)
SETTING_OFF = Skipped(NOT_JOINED)
UNKNOWN_PERSON = Skipped(
    declare(
        "unknown_person",
        "Klaviyo does not know them",
        "Klaviyo does not know this person, and the store's setting is to update existing profiles only.",
        because="Klaviyo does not know them, and the store updates existing profiles only",
        means="The invite would start a flow on the person's profile, but they have none, and the store's setting is "
        "not to create any.",
        who=Who.MERCHANT,
        do="Choose “Create profiles” in the store's settings, or let Sorae send the program's invites.",
    )
)


@dataclass(kw_only=True)
class Batch(Work):
    """A batch; `sends` are by delivery id, `elsewhere` are other accounts' look-ups, by connection id."""

    client: Client
    people: People
    store_settings: dict[int, StoreSetting]  # by store id
    sends: dict[int, Send]
    mailer: Mailer = field(default_factory=Mailer)
    elsewhere: dict[int, Lookup] = field(default_factory=dict)

    @property
    def recipients(self) -> set[str]:
        """Whom messages of our own go to: asked about together, where another account must be asked as well."""
        return {send.delivery.subject for send in self.sends.values() if send.channel == Send.Channel.SORAE}

    def setting(self, delivery: Delivery) -> StoreSetting:
        """The store setting by which a delivery goes. Raises CalledOff where the store is no longer joined."""
        setting = setting_of(self.store_settings, delivery, self.sends)
        if setting is None or not setting.is_enabled:
            raise CalledOff(SETTING_OFF)
        return setting


def sends_of(deliveries: Sequence[Delivery]) -> dict[int, Send]:
    rows = Send.objects.filter(delivery__in=deliveries)
    return {
        send.delivery_id: send
        for send in rows.select_related("delivery", "invite__advocate__program__store", "reminder")
    }
