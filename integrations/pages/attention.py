"""What each page of the admin says that somebody must see to; one query while all is well."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Value
from django.http import HttpRequest

from integrations.models import Connection, MessageHold
from integrations.outbox import held_messages
from integrations.pauses import message_hold

CONNECTION, HOLD = "connection", "hold"
NEEDS_A_PERSON = (Connection.State.RECONNECT, Connection.State.UNDECIDED)


@dataclass(frozen=True)
class Notice:
    """What each page says while messages are held. Without a `hold` it is the environment that asks for one."""

    hold: MessageHold | None
    count: int


@dataclass(frozen=True)
class Attention:
    """How many connections need a person, and the notice that messages are held."""

    connections: int = 0
    hold_notice: Notice | None = None


def of(request: HttpRequest) -> Attention:
    """For whoever may see connections; nothing for others."""
    if not request.user.has_perm("integrations.view_connection"):
        return Attention()
    troubled = Connection.objects.filter(state__in=NEEDS_A_PERSON).order_by().values_list(Value(CONNECTION), "pk")
    holds = MessageHold.objects.filter(is_on=True).order_by().values_list(Value(HOLD), "pk")
    found = [what for what, _ in troubled.union(holds, all=True)]
    hold = message_hold.current() if HOLD in found else None
    is_held = hold is not None or settings.HOLD_MESSAGES
    return Attention(found.count(CONNECTION), Notice(hold, held_messages.waiting().count()) if is_held else None)
