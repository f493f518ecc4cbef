"""The notice that stands on each page of the admin while messages to people are held."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from integrations.models import MessageHold
from integrations.outbox import held_messages
from integrations.pauses import message_hold


@dataclass(frozen=True)
class Notice:
    """What each page says while messages are held. Without a `hold` it is the environment that asks for one."""

    hold: MessageHold | None
    count: int


def of(request: HttpRequest) -> Notice | None:
    """For whoever may see connections; nothing while messages flow."""
    if not request.user.has_perm("integrations.view_connection"):
        return None
    hold = message_hold.current()
    if hold is None and not settings.HOLD_MESSAGES:
        return None
    return Notice(hold, held_messages.waiting().count())
