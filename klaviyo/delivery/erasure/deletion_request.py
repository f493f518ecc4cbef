"""Profile deletion: Klaviyo is asked to delete a person who was erased here."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.models import Delivery
from integrations.outcomes import Accepted, Outcome, Retry
from integrations.reasons import Who, declare
from klaviyo.api import privacy
from klaviyo.delivery.erasure import erase as erasure
from klaviyo.mapping import contents
from klaviyo.profiles import import_job
from klaviyo.profiles.batch import Batch
from referrals import suppressions

ERASED_FIRST = Retry(
    declare(
        "erased_first",
        "Deletion first",
        "The person was erased and came back: first Klaviyo must delete what was before.",
        because="Klaviyo must first delete what it had of the person",
        means="What is new of them would go with it.",
        who=Who.ITSELF,
        do="Nothing, unless it lasts for hours.",
    ),
    after=timedelta(minutes=1),
    refund=True,
)

IMPORTS_FIRST = Retry(
    declare(
        "imports_first",
        "An import still runs",
        "An import that may hold the person is still running at Klaviyo; then they are deleted.",
        because="an import that may hold the person still runs at Klaviyo",
        means="Were they deleted before, the import could bring them back.",
        who=Who.ITSELF,
    ),
    after=timedelta(seconds=30),
    refund=True,
)
DELETION_ASKED = Accepted(
    declare(
        "deletion_asked",
        "Deletion asked for",
        "Klaviyo deletes the person.",
        because="Klaviyo deletes them",
        means="Klaviyo took the request; it may take a while.",
        who=Who.ITSELF,
    )
)
NOT_KNOWN = Accepted(
    declare(
        "not_known",
        "Not known there",
        "Klaviyo knew nobody by this address.",
        because="Klaviyo knew nobody by this address",
        means="There was nothing to delete.",
        who=Who.NOBODY,
    )
)


def erased_first(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """What is new of people whose deletion still waits, and would go with them; outcomes by delivery id."""
    addresses = {
        delivery.pk: erasure.address(delivery.subject)
        for delivery in deliveries
        if delivery.kind != contents.Erase.kind
    }
    connections = {delivery.connection_id for delivery in deliveries}
    asking = Delivery.objects.filter(connection__in=connections, kind=contents.Erase.kind, state__in=Delivery.OPEN)
    going = set(asking.filter(subject__in=set(addresses.values())).values_list("subject", flat=True))
    return {pk: ERASED_FIRST for pk, address in addresses.items() if address in going}


def imports_first(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Deletions that an import might undo, because it began before and still runs; outcomes by delivery id."""
    asking = [delivery for delivery in deliveries if delivery.kind == contents.Erase.kind]
    late = [delivery for delivery in asking if import_job.may_still_write(delivery.connection, delivery.created_at)]
    return dict.fromkeys((delivery.pk for delivery in late), IMPORTS_FIRST)


def erase(batch: Batch, delivery: Delivery) -> Outcome:
    """Delete by the address as Klaviyo spells it; what is done holds no address any more."""
    person = batch.people.known(delivery)
    spelt = (person and person.address) or delivery.subject
    was_known = privacy.request_deletion(batch.client, spelt, [delivery])
    erasure.forget_notices(suppressions.spellings(delivery.subject), [person.id] if person else [])
    delivery.subject = ""
    return DELETION_ASKED if was_known else NOT_KNOWN
