"""Deliveries that are older than their person's erasure, and would make them known again: never sent.

An erasure calls off all that it sees. What a transaction that was open meanwhile brings it does not see.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from integrations.models import Delivery
from integrations.outcomes import Outcome
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.mapping import contents
from referrals import erased, person_key
from referrals.models import Advocate


def call_off(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Take the person out of those that are older than the erasure; outcomes by delivery id."""
    older = among(deliveries)
    if older:
        with transaction.atomic():
            erase.blank(older)
    return dict.fromkeys((delivery.pk for delivery in older), erase.ERASED)


def among(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Of deliveries of what stands on people's own profiles, those that are older than the person's erasure."""
    others = [delivery for delivery in deliveries if delivery.kind != contents.Erase.kind]
    times = erased.times({delivery.subject for delivery in others})
    if not times:
        return []
    theirs = [(one, at) for one in others if (at := times.get(person_key.of(one.subject)))]
    joined = _joined([delivery for delivery, at in theirs if timezone.now() - at < repeat.IS_OVER])
    older = [one for one, at in theirs if min(one.occurred_at, joined.get(one.pk, one.occurred_at)) <= at]
    return [one for one in older if not _is_told_again(one)]


def _is_told_again(delivery: Delivery) -> bool:
    """Whether it tells a no that still stands, of somebody who is back."""
    return delivery.kind == contents.Unsubscribe.kind and erased.has_come_back(delivery.subject)


def _joined(deliveries: Sequence[Delivery]) -> dict[int, datetime]:
    """When the advocates of profile deliveries were stored, by delivery id: their news may be younger than they are."""
    who = {one.pk: contents.Profile.of(one).advocate for one in deliveries if one.kind == contents.Profile.kind}
    stored = dict(Advocate.objects.filter(pk__in=who.values()).values_list("pk", "created_at"))
    return {pk: stored[advocate] for pk, advocate in who.items() if advocate in stored}
