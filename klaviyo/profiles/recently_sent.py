"""Recently sent profiles: people whom Klaviyo took from us within a day need no look-up for an event of their own."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.mapping import contents
from klaviyo.mapping.contents import message_of
from klaviyo.models import StoreSetting
from klaviyo.profiles.joined_stores import setting_of

LATELY = timedelta(days=1)


def told_lately(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    """Of people who are concerned by nothing but events of their own, those whom Klaviyo took from us just now."""
    others = {d.subject.lower() for d in deliveries if d.kind != contents.Event.kind or message_of(d)}
    mine = {d.subject for d in deliveries if d.subject.lower() not in others}
    if not mine:
        return set()
    taken = Q(state=Delivery.State.ACCEPTED, settled_at__gte=timezone.now() - LATELY)
    told = Delivery.objects.filter(
        taken | Q(state=Delivery.State.SENDING, job__isnull=False),
        connection=connection,
        kind=contents.Profile.kind,
        subject__in=mine,
    )
    careful = _concerning_careful_stores(connection, deliveries)
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    return {
        subject.lower()
        for subject, settled_at in told.values_list("subject", "settled_at")
        if subject.lower() not in careful or (settled_at and settled_at > a_minute_ago)
    }


def _concerning_careful_stores(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    """Where no profile may be made, what was known of a person is good for as long as their consent."""
    store_settings = StoreSetting.objects.filter(
        connection=connection, behaviour=StoreSetting.Behaviour.UPDATE_EXISTING
    )
    careful = {setting.store_id: setting for setting in store_settings.select_related("store")}
    concerned = deliveries if careful else ()
    return {delivery.subject.lower() for delivery in concerned if setting_of(careful, delivery)}
