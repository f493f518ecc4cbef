"""Reading of accounts' lists: workers keep our copies of them, a few times a day and whenever somebody asks.

Klaviyo tells ten lists at a time, and finds none by a part of its name, so no page could ask it:
https://developers.klaviyo.com/en/reference/get_lists
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic as _now
from typing import Any, cast

from django.db.models.functions import Now

from integrations import shutdown
from integrations.errors import IntegrationError, Throttled
from integrations.models import Connection
from integrations.workers.rota import Rota
from klaviyo.api import lists, values
from klaviyo.api.client import Client
from klaviyo.api.lists import List
from klaviyo.models import AccountLists

EVERY = timedelta(hours=6)
AFTER_TROUBLE = timedelta(minutes=5)
LEASE = timedelta(minutes=3)
SHORT = timedelta(minutes=1)  # a wait within a reading; Klaviyo's budgets are by the second and the minute
SECONDS = 40.0  # of one turn; an account with more lists goes on with the next
LONGEST_NAME = 255  # as store settings hold it


def take_all() -> int:
    """Read the lists of every connected account that is due, until the time is up; of how many."""
    unread = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, lists=None)
    AccountLists.objects.bulk_create([AccountLists(connection=one) for one in unread], ignore_conflicts=True)
    return ROTA.take_all()


def ask(connection: Connection) -> None:
    """Have them read from the beginning as soon as a worker looks."""
    copy, is_new = AccountLists.objects.get_or_create(connection=connection)
    if not (is_new or copy.is_awaited):
        AccountLists.objects.filter(pk=copy.pk).update(asked_at=Now(), next_look_at=Now(), half={})


def kept(copy: AccountLists) -> tuple[List, ...]:
    return tuple(List(*row) for row in copy.lists)


def _read(copy: AccountLists) -> None:
    """What was read to its end takes the place of the copy; of one that is not complete, so does a part."""
    place, found = dict(copy.half.get("place", {})), [List(*row) for row in copy.half.get("lists", ())]
    ends_at, trouble, is_over = _now() + SECONDS, None, False
    try:
        is_over = _extend(found, lists.all_of(Client(copy.connection), place), ends_at)
    except IntegrationError as error:
        trouble = error
    rows, wait = _rows(found), trouble.retry_after if isinstance(trouble, Throttled) else timedelta()
    so_far: dict[str, Any] = {"lists": rows} if copy.read_at is None and rows else {}
    began_at = cast(datetime, copy.next_look_at) - LEASE  # it was set when the turn was taken
    if is_over:
        _note(copy, lists=rows, read_at=Now(), tried_at=began_at, problem="", half={})
    elif trouble is None or timedelta() < wait <= SHORT:
        _note(copy, half={"place": place, "lists": rows}, **so_far)
        _look_again(copy, wait)
    else:
        _note(copy, tried_at=began_at, problem=trouble.sentence, half={}, **so_far)
        _look_again(copy, max(wait, AFTER_TROUBLE))


def _extend(found: list[List], more: Iterable[List], ends_at: float) -> bool:
    """False where the time was up before the end."""
    for item in more:
        found.append(item)
        if _now() > ends_at or shutdown.asked():
            return False
    return True


def _rows(found: Iterable[List]) -> Sequence[Sequence[str]]:
    """Each once, in words that any database holds."""
    each = {item.id: item for item in found}.values()
    rows = [(item.id, values.text(item.name)[:LONGEST_NAME], values.text(item.opt_in_process)[:64]) for item in each]
    return sorted(rows, key=lambda row: (row[1].casefold(), row[0]))


def _note(copy: AccountLists, **fields: Any) -> None:
    AccountLists.objects.filter(pk=copy.pk).update(**fields)


def _look_again(copy: AccountLists, wait: timedelta) -> None:
    """Unless somebody asked meanwhile, who waits for no pause."""
    same = AccountLists.objects.filter(pk=copy.pk, next_look_at=copy.next_look_at)
    same.update(next_look_at=Now() + wait)


ROTA = Rota(AccountLists, _read, every=EVERY, lease=LEASE)
