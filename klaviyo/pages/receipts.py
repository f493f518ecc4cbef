"""Erasure receipt: what was removed here, and how far each account is."""

from collections.abc import Sequence
from dataclasses import dataclass

from integrations.models import Connection, Delivery
from integrations.pages import story
from klaviyo.delivery.erasure import erase
from klaviyo.mapping import contents
from klaviyo.models import Erasure

State = Delivery.State
WORDS = {
    State.QUEUED: "Waits",
    State.SENDING: "Is asked now",
    State.ACCEPTED: "Asked, and taken",
    State.CONFIRMED: "Done",
    State.SKIPPED: "Not asked",
    State.HELD: "Held",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}


@dataclass(frozen=True)
class Asked:
    """One account that was asked to delete the person too."""

    account: str
    delivery: Delivery
    words: str
    level: str


@dataclass(frozen=True)
class Receipt:
    """An erasure's receipt; `removed` are names and counts; `is_done` when no account is still to answer."""

    erasure: Erasure
    removed: Sequence[tuple[str, int]]
    asked: Sequence[Asked]

    @property
    def is_done(self) -> bool:
        return all(asked.delivery.state not in (*Delivery.OPEN, State.FAILED) for asked in self.asked)

    @property
    def is_partly_done(self) -> bool:
        """Whether an account was left out, so that somebody must delete the person there by hand."""
        return any(asked.delivery.reason_code == erase.NOT_CONNECTED.code for asked in self.asked)

    @property
    def needs_somebody(self) -> bool:
        return any(asked.delivery.state in (State.HELD, State.FAILED) for asked in self.asked)


def of(erasure: Erasure) -> Receipt:
    return of_all([erasure])[0]


def of_all(erasures: Sequence[Erasure]) -> list[Receipt]:
    """The receipts of many, in the same order; one query."""
    asked: dict[str, list[Asked]] = {str(erasure.uid): [] for erasure in erasures}
    rows = Delivery.objects.filter(source__in=asked, kind=contents.Erase.kind).select_related("connection")
    for row in rows.order_by("connection__account_name", "pk"):
        asked[row.source].append(_asked(row))
    return [Receipt(erasure, _removed(erasure), asked[str(erasure.uid)]) for erasure in erasures]


def accounts() -> list[tuple[Connection, bool]]:
    """The accounts that may know somebody, and whether an erasure made now would be asked of each."""
    rows = Connection.objects.filter(provider="klaviyo").order_by("account_name")
    return [(row, row.state not in Connection.ENDED) for row in rows]


def _removed(erasure: Erasure) -> list[tuple[str, int]]:
    counts = erasure.removed.items() if isinstance(erasure.removed, dict) else ()
    return [(story.words(name), count) for name, count in counts if isinstance(count, int) and count]


def _asked(delivery: Delivery) -> Asked:
    account = delivery.connection.account_name or delivery.connection.account_id
    level = "warn" if delivery.state == State.SKIPPED else story.level(delivery)
    return Asked(account, delivery, WORDS[State(delivery.state)], level)
