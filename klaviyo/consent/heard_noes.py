"""Heard noes: what people have refused an account at Klaviyo itself, kept as their no to each of the account's stores.

The account that told of it is on record as knowing it. The other accounts of these stores, and those that come in its
place, are owed it like any no that stands: they are told at once where the person is named here, else before anything
there makes the person reachable.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import outbox
from integrations.models import Attempt, Connection
from integrations.wire import attempts
from klaviyo.api import subscriptions, values
from klaviyo.api.consent import Marketing
from klaviyo.api.profiles import Profile
from klaviyo.consent import owed_noes, reach
from referrals import noes, person_key, suppressions
from referrals.lifecycle import consent
from referrals.models import OptOut, Store

PLACE = "At Klaviyo"
#: Of a profile: https://developers.klaviyo.com/en/reference/get_profiles
UNSUBSCRIBED, COMPLAINED = "UNSUBSCRIBE", "SPAM_COMPLAINT"


def note(connection: Connection, email: str, *, is_complaint: bool, happened_at: datetime | None) -> int:
    """The person has refused the account: so it stands at each store that it serves or served; at how many anew."""
    if _is_echo(connection, email, happened_at or timezone.now()):
        return 0
    stores = Store.objects.filter(pk__in=reach.served(connection)).order_by("pk")
    return sum(_note(connection, store, email, is_complaint, happened_at) for store in stores)


def note_suppressed(connection: Connection, people: Sequence[Profile]) -> int:
    """What profiles say that their people have refused; a bounce, or what somebody at the shop did, is nobody's no."""
    noted = 0
    for person in people:
        told = person.subscriptions
        if told.of_another or told.email is None or not person.email:
            continue
        for reason in (COMPLAINED, UNSUBSCRIBED):
            for one in told.email.suppressions:
                if one.reason == reason:
                    at = values.moment(one.since)
                    noted += note(connection, person.email, is_complaint=reason == COMPLAINED, happened_at=at)
    return noted


def has_refused(person: Profile) -> bool:
    """Whether the account holds them as having refused it themselves."""
    email = None if person.subscriptions.of_another else person.subscriptions.email
    return email is not None and any(one.reason in (COMPLAINED, UNSUBSCRIBED) for one in email.suppressions)


def against(store_id: int, email: str, told: Marketing | None) -> OptOut | None:
    """A no to everything at the store that counts against what an account holds of the person's consent."""
    said = [no for no in noes.standing([email], [store_id]) if no.scope == OptOut.Scope.EVERYTHING]
    return next((no for no in said if not is_outdone(no, told)), None)


def is_outdone(no: OptOut, told: Marketing | None) -> bool:
    """Whether the account holds a yes that is later by more than clocks may differ; after a complaint, a double one."""
    if told is None or told.consent != "SUBSCRIBED":
        return False
    said_at = values.moment(told.said.get("consent_timestamp"))
    is_proved = told.said.get("double_optin") is True or (no.place == PLACE and not no.is_complaint)
    return is_proved and said_at is not None and said_at > no.occurred_at + noes.CLOCKS_DIFFER


@transaction.atomic
def _note(connection: Connection, store: Store, email: str, is_complaint: bool, happened_at: datetime | None) -> bool:
    no = consent.note_no_elsewhere(store, email, place=PLACE, is_complaint=is_complaint, happened_at=happened_at)
    if no is None:
        return False
    known = replace(owed_noes.order(no), subject="", outcome=owed_noes.SAID_NO_BEFORE)
    outbox.add(connection.pk, [known])
    if not suppressions.is_erased(str(no.email)):
        owed_noes.tell(no)  # what is on record already stays as it is
    return True


def _is_echo(connection: Connection, email: str, at: datetime) -> bool:
    """Whether we have asked the account for it at about that time: it says what it was told, and nothing follows."""
    said = OptOut.objects.filter(person_key.stored("person", person_key.every(email)))
    keys = [owed_noes.key_of(no) for no in said]
    spelt = {email, values.address(email), *suppressions.spellings(email)}
    asked = Attempt.objects.filter(
        Q(deliveries__key__in=keys) | Q(deliveries__subject__in=spelt),
        deliveries__connection=connection,
        operation=subscriptions.BULK_UNSUBSCRIBE_PROFILES.id,
        started_at__gt=at - noes.CLOCKS_DIFFER,
        started_at__lt=at + noes.CLOCKS_DIFFER,
    )
    return asked.exclude(attempts.NEVER_LEFT | attempts.REFUSED).exists()
