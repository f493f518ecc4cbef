"""Publishing a notice: it is stored, with one delivery for each address that gets it, and sent by a worker."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from integrations.models import Connection, Notice, NoticeAddress, NoticeDelivery
from integrations.notices.kinds import Kind


def publish(kind: Kind, connection: Connection | None, data: Mapping[str, Any]) -> Notice | None:
    """Tell all addresses that have chosen this kind; None where there is none.

    `data` goes out as JSON, word for word: no secret, and nobody's data.
    """
    chosen = [one for one in NoticeAddress.objects.filter(is_on=True) if kind.name in one.names]
    return publish_to(chosen, kind, connection, data)


@transaction.atomic
def publish_to(
    addresses: Iterable[NoticeAddress], kind: Kind, connection: Connection | None, data: Mapping[str, Any]
) -> Notice | None:
    """Tell these."""
    rows = list(addresses)
    if not rows:
        return None
    notice = Notice.objects.create(name=kind.name, connection=connection, data=dict(data))
    NoticeDelivery.objects.bulk_create(NoticeDelivery(notice=notice, address=row) for row in rows)
    return notice
