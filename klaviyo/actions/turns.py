"""Turns: whoever waits for a run at the other end of HTTP waits for a turn; a worker then goes on with the run.

It begins from its start, so it is handed over only while nothing was asked that must not be asked twice. After that it
goes through to its end where it is.
"""

import time

from integrations.wire.deadline import Deadline
from klaviyo.api.operation import Operation

#: Besides what reads: the same again leaves the same behind, and is told the same.
SAME_AGAIN = frozenset(
    {
        "create_or_update_profile",
        "add_profiles_to_list",
        "remove_profiles_from_list",
        "bulk_suppress_profiles",
        "query_metric_aggregates",
        "query_campaign_values",
        "query_flow_values",
        "render_template",
    }
)


class HandedOver(Exception):
    """The turn has passed, and a worker may begin the run from its start."""


class Turn(Deadline):
    """A deadline that ends early, until something is asked that must not be asked twice."""

    def __init__(self, seconds: float, turn: float) -> None:
        super().__init__(min(seconds, turn))
        self._at_last = time.monotonic() + seconds
        self.is_early = turn < seconds

    def go_through(self) -> None:
        """From here on it is a deadline as any other."""
        self._ends_at, self.is_early = self._at_last, False


def has_passed(deadline: Deadline) -> bool:
    """Whether what ran out of time has run out of its turn only."""
    return isinstance(deadline, Turn) and deadline.is_early


def is_harmless_again(operation: Operation) -> bool:
    return operation.method in ("GET", "PATCH") or operation.id in SAME_AGAIN
