"""Audit log: who did what, in the admin's own history, with the count and the cause, and nobody's data."""

from collections.abc import Callable
from typing import cast

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from integrations.models import Connection, Delivery

SIGNED_IN = "Signed in."
LONGEST = 200  # of what an entry is about, as Django's column holds it

Act = Callable[["QuerySet[Delivery]"], int]


def note(request: HttpRequest, row: Model, sentence: str) -> None:
    """Write an entry of the row's history, by the user who is signed in."""
    user = cast(User, request.user)  # signed in: `for_operators` has seen to it
    rows = type(row)._default_manager.filter(pk=row.pk)
    LogEntry.objects.log_actions(user.pk, rows, CHANGE, sentence, single_object=True)


def note_of_none(request: HttpRequest, about: str, sentence: str) -> None:
    """Write an entry that is about no row of ours, such as a list that was exported."""
    user = cast(User, request.user)
    LogEntry.objects.create(
        user_id=user.pk, object_repr=about[:LONGEST], action_flag=CHANGE, change_message=sentence, content_type=None
    )


def note_of_signing_in(request: HttpRequest | None, user: User) -> None:
    """Somebody has signed in; a session that code makes for itself has no address that anybody asked for."""
    if request is not None and request.path:
        rows = User.objects.filter(pk=user.pk)
        LogEntry.objects.log_actions(user.pk, rows, CHANGE, SIGNED_IN, single_object=True)


@transaction.atomic
def one(request: HttpRequest, row: Model, delivery: Delivery, act: Act, done: str) -> int:
    """Act on one delivery, and note it on the row whose page the button was on; 0 when it was not to be done."""
    count = act(Delivery.objects.filter(pk=delivery.pk))
    if count:
        note(request, row, f"{done}. It was {cause(delivery.state, delivery.reason_code)}.")
    return count


def many(request: HttpRequest, rows: "QuerySet[Delivery]", act: Act, done: str, why: str) -> int:
    """Act on deliveries, and note on each connection how many of its own that were, and why; how many in all."""
    concerned = list(Connection.objects.filter(pk__in=rows.order_by().values("connection")))
    return sum(_of_connection(request, connection, rows, act, f"{done} ({why})") for connection in concerned)


def cause(state: str, code: str) -> str:
    """Where deliveries stood, and for what reason."""
    return f"{state}, {code}" if code else state


@transaction.atomic
def _of_connection(
    request: HttpRequest, connection: Connection, rows: "QuerySet[Delivery]", act: Act, done: str
) -> int:
    count = act(rows.filter(connection=connection))
    if count:
        note(request, connection, f"{done}: {count:,}.")
    return count
