"""Rota: a periodic job of each connected account, done by one worker at a time under a lease.

Its rows have a `connection` and a `next_look_at`, which whoever takes the turn moves on: that is the lease.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db.models import F, Model, Q
from django.db.models.functions import Now

from integrations.errors import IntegrationError, Throttled, without_message
from integrations.models import Connection

QUANTUM_SECONDS = 45.0
IS_DUE = Q(next_look_at=None) | Q(next_look_at__lte=Now())

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rota:
    """`turn` is one account's, which takes less than `lease`; it rests for `every`, or as long as a provider asks."""

    model: type[Model]
    turn: Callable[[Any], object]
    every: timedelta
    lease: timedelta

    def take_all(self) -> int:
        """A turn for every connected account that is due, until the time is up; how many."""
        ends_at, taken = monotonic() + QUANTUM_SECONDS, 0
        due = self.model._default_manager.filter(IS_DUE, connection__state=Connection.State.CONNECTED)
        for pk in due.order_by(F("next_look_at").asc(nulls_first=True), "pk").values_list("pk", flat=True):
            if monotonic() > ends_at:
                break
            taken += self.take(pk)
        return taken

    def take(self, pk: int) -> bool:
        """One account's turn; False when another worker has it, or it is not due."""
        rows: Any = self.model._default_manager
        # Of two the second finds the row not due: https://www.postgresql.org/docs/current/transaction-iso.html
        if not rows.filter(IS_DUE, pk=pk).update(next_look_at=Now() + self.lease):
            return False
        row = rows.select_related("connection").get(pk=pk)
        lease = row.next_look_at
        rest = carefully(self.model.__name__, row.connection_id, lambda: self.turn(row))
        rows.filter(pk=pk, next_look_at=lease).update(next_look_at=Now() + max(rest, self.every))
        return True


def carefully(what: str, connection_id: int, work: Callable[[], object]) -> timedelta:
    """Do the work, and log its failure, which leaves out no other account; how long the provider asks to wait."""
    try:
        work()
    except Throttled as error:
        return error.retry_after
    except IntegrationError as error:
        log.info("%s of connection %s came to nothing: %s", what, connection_id, error.code)
    except Exception as error:
        log.error("%s of connection %s broke off: %s", what, connection_id, without_message(error))
    return timedelta()
