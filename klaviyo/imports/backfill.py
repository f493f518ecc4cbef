"""Backfill of a store's advocates: begun by a person, continued by whichever worker has time."""

from collections.abc import Callable

from django.db.models import Max, Q
from django.db.models.functions import Now

from integrations import outbox
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from klaviyo.imports import backfill_chunks
from klaviyo.models import Backfill, StoreSetting


class NotPossible(Exception):
    """A backfill cannot begin now; the message is a sentence that says why."""


def begin(setting: StoreSetting) -> Backfill:
    """Begin a walk, or go on with the one that is under way. Raises NotPossible."""
    if not setting.is_enabled:
        raise NotPossible(f"{setting} is switched off. Switch it on in the store's settings first.")
    if setting.connection.state != Connection.State.CONNECTED:
        raise NotPossible(f"{setting}: {outbox.waiting_for(setting.connection)}")
    if running := Backfill.objects.filter(setting=setting, state=Backfill.State.RUNNING).first():
        return running
    return Backfill.objects.create(
        setting=setting, upto=backfill_chunks.advocates(setting).aggregate(last=Max("pk"))["last"] or 0
    )


def go_on(is_over: Callable[[], bool]) -> None:
    """Work at what is under way, one walk after the other, until `is_over` says so."""
    running = Backfill.objects.filter(state=Backfill.State.RUNNING).order_by("pk")
    for pk in running.values_list("pk", flat=True):
        try:
            while not is_over() and step(pk):
                pass
        except IntegrationError as error:
            running.filter(pk=pk).update(problem=error.sentence)


def step(pk: int) -> bool:
    """Tell of the next some thousands; False when there is nothing left, or somebody else is at it.

    Raises IntegrationError; then nobody has been passed over.
    """
    mine = Backfill.objects.filter(pk=pk, state=Backfill.State.RUNNING)
    free = mine.filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
    if not free.update(lease_until=Now() + backfill_chunks.LEASE):
        return False
    try:
        backfill = Backfill.objects.select_related("setting__connection", "setting__store").get(pk=pk)
        if backfill.setting.connection.state != Connection.State.CONNECTED or not backfill.setting.is_enabled:
            mine.update(problem=outbox.waiting_for(backfill.setting.connection))
            return False
        if pause := by_hand.of(backfill.setting.connection):
            mine.update(problem=f"{pause.sentence} It goes on when somebody resumes the account.")
            return False
        if not backfill_chunks.tell(backfill):
            mine.filter(reached=backfill.reached).update(state=Backfill.State.DONE, ended_at=Now(), problem="")
            return False
        return True
    except CalledOff:
        return True  # read anew, those who have changed are as they are now
    finally:
        mine.update(lease_until=None)
