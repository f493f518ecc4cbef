"""Profile deletion: Klaviyo is asked to delete a person who was erased here.

A deletion names nobody: whom it is about stands on the erasure's receipt, encrypted, and is read when it is sent.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from integrations.encryption import Undecryptable
from integrations.errors import OperatorRequired, PermanentError
from integrations.models import Delivery
from integrations.outbox import NotStored, leasing
from integrations.outcomes import Accepted, Failed, Outcome, Retry
from integrations.reasons import Who, declare
from integrations.wire import attempts
from klaviyo.api import privacy, subscriptions
from klaviyo.api.answers import words
from klaviyo.api.profiles import Profile
from klaviyo.delivery.erasure import action_runs, further_address, owed
from klaviyo.delivery.erasure import erase as erasure
from klaviyo.mapping import contents
from klaviyo.models import Erasure
from klaviyo.profiles import import_job
from klaviyo.profiles.batch import Batch
from referrals import erased, person_key, suppressions

ERASED_FIRST = Retry(
    declare(
        "erased_first",
        "Deletion first",
        "The person was erased and came back: first Klaviyo must delete what was before.",
        because="Klaviyo must first delete what it had of the person",
        means="What is new of them would go with it.",
        who=Who.ITSELF,
        do="Nothing to do, unless it lasts for hours.",
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
PERSON_UNREADABLE = Failed(
    declare(
        "erased_person_unreadable",
        "Not readable whom",
        "Whom it is about can no longer be read. Delete the person there by hand.",
        because="whom it is about can no longer be read",
        means="The address was kept encrypted, and the key to it is no longer in ENCRYPTION_KEYS; or it was not kept.",
        who=Who.RUNNER,
        do="Delete the person there by hand. Or put the key that is missing back, then retry.",
    )
)
UNHELD = (Delivery.State.QUEUED, Delivery.State.SENDING)


def find_people(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Read whom deletions are about, for as long as they are in hand; outcomes of what nobody can read."""
    asking = [delivery for delivery in deliveries if delivery.kind == contents.Erase.kind and not delivery.subject]
    if not asking:
        return {}
    receipts = {str(one.uid): one for one in Erasure.objects.filter(uid__in=[delivery.source for delivery in asking])}
    for delivery in asking:
        delivery.subject = NotStored(_address_on(receipts.get(delivery.source)))
    return {delivery.pk: PERSON_UNREADABLE for delivery in asking if not delivery.subject}


def erased_first(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """What is new of people whose deletion still waits, and would go with them; outcomes by delivery id.

    A no of theirs does not wait for what somebody must say about the deletion.
    """
    others = [delivery for delivery in deliveries if delivery.kind != contents.Erase.kind]
    connections = {delivery.connection_id for delivery in others}
    going = owed.waiting(connections, {delivery.subject for delivery in others})
    late = [delivery for delivery in others if going and person_key.of(delivery.subject) in going]
    noes = {delivery.pk: delivery.subject for delivery in late if delivery.kind == contents.Unsubscribe.kind}
    soon = owed.waiting(connections, noes.values(), UNHELD) if noes else set()
    return {one.pk: ERASED_FIRST for one in late if one.pk not in noes or person_key.of(one.subject) in soon}


def imports_first(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """Deletions that an import might undo, because it began before and still runs; outcomes by delivery id."""
    asking = [delivery for delivery in deliveries if delivery.kind == contents.Erase.kind]
    late = [delivery for delivery in asking if import_job.may_still_write(delivery.connection, delivery.created_at)]
    return dict.fromkeys((delivery.pk for delivery in late), IMPORTS_FIRST)


def erase(batch: Batch, delivery: Delivery) -> Outcome:
    """Delete by the address as Klaviyo spells it; what is done holds no address any more.

    Where it is not the profile's first address, somebody must have agreed that the others go with it; until then the
    address is unsubscribed there.
    """
    person = batch.people.known(delivery)
    if person:
        action_runs.forget_names(batch.connection, _names(person), delivery.created_at + erased.MARGIN)
    if person and person.is_named_otherwise and not contents.Erase.of(delivery).whole_profile:
        return _ask_first(batch, delivery)
    spelt = (person and person.address) or delivery.subject
    was_known = privacy.request_deletion(batch.client, spelt, [delivery])
    erasure.forget_notices(suppressions.spellings(delivery.subject), [person.id] if person else [])
    delivery.subject = ""
    outcome = DELETION_ASKED if was_known else NOT_KNOWN
    owed.taken(delivery, outcome)
    return outcome


def _names(person: Profile) -> set[str]:
    """What else the person is called, which Klaviyo alone knows: runs that say no address have one of these."""
    others = (words(person.attributes.get(name)) for name in ("phone_number", "external_id"))
    return {person.id, *others} - {""}


def _ask_first(batch: Batch, delivery: Delivery) -> Outcome:
    """Somebody must agree. Meanwhile the address gets no more mail; once, as a later yes of its mailbox may stand."""
    told = delivery.attempts.filter(attempts.TAKEN, operation=subscriptions.BULK_UNSUBSCRIBE_PROFILES.id)
    if not told.exists():
        with suppress(OperatorRequired, PermanentError):  # it is asked all the same
            last_look = partial(leasing.check, [delivery])
            subscriptions.unsubscribe(batch.client, delivery.subject, None, [delivery], last_look=last_look)
    return further_address.ASKS


def _address_on(receipt: Erasure | None) -> str:
    try:
        return erasure.address(receipt.address) if receipt and receipt.address else ""
    except Undecryptable:
        return ""
