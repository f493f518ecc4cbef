"""Erasure of a person: their records here, messages that wait for them, and a deletion queued for each account."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox, outcomes
from integrations.models import Connection, Delivery, Place
from integrations.outbox import Order
from integrations.outcomes import Cancelled
from klaviyo.api import values
from klaviyo.confirmation.match import NOT_CONFIRMED
from klaviyo.consent import owed_erasures, suppression
from klaviyo.delivery.erasure import action_runs, further_address, owed, synced_rows
from klaviyo.mapping import contents, orders, property_names
from klaviyo.mapping.contents import message_of
from klaviyo.mapping.events import Recorded
from klaviyo.models import BackfillProblem, ConsentDecision, Erasure, HeardNo, Notice, Send
from klaviyo.profiles.batch import NOT_JOINED
from referrals import erased, lifecycle, person_key, suppressions
from referrals.models import OptOut, Visit

State = Delivery.State

ON_THE_WIRE = timedelta(seconds=30)  # by then no request about the person is under way any more
KEPT_OPTIONS = ("store", "sync", "metric", "message")
SAYS_WHO = {"recipient_email", "advocate_name", "share_link", "landing_page", "referrer"}
AT_ONCE = 500
ERASED = Cancelled(suppression.ERASED.saying("A person whom it names was erased at their own wish."))


@transaction.atomic
def erase(email: str, by: AbstractBaseUser | None) -> Erasure:
    """Erase the person and give the receipt. Raises ValidationError for what is no address.

    Every account is owed the deletion. One that is not connected hears of it when it is again: what is queued for it
    is held by the next sweep.
    """
    done = lifecycle.erase(email)
    removed = {name: count for name, count in done.counts.items() if count}
    receipt = Erasure.objects.create(
        mailbox_hash=done.mailbox_hash,
        requested_by_id=by.pk if by else None,
        requested_at=done.at,
        removed=removed,
    )
    receipt.address = person_key.mailbox(email.strip())
    receipt.save(update_fields=["address"])
    for connection in owed.accounts():
        outbox.add(connection.pk, [order(receipt, connection, receipt.address)])
    return receipt


def forget(email: str, facts: Iterable[uuid.UUID], until: datetime | None = None) -> None:
    """Cancel what waits for the person, and take them out of every record here: orders, decisions, notices.

    With `until`, what is about nothing but these facts and what was stored by then.
    """
    sources, names = list(facts), spellings(email)
    _forget_address(email, until)  # before what waits: whoever tells of it holds it, and is seen below
    if until is None or not erased.has_come_back(email):
        sources += _noes(email)
        synced_rows.forget(email)
    about = _about(names, sources, until)
    # Whoever held one of them may just have added another, which a second query sees:
    # https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    list(about.values_list("pk"))
    rows = list(about)
    further_address.forget_evidence(names)
    own = {person_key.mailbox(spelling) for spelling in names} | _as_before(email)
    mine = [row for row in rows if person_key.mailbox(row.subject) in own]
    action_runs.forget(email, until)  # while notices still say which profile is theirs
    _forget_sends(_sends(mine, sources), names, until)
    blank(mine)
    property_names.forget(email)
    BackfillProblem.objects.filter(advocate__uid__in=sources).delete()  # Klaviyo's words may quote what it refused
    _unname([row for row in rows if person_key.mailbox(row.subject) not in own])


def spellings(email: str) -> set[str]:
    """How deliveries may name the person."""
    return suppressions.spellings(email) | {email, values.address(email)}


def _noes(email: str) -> list[uuid.UUID]:
    """The ids of what is kept by the person's key alone: where it was told again, that says the address."""
    kept = OptOut.objects.filter(person_key.stored("person", person_key.every(email)))
    return list(kept.values_list("uid", flat=True))


def _as_before(email: str) -> set[str]:
    """How older rows name the person, by a domain that was taken for theirs; unless that is somebody else's here."""
    older = {read(email) for read in person_key.READINGS.values()} - {person_key.mailbox(email)}
    return {mailbox for mailbox in older if not erased.has_come_back(mailbox)}


def address(email: str) -> str:
    """The one spelling by which accounts are asked to delete the person."""
    return values.address(person_key.mailbox(email))


def forget_notices(emails: Iterable[str], profiles: Iterable[str], until: datetime | None = None) -> None:
    """What accounts have told us of the person."""
    told = Notice.objects.filter(Q(email__in=emails) | Q(profile_id__in=profiles))
    (told.filter(received_at__lte=until) if until else told).delete()


def _forget_address(email: str, until: datetime | None) -> None:
    """Of what they have refused an account at Klaviyo itself: that stays by their key alone."""
    told = HeardNo.objects.filter(person_key.stored("person", person_key.every(email))).exclude(email="")
    (told.filter(heard_at__lte=until) if until else told).update(email="")


def order(receipt: Erasure, connection: Connection, email: str) -> Order:
    """To delete the person, whom only the receipt names; where nobody can be asked, the record of that."""
    outcome = owed.NOT_ASKABLE if orders.malformed(address(email)) else None
    return replace(owed_erasures.order(receipt, None if outcome else due_at(connection)), outcome=outcome)


def due_at(connection: Connection) -> datetime:
    """Before all that waits; but what was just taken from a worker may be on the wire, and must not come after it."""
    lately = {"place__is_named__in": Place.ANY_NAMED, "place__settled_at__gt": Now() - ON_THE_WIRE}
    taken = Delivery.objects.filter(place__connection=connection, place__state=State.CANCELLED, **lately)
    if taken.filter(Q(lease__isnull=False) | Q(job__isnull=False)).exists():
        return timezone.now() + ON_THE_WIRE
    waiting = connection.places.filter(state=State.QUEUED).order_by("next_try_at")
    first = waiting.values_list("next_try_at", flat=True).first()
    return min(first or timezone.now(), timezone.now()) - timedelta(microseconds=1)


def _about(names: set[str], facts: list[uuid.UUID], until: datetime | None) -> QuerySet[Delivery]:
    """Every delivery that is about the person or names them, held until the transaction ends."""
    visits = Visit.objects.filter(invite__uid__in=facts).values_list("uid", flat=True)
    sources = {str(uid) for uid in [*facts, *visits]}
    named = Q(subject__in=names, created_at__lte=until) if until else Q(subject__in=names)
    rows = Delivery.objects.filter(named | Q(source__in=sources)).exclude(kind=contents.Erase.kind)
    return rows.select_for_update(of=("self",)).order_by("pk")


def blank(rows: Sequence[Delivery]) -> None:
    """Nothing of the person stays but that there was something."""
    for row in rows:
        row.options = {name: value for name, value in row.options.items() if name in KEPT_OPTIONS}
        if row.kind == contents.ListAdd.kind:
            row.key = f"list:erased:{row.pk}"  # it was made of the address
        row.reason = ERASED.sentence if row.reason else ""  # Klaviyo's own words may quote what it refused
    Delivery.objects.bulk_update(rows, ["options", "key", "reason"], batch_size=AT_ONCE)
    mine = Delivery.objects.filter(pk__in=_pks(rows))
    mine.update(subject="", body={}, warnings=[], evidence=None)
    # Nobody looks for it any more: https://developers.klaviyo.com/en/reference/request_profile_deletion
    mine.filter(reason_code=NOT_CONFIRMED.code).update(reason_code="", reason="")
    _call_off(rows)


def _unname(rows: Sequence[Delivery]) -> None:
    """What is on somebody else's profile is told as before, and says no more who the person was."""
    named = [row for row in rows if SAYS_WHO & Recorded.in_body(row.body).properties.keys()]
    for row in named:
        properties = Recorded.in_body(row.body).properties
        for name in SAYS_WHO & properties.keys():
            del properties[name]
    Delivery.objects.bulk_update(named, ["body"], batch_size=AT_ONCE)
    _call_off([row for row in rows if message_of(row)])  # invitations from nobody
    in_hand = Delivery.objects.filter(pk__in=_pks(named), state=State.SENDING)
    in_hand.update(state=State.QUEUED, next_try_at=Now(), lease=None)


def _call_off(rows: Sequence[Delivery]) -> None:
    """Also from under a worker, who neither sends it any more nor writes it back.

    What failed cannot be tried again either, nor goes what waits for the store to be joined. The lease stays: it shows
    that a worker had it.
    """
    unfinished = Q(state__in=(*Delivery.OPEN, State.FAILED)) | Q(state=State.SKIPPED, reason_code=NOT_JOINED.code)
    mine = Delivery.objects.filter(unfinished, pk__in=_pks(rows))
    mine.update(state=State.CANCELLED, settled_at=Now(), **outcomes.words(ERASED))


def _sends(rows: Sequence[Delivery], facts: Sequence[uuid.UUID]) -> QuerySet[Send]:
    """Those to the person: by the delivery; or, where that is old and says no more whom it was for, by the invite."""
    nobody = Q(invite__uid__in=facts, invite__recipient_email__endswith=f"@{suppressions.NOBODY}", delivery__subject="")
    pks = Send.objects.filter(nobody | Q(delivery__in=_pks(rows))).values_list("pk", flat=True)
    return Send.objects.filter(pk__in=list(pks))


def _forget_sends(sends: QuerySet[Send], names: set[str], until: datetime | None) -> None:
    profiles = set(sends.exclude(profile_id="").values_list("profile_id", flat=True))
    ConsentDecision.objects.filter(send__in=sends).update(evidence={}, asked_at=None)
    sends.update(profile_id="", message_id="", bounce="", mailbox_hash="")
    forget_notices(names, profiles, until)


def _pks(rows: Sequence[Delivery]) -> list[int]:
    return [row.pk for row in rows]
