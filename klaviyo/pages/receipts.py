"""The receipt of an erasure: what was removed here, and how far each account is."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from integrations import story
from integrations.models import Connection, Delivery
from klaviyo import erasing
from klaviyo.models import Erasure

State = Delivery.State
WORDS = {
    State.QUEUED: "Waits", State.SENDING: "Is asked now", State.ACCEPTED: "Asked, and taken", State.CONFIRMED: "Done",
    State.SKIPPED: "Not needed", State.HELD: "Held", State.FAILED: "Failed", State.CANCELLED: "Cancelled",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One account that was asked to delete the person too."""

    account: str
    delivery: Delivery
    words: str
    level: str


@dataclass(frozen=True)
class Receipt:
    """`removed` are names and counts; `is_done` when no account is still to answer."""

    erasure: Erasure
    removed: Sequence[tuple[str, int]]
    asked: Sequence[Asked]

    @property
    def is_done(self) -> bool:
        return all(asked.delivery.state not in (*Delivery.OPEN, State.FAILED) for asked in self.asked)

    @property
    def needs_somebody(self) -> bool:
        return any(asked.delivery.state in (State.HELD, State.FAILED) for asked in self.asked)


def of(erasure: Erasure) -> Receipt:
    removed = erasure.removed if isinstance(erasure.removed, dict) else {}
    counts = [(story.words(name), count) for name, count in removed.items() if isinstance(count, int) and count]
    rows = Delivery.objects.filter(source=str(erasure.uid), kind="erase").select_related("connection")
    return Receipt(erasure, counts, [_asked(row) for row in rows.order_by("connection__account_name", "pk")])


def accounts_to_ask() -> "QuerySet[Connection]":
    """The accounts that an erasure made now would go to."""
    return Connection.objects.filter(provider="klaviyo").exclude(state__in=erasing.GONE).order_by("account_name")


def _asked(delivery: Delivery) -> Asked:
    account = delivery.connection.account_name or delivery.connection.account_id
    return Asked(account, delivery, WORDS[State(delivery.state)], story.level(delivery))
