"""Erasure receipt: what was removed here, and how far each account is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrations.models import Connection, Delivery
from integrations.pages import story
from klaviyo.delivery.erasure import further_address, owed
from klaviyo.delivery.erasure.deletion_request import NOT_KNOWN
from klaviyo.mapping import contents
from klaviyo.models import Erasure

State = Delivery.State
WORDS = story.STATES | {State.CANCELLED: story.STATES[State.QUEUED]}  # what is cancelled is queued again
CAN_WAIT = (State.QUEUED, State.HELD, State.CANCELLED)
KNEW_NOBODY = "Not known there"
NOT_NOW = (
    "It is not connected now, and is told first when it comes back. Until then it is owed: "
    "delete the person there by hand."
)


@dataclass(frozen=True)
class Asked:
    """One account that was asked to delete the person too, or is still owed that."""

    account: str
    delivery: Delivery
    words: str
    level: str
    why: str

    @property
    def is_owed(self) -> bool:
        return owed.is_owed(self.delivery)

    @property
    def is_away(self) -> bool:
        """Whether it cannot be asked now, or never could be."""
        return self.is_owed and (not self.delivery.connection.is_connected or self.delivery.state == State.SKIPPED)

    @property
    def asks(self) -> bool:
        """Whether somebody must say what is to become of a profile that has another address first."""
        return not self.is_away and further_address.asks(self.delivery)

    @property
    def needs_somebody(self) -> bool:
        return self.is_owed and not self.is_away and self.delivery.state in (State.HELD, State.FAILED)


@dataclass(frozen=True)
class Receipt:
    """An erasure's receipt; `removed` are names and counts; `is_done` when no account is owed it any more."""

    erasure: Erasure
    removed: Sequence[tuple[str, int]]
    asked: Sequence[Asked]

    @property
    def is_done(self) -> bool:
        return not any(asked.is_owed for asked in self.asked)

    @property
    def is_partly_done(self) -> bool:
        """Whether an account cannot be asked now, so that somebody should delete the person there by hand."""
        return any(asked.is_away for asked in self.asked)

    @property
    def needs_somebody(self) -> bool:
        return any(asked.needs_somebody for asked in self.asked)


def of(erasure: Erasure) -> Receipt:
    return of_all([erasure])[0]


def of_all(erasures: Sequence[Erasure]) -> list[Receipt]:
    """The receipts of many, in the same order; one query."""
    asked: dict[str, list[Asked]] = {str(erasure.uid): [] for erasure in erasures}
    rows = Delivery.objects.filter(source__in=asked, kind=contents.Erase.kind).select_related("connection")
    for row in rows.order_by("connection__account_name", "pk"):
        asked[row.source].append(_asked(row))
    return [Receipt(erasure, _removed(erasure), asked[str(erasure.uid)]) for erasure in erasures]


def owed_among(deliveries: Iterable[Delivery]) -> list[Asked]:
    """The accounts that have yet to hear that a person was erased, each once: what their erasures' deliveries say."""
    rows = [row for row in deliveries if row.kind == contents.Erase.kind and owed.is_owed(row)]
    rows.sort(key=lambda row: (row.connection.account_name, row.pk))
    return list({row.connection_id: _asked(row) for row in rows}.values())


def accounts() -> list[tuple[Connection, bool]]:
    """The accounts that may know somebody, and whether an erasure made now would be asked of each at once."""
    return [(row, row.is_connected) for row in owed.accounts().order_by("account_name")]


def _removed(erasure: Erasure) -> list[tuple[str, int]]:
    counts = erasure.removed.items() if isinstance(erasure.removed, dict) else ()
    return [(story.words(name), count) for name, count in counts if isinstance(count, int) and count]


def _asked(delivery: Delivery) -> Asked:
    account = delivery.connection.account_name or delivery.connection.account_id
    if owed.is_owed(delivery) and delivery.state in CAN_WAIT and not delivery.connection.is_connected:
        return Asked(account, delivery, WORDS[State.SKIPPED], "warn", NOT_NOW)
    words = KNEW_NOBODY if delivery.reason_code == NOT_KNOWN.code else WORDS[State(delivery.state)]
    level = "warn" if delivery.state in (State.SKIPPED, State.CANCELLED) else story.level(delivery)
    return Asked(account, delivery, words, level, delivery.reason)
