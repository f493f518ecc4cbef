"""Asking Klaviyo to delete a person who was erased here."""

from integrations.models import Delivery
from integrations.outcomes import Accepted, Outcome
from klaviyo import erasing
from klaviyo.api import privacy
from klaviyo.delivery.state import Batch
from klaviyo.models import ProfileSync
from referrals import suppressions


def erase(batch: Batch, delivery: Delivery, _sync: ProfileSync | None) -> Outcome:
    """Delete by the address as Klaviyo spells it; what is done holds no address any more."""
    person = batch.people.known(delivery)
    spelt = str(person.attributes.get("email") or delivery.subject) if person else delivery.subject
    was_known = privacy.request_deletion(batch.client, spelt, [delivery])
    erasing.forget_notices(suppressions.spellings(delivery.subject), [person.id] if person else [])
    delivery.subject = ""
    if was_known:
        return Accepted("deletion_asked", "Klaviyo deletes the person.")
    return Accepted("not_known", "Klaviyo knew nobody by this address.")
