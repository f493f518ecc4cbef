"""Reconnect required: marks a connection whose access only a person can renew, and holds its deliveries."""

import logging

from django.db import transaction
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Connection
from integrations.reasons import Reason

log = logging.getLogger(__name__)


def mark_reconnect(connection: Connection, reason: Reason, *, generation: int | None = None) -> bool:
    """Ask for a reconnect, unless the tokens have changed since `generation` (default: the one loaded).

    False when somebody renewed or reconnected meanwhile: then what we saw says nothing of the present tokens.
    """
    seen = connection.generation if generation is None else generation
    same = Connection.objects.filter(pk=connection.pk, generation=seen, state=Connection.State.CONNECTED)
    with transaction.atomic():
        marked = same.update(
            state=Connection.State.RECONNECT,
            problem_code=reason.code,
            problem=reason.sentence,
            problem_at=Now(),
            refresh_lease=None,
            refresh_lease_until=None,
        )
        if marked:
            outbox.hold(connection, reason)
    if marked:
        connection.state = Connection.State.RECONNECT
        connection.problem_code, connection.problem = reason.code, reason.sentence
        log.warning("Connection %s must be connected again: %s.", connection.pk, reason.code)
    return bool(marked)
