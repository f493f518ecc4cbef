"""Repeated erasure: each is done once more some minutes later, for what was being written when it looked.

A transaction that is open while an erasure commits is seen by neither of the two:
https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
Whoever has come back since, as somebody new, stays.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower, Now

from integrations import outbox
from integrations.encryption import Undecryptable
from integrations.models import Delivery
from klaviyo.consent import owed_erasures
from klaviyo.delivery.erasure import action_runs, erase, owed
from klaviyo.mapping import orders, property_names
from klaviyo.models import Erasure, StoreSetting
from referrals import erased, suppressions
from referrals.lifecycle import erasure
from referrals.models import Advocate

State = Delivery.State

AFTER = timedelta(minutes=10)  # longer than a host's transaction may be open
IS_OVER = timedelta(hours=1)  # after an erasure it has been repeated for long
AT_ONCE = 500


def go_on() -> None:
    """What is not done yet of erasures: what was cancelled is owed again, each is repeated, then the address goes."""
    unfinished = list(
        Erasure.objects.filter(Q(repeated_at=None) | ~Q(address="")).order_by("pk").values_list("pk", flat=True)
    )
    for first in range(0, len(unfinished), AT_ONCE):
        some = unfinished[first : first + AT_ONCE]
        owed.mend(Erasure.objects.in_bulk(some).values())
        for pk in Erasure.objects.filter(pk__in=some, repeated_at=None, requested_at__lt=Now() - AFTER).values_list(
            "pk", flat=True
        ):
            once_more(pk)
        owed.forget_done(Erasure.objects.in_bulk(some).values())


@transaction.atomic
def once_more(pk: int) -> None:
    """Erase what came meanwhile; accounts that may have heard of it are asked to delete the person again."""
    waiting = Erasure.objects.filter(pk=pk, repeated_at=None).select_for_update(skip_locked=True, of=("self",))
    receipt = waiting.first()
    if receipt is None or owed.is_in_hand(receipt):
        return
    if email := _address(receipt):
        found = erasure.erase_what_came_meanwhile(email, receipt.requested_at)
        if reached := _reached(found):
            _ask_again(receipt, email, reached)
        property_names.forget(email)  # also what a worker has just written of them
        action_runs.forget(email, receipt.requested_at + erased.MARGIN)  # also what no fact tells of
    Erasure.objects.filter(pk=pk).update(repeated_at=Now())


def _address(receipt: Erasure) -> str:
    """Whose it was; nothing where it was not kept, or nobody can read it."""
    try:
        return receipt.address
    except Undecryptable:
        return ""


def _reached(facts: Iterable[UUID]) -> set[int]:
    """Connections of accounts to which something may have gone that makes a profile of the person.

    What was on their own profile has no subject any more; of what was on somebody else's, it is theirs.
    """
    own = Delivery.objects.filter(subject="", source__in=[str(uid) for uid in facts])
    tried = own.filter(Q(attempts__isnull=False) | Q(state__in=(State.ACCEPTED, State.CONFIRMED)))
    return set(tried.values_list("connection", flat=True))


def _ask_again(receipt: Erasure, email: str, connections: Iterable[int]) -> None:
    """The deletion takes along who came back, so the account hears of them anew."""
    for connection in owed.accounts().filter(pk__in=connections):
        if not owed_erasures.ask_again(receipt, connection, erase.due_at(connection)):
            outbox.add(connection.pk, [erase.order(receipt, connection, email)])
    back = Advocate.objects.alias(address=Lower("email")).filter(address__in=suppressions.spellings(email))
    for advocate in back.select_related("program__store"):
        for setting in StoreSetting.objects.filter(
            store=advocate.program.store_id, is_enabled=True, connection__in=connections
        ):
            outbox.add(setting.connection_id, [orders.of_profile(advocate, setting)])
