"""A provider that takes what it is given, or does not answer; and what happens to its accounts."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations import outbox, reasons
from integrations.errors import TemporaryError
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outbox import Order
from integrations.outcomes import Accepted

State = Delivery.State
AWAY = TemporaryError(reasons.of("http_503", "It does not answer."))


class Kettle:
    """A provider that takes what it is given, or does not answer; `took` holds each batch's size."""

    def __init__(self) -> None:
        self.is_away = False
        self.took: list[tuple[int, int]] = []

    def deliver(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        self.took.append((connection.pk, len(deliveries)))
        attempt(connection, *deliveries, status=503 if self.is_away else 200, code="http_503" if self.is_away else "")
        if self.is_away:
            raise AWAY
        outbox.settle_all(deliveries, Accepted())


def connected(id: str) -> Connection:
    return Connection.objects.create(provider="kettle", account_id=id, state=Connection.State.CONNECTED)


def add(account: Connection, number: int = 1, **more: Any) -> None:
    orders = [Order(more.get("kind", "event"), str(uuid.uuid4()), timezone.now()) for _ in range(number)]
    with transaction.atomic():
        outbox.add(account.pk, orders)


def attempt(account: Connection, *deliveries: Delivery, status: int | None = 200, code: str = "") -> Attempt:
    now = timezone.now()
    made = Attempt.objects.create(
        connection=account, operation="pour", started_at=now, finished_at=now, status=status, code=code
    )
    made.deliveries.set(deliveries)
    return made


def let_pass() -> None:
    Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))
