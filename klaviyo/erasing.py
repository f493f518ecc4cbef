"""Erases a person: everything of them here, what waits for them, and (by asking) what each account holds of them."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from klaviyo import cleaning, suppressing
from klaviyo.models import ConsentDecision, Erasure, Notice, Send
from referrals import lifecycle, suppressions
from referrals.models import Suppression

State = Delivery.State

ON_THE_WIRE = timedelta(seconds=30)  # by then no request about the person is under way any more
KEPT_OPTIONS = ("sync", "metric", "message")
SAYS_WHO = ("recipient_email", "advocate_name", "share_link")  # in events on other people's profiles
GONE = (Connection.State.DISCONNECTED, Connection.State.DISCONNECTING, Connection.State.UNDECIDED)
ERASED = (suppressing.CODES[Suppression.Reason.ERASED], "The person was erased at their own wish.")


@transaction.atomic
def erase(email: str, by: AbstractBaseUser | None) -> Erasure:
    """Erase the person and give the receipt. Raises ValidationError for what is no address."""
    erased = lifecycle.erase(email)
    receipt = Erasure.objects.create(mailbox_hash=erased.mailbox_hash, requested_by_id=by.pk if by else None)
    address = cleaning.address(suppressions.mailbox(email))
    for connection in Connection.objects.filter(provider="klaviyo").exclude(state__in=GONE):
        order = Order(
            "erase", f"erase:{receipt.uid}", timezone.now(), source=str(receipt.uid), subject=address,
            due_at=timezone.now() + ON_THE_WIRE,
        )  # fmt: skip
        outbox.add(connection, [order])
    receipt.removed = {name: count for name, count in erased.counts.items() if count}
    receipt.save(update_fields=["removed"])
    return receipt


def forget(email: str, facts: Iterable[uuid.UUID]) -> None:
    """Cancel what waits for the person, and take them out of every record here: orders, decisions, notices."""
    sources = [str(uid) for uid in facts]
    spellings = suppressions.spellings(email) | {email, cleaning.address(email)}
    about = Q(subject__in=spellings) | Q(source__in=sources)
    rows = list(Delivery.objects.filter(about).exclude(kind="erase").select_for_update(of=("self",)).order_by("pk"))
    own = {suppressions.mailbox(spelling) for spelling in spellings}
    mine = [row for row in rows if suppressions.mailbox(row.subject) in own]
    others = [row for row in rows if suppressions.mailbox(row.subject) not in own]
    _forget_sends([row.pk for row in rows], spellings)
    for row in mine:
        _blank(row)
    for row in others:
        _unname(row)


def _blank(row: Delivery) -> None:
    """Nothing of the person stays but that there was something."""
    _call_off(row)
    options = {name: value for name, value in row.options.items() if name in KEPT_OPTIONS}
    Delivery.objects.filter(pk=row.pk).update(subject="", body={}, options=options, warnings=[], evidence=None)


def _unname(row: Delivery) -> None:
    """What is on somebody else's profile says no more who the person was."""
    properties = _properties(row)
    if not properties.keys() & set(SAYS_WHO):
        return
    _call_off(row)
    for name in SAYS_WHO:
        properties.pop(name, None)
    Delivery.objects.filter(pk=row.pk).update(body=row.body)


def _call_off(row: Delivery) -> None:
    """Also from under a worker: without its lease it neither sends it any more nor writes it back."""
    code, sentence = ERASED
    still_open = Delivery.objects.filter(pk=row.pk, state__in=Delivery.OPEN)
    still_open.update(
        state=State.CANCELLED, lease=None, lease_until=None, settled_at=Now(), reason_code=code, reason=sentence
    )


def _forget_sends(deliveries: Sequence[int], spellings: set[str]) -> None:
    sends = Send.objects.filter(delivery__in=deliveries)
    profiles = set(sends.exclude(profile_id="").values_list("profile_id", flat=True))
    ConsentDecision.objects.filter(send__in=sends).update(evidence={}, asked_at=None)
    sends.update(profile_id="", message_id="", bounce="")
    Notice.objects.filter(Q(email__in=spellings) | Q(profile_id__in=profiles)).delete()


def _properties(row: Delivery) -> dict[str, Any]:
    data = row.body.get("data") if isinstance(row.body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    properties = attributes.get("properties") if isinstance(attributes, dict) else None
    return properties if isinstance(properties, dict) else {}
