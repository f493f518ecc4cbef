"""Claiming: a worker takes due deliveries under one lease, the oldest that can go, and some of the newest."""

from collections.abc import Sequence

from django.db import transaction

from integrations.models import Connection, Delivery, Lease
from integrations.outbox.due import EVER, MOST_LOOKED_AT, Lot, Waits, Window, free, look, lots, more, stand_in_line
from integrations.outbox.leasing import leased, taken
from integrations.outbox.suspects import BATCH, claim_suspects


def claim(
    connection: Connection,
    limit: int = BATCH,
    wanted: Sequence[Lot] | None = None,
    window: Window = EVER,
    newest: int = 0,
    waits: Waits | None = None,
) -> list[Delivery]:
    """Lease due deliveries to the caller; counted as attempts now, so that a crash counts too.

    Of the lots that are `wanted`, or of all; then suspects come before all others, apart. The oldest go first; `newest`
    of a hundred are the newest instead. What cannot go yet is passed over as it is.
    """
    if wanted is None and (batch := claim_suspects(connection)):
        return batch
    mine = lots(connection) if wanted is None else list(wanted)
    with transaction.atomic():
        stand_in_line(connection.pk)
        few = limit * newest // 100
        lease = Lease(connection=connection)
        claimed = _first(lease, limit - few, mine, window, waits)
        if few and len(claimed) == limit - few:
            claimed += _newest(lease, few, mine, window, waits, claimed)
        return leased(lease, claimed)


def _first(lease: Lease, limit: int, wanted: Sequence[Lot], window: Window, waits: Waits | None) -> list[Delivery]:
    """The oldest that can go; where the first cannot, further ones are looked at, up to a bound."""
    most, claimed, lanes = limit, list[Delivery](), set[str]()
    seen: set[int] = set()
    while limit > 0:
        looked = look(lease.connection_id, wanted, most, window)
        ready = free(lease.connection, [row for row in looked if row[0] not in seen], waits, lanes)
        seen.update(pk for pk, _ in looked)
        claimed += taken(lease, ready, limit - len(claimed))
        if len(claimed) == limit or len(looked) < most or most >= MOST_LOOKED_AT:
            break
        most = more(most)
    return claimed


def _newest(
    lease: Lease, few: int, wanted: Sequence[Lot], window: Window, waits: Waits | None, beside: Sequence[Delivery]
) -> list[Delivery]:
    looked = look(lease.connection_id, wanted, few, window, newest=True)
    had = {delivery.pk for delivery in beside}
    lanes = {delivery.lane for delivery in beside if delivery.lane}
    return taken(lease, free(lease.connection, [row for row in looked if row[0] not in had], waits, lanes), few)
