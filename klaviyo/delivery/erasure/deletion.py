"""Asking Klaviyo to delete a person who was erased here."""

from collections.abc import Sequence
from datetime import timedelta

from integrations.models import Delivery
from integrations.outcomes import Accepted, Outcome, Retry
from klaviyo.api import privacy
from klaviyo.delivery.erasure import erase as erasure
from klaviyo.mapping import contents
from klaviyo.profiles import import_job
from klaviyo.profiles.batch import Batch
from referrals import suppressions

ERASED_FIRST = Retry(
    "erased_first",
    "The person was erased and came back: first Klaviyo must delete what was before.",
    after=timedelta(minutes=1),
    refund=True,
)

IMPORTS_FIRST = Retry(
    "imports_first",
    "An import that may hold the person is still running at Klaviyo; then they are deleted.",
    after=timedelta(seconds=30),
    refund=True,
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
    spelt = str(person.attributes.get("email") or delivery.subject) if person else delivery.subject
    was_known = privacy.request_deletion(batch.client, spelt, [delivery])
    erasure.forget_notices(suppressions.spellings(delivery.subject), [person.id] if person else [])
    delivery.subject = ""
    if was_known:
        return Accepted("deletion_asked", "Klaviyo deletes the person.")
    return Accepted("not_known", "Klaviyo knew nobody by this address.")
