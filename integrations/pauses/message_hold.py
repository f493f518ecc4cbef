"""Message hold: nothing goes to people until an operator says so; facts, people's noes and erasures go on.

It is for a database that was restored: what its copy lacks may have gone out already, or have been a person's no. The
hold is a row, which every worker reads right before a message leaves.
"""

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.models import MessageHold
from integrations.outcomes import CalledOff, Retry
from integrations.pauses import alarms, database_mark
from integrations.pauses.database_mark import Restored
from integrations.reasons import Who, declare

HELD_BACK = declare(
    "messages_held",
    "Messages are held",
    "Messages to people are held until an operator releases them.",
    because="messages to people are held until an operator releases them",
    means="The database was restored or has moved, or somebody holds the messages. So that nobody gets a message "
    "twice, or after a no that was lost, all messages to people wait. Facts, opt-outs and erasures go on.",
    who=Who.OPERATOR,
    do="Look at what the notice at the top of the page says; then release the messages.",
)
WAITS = Retry(HELD_BACK, timedelta(minutes=1), refund=True)
TO_DO = "They wait until an operator releases them, in the admin under Integrations."
FORCED = "HOLD_MESSAGES is set in the environment of a worker."


def is_on() -> bool:
    """Whether messages to people are held now."""
    return bool(settings.HOLD_MESSAGES) or MessageHold.objects.filter(is_on=True).exists()


def current() -> MessageHold | None:
    """The hold that is on, if there is one."""
    return MessageHold.objects.filter(is_on=True).first()


def last_look() -> None:
    """Right before a message leaves. Raises CalledOff while messages are held; counts the message otherwise."""
    notice()
    if is_on():
        raise CalledOff(WAITS)
    database_mark.count()


def look() -> None:
    """At each sweep: is the database still the same, and as far as it was? Messages are held when it is not."""
    notice()
    database_mark.count()


def notice() -> None:
    """Begin a hold where the database was restored, or the environment asks for one."""
    if database_mark.trouble():
        with transaction.atomic():  # what is noted as seen and the hold: both or neither
            if restored := database_mark.seen():
                begin(restored.sentence, restored)
    if settings.HOLD_MESSAGES and current() is None:
        begin(FORCED)


def begin(because: str, restored: Restored | None = None) -> MessageHold:
    """Hold all messages to people from now on. Of a hold that is on already, the reasons are added up."""
    times = {
        "copy_ends_at": restored.copy_ends_at if restored else database_mark.counted_at(),
        "lost_until": restored.lost_until if restored else None,
    }
    try:
        with transaction.atomic():  # a savepoint: without one PostgreSQL refuses all that comes after an error
            hold = MessageHold.objects.create(because=because, **times)
    except IntegrityError:
        return _add(because, times) or begin(because, restored)
    transaction.on_commit(partial(alarms.ring, "Messages to people are held", f"{because} {TO_DO}"))
    return hold


def end(hold: MessageHold, by: User | None) -> bool:
    """Let messages go from now on; False when somebody has done it before."""
    rows = MessageHold.objects.filter(pk=hold.pk, is_on=True)
    return bool(rows.update(is_on=False, released_at=timezone.now(), released_by=by))


@transaction.atomic
def _add(because: str, times: dict[str, datetime | None]) -> MessageHold | None:
    """To the hold that is on; None when it has just ended."""
    hold = MessageHold.objects.select_for_update().filter(is_on=True).first()
    if hold is None:
        return None
    if because not in hold.because:
        hold.because = f"{hold.because} {because}"
    for name, at in times.items():
        setattr(hold, name, getattr(hold, name) or at)
    hold.save(update_fields=["because", *times])
    return hold
