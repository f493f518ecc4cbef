"""Kettle, a provider that accepts deliveries or does not answer, and what happens to its accounts."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations import outbox, reasons
from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outbox import Order
from integrations.outcomes import Accepted, Outcome
from integrations.providers import Kind, Many
from integrations.workers import in_bulk
from integrations.workers.in_bulk import Pack
from integrations.workers.one_by_one import Work

State = Delivery.State
AWAY = TemporaryError(reasons.of("http_503", "It does not answer."))


class Kettle:
    """A provider that takes what it is given, or meets a bad day; `cups` holds what it took, request by request."""

    def __init__(self) -> None:
        self.is_away = False
        self.full_for = timedelta()
        self.cups: list[tuple[str, ...]] = []
        self._claims: Counter[tuple[int, uuid.UUID | None]] = Counter()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Events go one by one, or ten at once; profiles alone."""
        return (Kind("event", self.pour, Many(10, self.pour_many)), Kind("profile", self.pour))

    @property
    def took(self) -> list[tuple[int, int]]:
        """The connection, and how much of each batch that was claimed was brought here."""
        return [(connection_id, size) for (connection_id, _), size in self._claims.items()]

    def pour(self, work: Work, delivery: Delivery) -> None:
        self._brew(work.connection, [delivery])

    def pour_many(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        def request(pack: Pack) -> Outcome:
            self._brew(connection, pack)
            return Accepted()

        in_bulk.send(connection, deliveries, request, lambda _error, _pack: [])

    def _brew(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        """One request: on record, refused as a whole for one poisoned cup, or taken."""
        self._claims.update((connection.pk, delivery.lease) for delivery in deliveries)
        status, error = self._answer(deliveries)
        attempt(connection, *deliveries, status=status, code=error.code if error else "")
        if error:
            raise error
        self.cups.append(tuple(delivery.key for delivery in deliveries))

    def _answer(self, deliveries: Sequence[Delivery]) -> tuple[int, IntegrationError | None]:
        if self.full_for:
            return 429, Throttled("It is full.", retry_after=self.full_for)
        if self.is_away:
            return 503, AWAY
        is_poisoned = any(delivery.body.get("poison") for delivery in deliveries)
        return (400, PermanentError(reasons.of("invalid", "It is poisoned."))) if is_poisoned else (200, None)


def connected(id: str) -> Connection:
    return Connection.objects.create(provider="kettle", account_id=id, state=Connection.State.CONNECTED)


def add(account: Connection, number: int = 1, **more: Any) -> None:
    kind, body = more.get("kind", "event"), more.get("body", {})
    orders = [Order(kind, str(uuid.uuid4()), timezone.now(), body=body, shared_tries=1) for _ in range(number)]
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
