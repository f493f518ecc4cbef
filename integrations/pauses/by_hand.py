"""Pause by hand: an operator stops all that goes to an account, but for what people asked for themselves.

It is a row like every pause: what waits stays queued as it is. Each request that tells of a delivery looks for the row
once more (`outbox.leasing.check`), so that nothing of a batch that was claimed before goes out after.
"""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from integrations import pauses, providers
from integrations.models import Connection, Delivery, Pause
from integrations.outcomes import Retry
from integrations.reasons import Who, declare

PAUSED = declare(
    "paused",
    "Paused",
    "An operator has paused this account.",
    because="an operator has paused the account",
    means="Somebody of the staff pressed Pause. What waits stays as it is, and nothing goes until somebody resumes it, "
    "but for unsubscribes and erasures.",
    who=Who.OPERATOR,
    do="Resume it on the account's page.",
)
WAITS = Retry(PAUSED, timedelta(0), refund=True)
FOR_GOOD = datetime(3000, 1, 1, tzinfo=UTC)  # until somebody resumes it


def begin(connection: Connection, by: User) -> bool:
    """Stop; False when somebody has done so before."""
    said = {"until": FOR_GOOD, "code": PAUSED.code, "sentence": f"Paused by {by.get_username()}."}
    which = {"connection": connection, "kind": pauses.BY_HAND, "backlog_only": False}
    _, is_new = Pause.objects.get_or_create(**which, defaults=said)
    return is_new


def end(connection: Connection) -> bool:
    """Go on; False when it was not stopped."""
    rows = Pause.objects.filter(connection=connection, kind=pauses.BY_HAND)
    return bool(rows.delete()[0])


def hand_on(old: Connection, new: Connection) -> None:
    """Whoever takes the place of a paused account is paused as well: some of what waits goes along."""
    if pause := of(old):
        said = {"until": FOR_GOOD, "code": pause.code, "sentence": pause.sentence}
        Pause.objects.get_or_create(connection=new, kind=pauses.BY_HAND, backlog_only=False, defaults=said)


def of(connection: Connection) -> Pause | None:
    return Pause.objects.filter(connection=connection, kind=pauses.BY_HAND).first()


def until_resumed(connection: Connection) -> str:
    """Why what is done some at a time waits, in a sentence; empty where it may go on."""
    pause = of(connection)
    return f"{pause.sentence} It goes on when somebody resumes the account." if pause else ""


def keeping(delivery: Delivery) -> Pause | None:
    """The pause for which a delivery waits, if it is one that would go otherwise."""
    is_free = delivery.state != Delivery.State.QUEUED or delivery.kind in providers.persons_acts()
    return None if is_free else of(delivery.connection)


def there(connection: str) -> Exists:
    """Whether a row's connection is paused by hand, for a query; `connection` is that column of the row."""
    return Exists(Pause.objects.filter(connection=OuterRef(connection), kind=pauses.BY_HAND))


def lets_go() -> Q:
    """Whether a delivery may go as far as this is concerned, for a query."""
    return Q(kind__in=providers.persons_acts()) | Q(~there("connection"))
