"""Backfill of a store's advocates: begun by a person, continued by whichever worker has time."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Now

from integrations import outbox
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from klaviyo.imports import backfill_chunks, backfill_facts
from klaviyo.imports.backfill_facts import Busy, Span
from klaviyo.models import Backfill, StoreSetting

State = Backfill.State

DONE = F("told") + F("left_out") + F("facts_seen")


class NotPossible(Exception):
    """A backfill cannot begin now; the message is a sentence that says why."""


def begin(setting: StoreSetting, by: User | None = None, span: Span | None = None) -> Backfill:
    """Begin a walk, or find the one that is under way. Raises NotPossible."""
    row, _ = begin_or_find(setting, by, span)
    return row


def begin_or_find(setting: StoreSetting, by: User | None = None, span: Span | None = None) -> tuple[Backfill, bool]:
    """The walk of the setting, and whether it has begun just now. Raises NotPossible."""
    if why := impossible(setting):
        raise NotPossible(why)
    if found := under_way(setting):
        return found, False
    people = backfill_chunks.advocates(setting)
    try:
        with transaction.atomic():
            row = Backfill.objects.create(
                setting=setting,
                upto=people.aggregate(last=Max("pk"))["last"] or 0,
                people=people.count(),
                facts_since=span.since if span else None,
                facts_until=span.until if span else None,
                facts=backfill_facts.number(setting, span) if span else 0,
                begun_by=by,
            )
    except IntegrityError:  # by the constraint of one under way: somebody, or a second click, was as quick
        if found := under_way(setting):
            return found, False
        raise
    Backfill.objects.filter(pk=row.pk).update(went_on_at=Now())
    return row, True


def impossible(setting: StoreSetting) -> str:
    """Why none can begin now, in a sentence; empty where one can."""
    if not setting.is_enabled:
        return f"{setting} is switched off. Switch it on in the store's settings first."
    if setting.connection.state != Connection.State.CONNECTED:
        return f"{setting}: {outbox.waiting_for(setting.connection)}"
    return ""


def under_way(setting: StoreSetting) -> Backfill | None:
    return Backfill.objects.filter(setting=setting, state__in=Backfill.UNDER_WAY).first()


def pause(pk: int, by: User | None = None) -> bool:
    """Begin no further chunk; False where it is not running."""
    running = Backfill.objects.filter(pk=pk, state=State.RUNNING)
    return bool(running.update(state=State.PAUSED, changed_by=by, problem=""))


def resume(pk: int, by: User | None = None) -> bool:
    """Go on where it was; False where it is not paused."""
    paused = Backfill.objects.filter(pk=pk, state=State.PAUSED)
    return bool(paused.update(state=State.RUNNING, changed_by=by, problem="", went_on_at=Now(), done_before=DONE))


def cancel(pk: int, by: User | None = None) -> bool:
    """End it for good; what the account has been told stays there. False where it has ended already."""
    open_ones = Backfill.objects.filter(pk=pk, state__in=Backfill.UNDER_WAY)
    return bool(open_ones.update(state=State.STOPPED, changed_by=by, problem="", ended_at=Now()))


def go_on(is_over: Callable[[], bool]) -> None:
    """Work at what is under way, one walk after the other, until `is_over` says so; who had no turn for long first."""
    running = Backfill.objects.filter(state=State.RUNNING).order_by(F("worked_at").asc(nulls_first=True), "pk")
    for pk in list(running.values_list("pk", flat=True)):
        try:
            while not is_over() and step(pk):
                pass
        except IntegrationError as error:
            Backfill.objects.filter(pk=pk, state=State.RUNNING).update(problem=error.sentence)


def step(pk: int) -> bool:
    """Tell of the next some; False when there is nothing left, or somebody else is at it.

    Raises IntegrationError; then nobody has been passed over.
    """
    mine = Backfill.objects.filter(pk=pk, state=State.RUNNING)
    free = mine.filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
    if not free.update(lease_until=Now() + backfill_chunks.LEASE, worked_at=Now()):
        return False
    try:
        backfill = Backfill.objects.select_related("setting__connection", "setting__store").get(pk=pk)
        if backfill.setting.connection.state != Connection.State.CONNECTED or not backfill.setting.is_enabled:
            mine.update(problem=_waits_for(backfill.setting))
            return False
        if why := by_hand.until_resumed(backfill.setting.connection):
            mine.update(problem=why)
            return False
        return _step(backfill)
    except CalledOff:
        return True  # read anew, those who have changed are as they are now
    finally:
        Backfill.objects.filter(pk=pk).update(lease_until=None)  # whatever its state by now


def _step(backfill: Backfill) -> bool:
    """People first, and then what they did."""
    mine = Backfill.objects.filter(pk=backfill.pk, state=State.RUNNING)
    if backfill_chunks.tell(backfill):
        return True
    try:
        is_more = backfill_facts.tell(backfill)
    except Busy as reason:
        mine.update(problem=str(reason))
        return False
    if is_more:
        if not backfill.facts_seen:  # its pace is another from here on
            mine.update(went_on_at=Now(), done_before=DONE)
        return True
    mine.filter(reached=backfill.reached).update(state=State.DONE, ended_at=Now(), problem="")
    return False


def _waits_for(setting: StoreSetting) -> str:
    if setting.connection.state != Connection.State.CONNECTED:
        return outbox.waiting_for(setting.connection)
    return "The store is switched off for this account. It goes on when the store is switched on again."
