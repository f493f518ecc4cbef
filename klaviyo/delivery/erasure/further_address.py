"""Further addresses: whom Klaviyo knows by another address first is deleted only when somebody has agreed to it.

A profile can have five addresses, and is deleted as a whole, whichever of them is named.
https://help.klaviyo.com/hc/en-us/articles/48274807144475
"""

from collections.abc import Collection
from dataclasses import replace

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations import outcomes
from integrations.models import Delivery
from integrations.outbox import wake_ups
from integrations.outcomes import Accepted, Held
from integrations.reasons import Who, declare
from klaviyo.consent import decision
from klaviyo.mapping.contents import Erase
from klaviyo.models import ConsentDecision

State = Delivery.State

ASKS = Held(
    declare(
        "further_address",
        "Has other addresses",
        "Klaviyo keeps this address as a further one of a profile whose first address is another. To delete it there "
        "deletes the whole profile, with all its addresses.",
        because="to delete them there would delete a profile that has another address first",
        means="A profile at Klaviyo can have five addresses, and can only be deleted as a whole. Nothing was deleted "
        "there yet.",
        who=Who.OPERATOR,
        do="Ask the person whether all of it is to go. Then choose on the erasure's receipt: delete the whole profile, "
        "or take the address off it by hand at Klaviyo, and say so there.",
    )
)
BY_HAND = Accepted(
    declare(
        "address_taken_off",
        "Taken off by hand",
        "Somebody has taken the address off the profile at Klaviyo by hand; the profile stays.",
        because="somebody has taken the address off the profile by hand",
        means="The profile has other addresses, and stays without this one.",
        who=Who.NOBODY,
    )
)


def asks(delivery: Delivery) -> bool:
    """Whether somebody must say what is to become of the profile."""
    return delivery.kind == Erase.kind and delivery.state == State.HELD and delivery.reason_code == ASKS.code


@transaction.atomic
def delete_all(waiting: "QuerySet[Delivery]") -> int:
    """Somebody agrees that whole profiles are deleted; of how many deletions that asked."""
    rows = [row for row in waiting.select_for_update(of=("self",)) if asks(row)]
    for row in rows:
        row.options = replace(Erase.of(row), whole_profile=True).as_options()
        row.state, row.reason_code, row.reason = State.QUEUED, "", ""
        wake_ups.on_commit(row.connection_id)
    Delivery.objects.bulk_update(rows, ["options", "state", "reason_code", "reason"])
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(next_try_at=Now())
    return len(rows)


@transaction.atomic
def done_by_hand(waiting: "QuerySet[Delivery]") -> int:
    """Somebody has taken the address off the profile at Klaviyo; of how many deletions that asked."""
    pks = [row.pk for row in waiting.select_for_update(of=("self",)) if asks(row)]
    settled = {"state": State.ACCEPTED, "settled_at": Now(), **outcomes.words(BY_HAND)}
    return Delivery.objects.filter(pk__in=pks).update(**settled)


def forget_evidence(names: Collection[str]) -> None:
    """Take the person's address out of decisions about another address of theirs."""
    said = {f"evidence__{decision.ADDRESS}__in": sorted(names)}
    about = ConsentDecision.objects.filter(code=decision.UNKNOWN.code, **said)
    sends = list(about.values_list("pk", "send__delivery"))
    ConsentDecision.objects.filter(pk__in=[pk for pk, _ in sends]).update(evidence={})
    Delivery.objects.filter(pk__in=[delivery for _, delivery in sends]).update(evidence=None)
