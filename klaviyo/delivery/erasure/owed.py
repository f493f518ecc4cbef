"""Owed erasures: each account has one delivery of an erasure, and is owed it until it was asked, or knew nobody.

An operator can delay it and never cancel it: what was cancelled all the same is queued again by a sweep.
"""

import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from integrations import outcomes
from integrations.models import Attempt, Connection, Delivery
from integrations.outcomes import Outcome, Skipped
from integrations.reasons import Who, declare
from klaviyo.mapping import contents
from klaviyo.models import Erasure
from referrals import person_key

State = Delivery.State

NOT_CONNECTED = Skipped(  # as earlier versions left it: without the address, and never asked
    declare(
        "not_connected",
        "Account not connected",
        "The account is not connected, and was not asked. Delete the person there.",
        because="the account is not connected",
        means="An account that is not connected cannot be asked.",
        who=Who.ACCOUNT,
        do="Delete the person there by hand.",
    )
)
NOT_ASKABLE = Skipped(
    declare(
        "not_askable",
        "Not askable",
        "No account takes an address like this one, so none can be asked.",
        because="no account takes an address like theirs",
        means="So none can have a profile with it.",
        who=Who.NOBODY,
    )
)
TAKEN = Q(state__in=(State.ACCEPTED, State.CONFIRMED)) | Q(state=State.SKIPPED, reason_code=NOT_ASKABLE.code)


def is_owed(delivery: Delivery) -> bool:
    """Whether the account has yet to hear of the erasure."""
    if delivery.state == State.SKIPPED:
        return delivery.reason_code != NOT_ASKABLE.code
    return delivery.state not in (State.ACCEPTED, State.CONFIRMED)


def waiting(connections: Collection[int], emails: Iterable[str], states: Collection[State] = Delivery.OPEN) -> set[str]:
    """Of these people, the keys of those whose deletion one of the accounts is about to be asked for."""
    owners = person_key.owners(emails)
    found = Erasure.objects.filter(person_key.stored("mailbox_hash", owners))
    receipts = {
        uid: owners[version, key] for uid, version, key in found.values_list("uid", "key_version", "mailbox_hash")
    }
    if not receipts:
        return set()
    asking = _of(map(str, receipts)).filter(connection__in=connections, state__in=states)
    going = [receipts[uuid.UUID(source)] for source in asking.values_list("source", flat=True)]
    return {person_key.of(email) for emails in going for email in emails}


def taken(delivery: Delivery, outcome: Outcome) -> None:
    """The account has deleted the person: so it has done what older erasures of theirs could not have it do."""
    receipt = Erasure.objects.filter(uid=delivery.source).first()
    if receipt is None:
        return
    older = Erasure.objects.filter(
        mailbox_hash=receipt.mailbox_hash, key_version=receipt.key_version, pk__lt=receipt.pk
    )
    rows = _of(_sources(older)).filter(connection=delivery.connection_id).exclude(TAKEN)
    rows.exclude(state__in=Delivery.OPEN).update(
        state=outcome.state, settled_at=Now(), subject="", **outcomes.words(outcome)
    )


def accounts() -> "QuerySet[Connection]":
    """The accounts that may know somebody from us: all that were ever connected, whatever became of them."""
    used = Exists(Delivery.objects.filter(connection=OuterRef("pk"))) | Exists(
        Attempt.objects.filter(connection=OuterRef("pk"))
    )
    return Connection.objects.filter(used | Q(connected_at__isnull=False), provider="klaviyo")


def is_in_hand(receipt: Erasure) -> bool:
    """Whether an account is being asked right now."""
    return _of([str(receipt.uid)]).filter(state=State.SENDING).exists()


def mend(receipts: Collection[Erasure]) -> None:
    """Queue again what was cancelled, and take addresses that stand on deliveries over to their receipts."""
    by_source = {str(receipt.uid): receipt for receipt in receipts}
    for row in _of(by_source).exclude(TAKEN).exclude(state=State.SENDING):
        receipt = by_source[row.source]
        with transaction.atomic():
            if row.subject and not receipt.is_address_kept:
                receipt.address = person_key.mailbox(row.subject)
                receipt.save(update_fields=["address"])
            _mend(row, receipt)


def forget_done(receipts: Collection[Erasure]) -> None:
    """Whom it was about is kept no longer than an account is owed it."""
    by_source = {str(receipt.uid): receipt for receipt in receipts}
    open_ones = set(_of(by_source).exclude(TAKEN).values_list("source", flat=True))
    done = [receipt.pk for source, receipt in by_source.items() if source not in open_ones]
    Erasure.objects.filter(pk__in=done, repeated_at__isnull=False).update(address="")


def _mend(row: Delivery, receipt: Erasure) -> None:
    same = Delivery.objects.filter(pk=row.pk, state=row.state)
    if not receipt.is_address_kept:
        return
    change: dict[str, Any] = {"subject": ""} if row.subject else {}
    if row.state == State.CANCELLED:
        again = {"state": State.QUEUED, "next_try_at": Now(), "settled_at": None, "lease": None}
        change |= {**again, "reason_code": "", "reason": ""}
    if change:
        same.update(**change)


def _of(sources: Iterable[str]) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(source__in=list(sources), kind=contents.Erase.kind)


def _sources(receipts: "QuerySet[Erasure]") -> list[str]:
    return [str(uid) for uid in receipts.values_list("uid", flat=True)]
