"""Remedies: what an operator can press about deliveries that stand, judged by their reason and their account."""

from enum import StrEnum

from integrations import reasons
from integrations.models import Connection, Delivery
from integrations.reasons import Who

State = Delivery.State


class Remedy(StrEnum):
    """RETRY is called for; AGAIN may be tried, but nothing asks for it."""

    RECONNECT = "reconnect"
    DECIDE = "decide"
    RETRY = "retry"
    AGAIN = "again"
    NONE = ""


def of(connection: Connection, state: str, code: str) -> Remedy:
    """What helps a delivery in this state, for this reason. Nothing goes out before its account is connected."""
    if state not in (State.QUEUED, State.HELD, State.FAILED, State.SKIPPED):
        return Remedy.NONE
    reason = reasons.of(code)
    who = reason.who
    if state == State.SKIPPED and (who == Who.NOBODY or reason.is_for_good):
        return Remedy.NONE
    if connection.state == Connection.State.UNDECIDED:
        return Remedy.DECIDE
    if not connection.is_connected or (state == State.HELD and who == Who.RECONNECT):
        return Remedy.RECONNECT
    return Remedy.RETRY if state in (State.HELD, State.FAILED) else Remedy.AGAIN
