"""Owed erasures: an account that may have heard of somebody since they were erased is asked to delete them once more.

What was on its way to the account while a person was erased may come there after the deletion.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order, wake_ups
from klaviyo.mapping import contents
from klaviyo.models import Erasure
from referrals import person_key

State = Delivery.State


def ask_again(receipt: Erasure, connection: Connection, due_at: datetime) -> bool:
    """The account is owed it once more, as if it was made now; False where it was never owed it."""
    mine = Delivery.objects.filter(source=str(receipt.uid), kind=contents.Erase.kind, connection=connection)
    again: dict[str, Any] = {"created_at": Now(), "next_try_at": due_at, "attempts_made": 0, "crashes": 0}
    free: dict[str, Any] = {"settled_at": None, "lease": None, "reason_code": "", "reason": ""}
    return bool(mine.update(state=State.QUEUED, **again, **free))


def order(receipt: Erasure, due_at: datetime | None) -> Order:
    """To delete the person, whom only the receipt names."""
    return Order(contents.Erase.kind, f"erase:{receipt.uid}", timezone.now(), source=str(receipt.uid), due_at=due_at)


@transaction.atomic
def reached(connection: Connection, erased: Iterable[str], after: timedelta) -> None:
    """Something about these erased people may have come to the account: it deletes them (again) after that time.

    What waits for an operator's answer goes on waiting for it.
    """
    due_at = timezone.now() + after
    for email in sorted(erased):
        mine = Erasure.objects.filter(person_key.stored("mailbox_hash", person_key.every(email)))
        receipt = mine.order_by("pk").select_for_update(of=("self",)).last()
        if receipt is None or _is_held(receipt, connection):
            continue
        if not receipt.is_address_kept:  # the account must hear whom it is about, and forgets it thereafter
            receipt.address = person_key.mailbox(email)
            receipt.save(update_fields=["address"])
        if not ask_again(receipt, connection, due_at):
            outbox.add(connection.pk, [order(receipt, due_at)])
        wake_ups.on_commit(connection.pk)


def _is_held(receipt: Erasure, connection: Connection) -> bool:
    rows = Delivery.objects.filter(source=str(receipt.uid), kind=contents.Erase.kind, connection=connection)
    return rows.filter(state=State.HELD).exists()
