"""Heard noes: what people have refused an account at Klaviyo itself, kept as their no to each of the account's stores.

The account that told of it is on record as knowing it. The other accounts of these stores, and those that come in its
place, are owed it like any no that stands, and told at once as long as the address is known: of whom nothing else here
names that is for a while. After that they are told before anything there makes the person reachable.
What was heard stays with the account, by the person's key: a store that is joined to it later takes it in.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.models import Attempt, Connection
from integrations.wire import attempts
from klaviyo.api import subscriptions, values
from klaviyo.api.consent import Marketing
from klaviyo.api.profiles import Profile
from klaviyo.consent import owed_noes, reach
from klaviyo.models import HeardNo, ServedStore
from referrals import noes, person_key, suppressions, text, times
from referrals.lifecycle import consent
from referrals.models import OptIn, OptOut, Store

PLACE = "At Klaviyo"
AT_ONCE = 100
LONGEST = 254  # characters of an address that is kept; a longer one is nobody's
#: Of a profile: https://developers.klaviyo.com/en/reference/get_profiles
UNSUBSCRIBED, COMPLAINED = "UNSUBSCRIBE", "SPAM_COMPLAINT"


def note(connection: Connection, email: str, *, is_complaint: bool, happened_at: datetime | None) -> int:
    """The person has refused the account: so it stands at each store that it serves or served; at how many anew.

    It is kept before it is seen which stores these are: one that is joined meanwhile finds it there.
    """
    address, at = text.storable(email), _time(happened_at)
    if _is_echo(connection, address, at):
        return 0
    heard = _keep(connection, address, is_complaint=is_complaint, happened_at=at)
    stores = Store.objects.filter(pk__in=reach.served(connection)).order_by("pk")
    return sum(_note(store, heard, address) for store in stores)


def _time(told: datetime | None) -> datetime:
    """When it happened; of a time that cannot be true it has happened now."""
    now = timezone.now()
    return told if told and times.EARLIEST <= told <= now + noes.CLOCKS_DIFFER else now


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


def due() -> "QuerySet[ServedStore]":
    """Stores that were joined to an account, and have yet to take in what it had told of before."""
    return ServedStore.objects.filter(heard_at=None)


def take_in_next(served: ServedStore) -> bool:
    """Keep the next of what the account had told of as noes to a store that has joined it; False when none are left."""
    served.refresh_from_db()
    rest = HeardNo.objects.filter(connection=served.connection_id, pk__gt=served.heard_reached).order_by("pk")
    some = list(rest.select_related("connection")[:AT_ONCE])
    row = ServedStore.objects.filter(pk=served.pk)
    for heard in some:
        if not _is_taken_back(heard):
            _note(served.store, heard, heard.email or _named(heard))
    if len(some) < AT_ONCE:
        row.update(heard_at=Now())
        return False
    row.update(heard_reached=some[-1].pk)
    return True


def against(store_id: int, email: str, told: Marketing | None) -> OptOut | None:
    """A no to everything at the store that counts against what an account holds of the person's consent."""
    said = [no for no in noes.standing([email], [store_id]) if no.scope == OptOut.Scope.EVERYTHING]
    return next((no for no in [*said, *_yet_to_be_taken_in(store_id, email)] if not is_outdone(no, told)), None)


def is_outdone(no: OptOut, told: Marketing | None) -> bool:
    """Whether the account holds a yes that is later by more than clocks may differ; after a complaint, a double one."""
    if told is None or told.consent != "SUBSCRIBED":
        return False
    said_at = values.moment(told.said.get("consent_timestamp"))
    is_proved = told.said.get("double_optin") is True or (no.place == PLACE and not no.is_complaint)
    return is_proved and said_at is not None and said_at > no.occurred_at + noes.CLOCKS_DIFFER


@transaction.atomic
def _note(store: Store, heard: HeardNo, address: str) -> bool:
    no = consent.note_no_elsewhere(
        store,
        address,
        place=PLACE,
        is_complaint=heard.is_complaint,
        happened_at=heard.happened_at,
        key=(heard.key_version, heard.person),
    )
    if no is None:
        return False
    known = replace(owed_noes.order(no), subject="", outcome=owed_noes.SAID_NO_BEFORE)
    outbox.add(heard.connection_id, [known])  # what is on record already stays as it is
    if not suppressions.is_erased(str(no.email)):
        owed_noes.tell(no)
    elif address and not reach.erased([address]):
        owed_noes.tell(no, address)
    return True


def _keep(connection: Connection, address: str, *, is_complaint: bool, happened_at: datetime) -> HeardNo:
    """By the person's key; of somebody erased by nothing else."""
    is_kept = len(address) <= LONGEST and not reach.erased([address])
    told = {"email": address if is_kept else "", "happened_at": happened_at}
    heard, is_new = HeardNo.objects.get_or_create(
        connection=connection,
        person=person_key.of(address),
        key_version=person_key.VERSION,
        is_complaint=is_complaint,
        defaults=told,
    )
    if not is_new:
        HeardNo.objects.filter(pk=heard.pk, happened_at__lt=happened_at).update(**told, heard_at=Now())
        heard.refresh_from_db()
    return heard


def _named(heard: HeardNo) -> str:
    """The address of the person, where something that is found by their key says it; else empty."""
    theirs = person_key.stored("person", [(heard.key_version, heard.person)])
    for model in (OptOut, OptIn):
        said = model._default_manager.filter(theirs).exclude(email__endswith=f"@{suppressions.NOBODY}")
        if found := said.values_list("email", flat=True).first():
            return str(found)
    return ""


def _is_taken_back(heard: HeardNo) -> bool:
    """Whether the person has certainly said yes since to a store of the account."""
    no = OptOut(is_complaint=heard.is_complaint, occurred_at=heard.happened_at)
    theirs = person_key.stored("person", [(heard.key_version, heard.person)])
    yeses = OptIn.objects.filter(theirs, store__in=reach.served(heard.connection))
    return any(noes.outdoes(yes, no) for yes in yeses)


def _yet_to_be_taken_in(store_id: int, email: str) -> list[OptOut]:
    """What accounts had told of the person before the store was joined to them, until the store has it, too."""
    theirs = person_key.stored("person", person_key.every(email))
    waiting = HeardNo.objects.filter(theirs, connection__in=due().filter(store=store_id).values("connection"))
    return [
        OptOut(place=PLACE, is_complaint=heard.is_complaint, occurred_at=heard.happened_at)
        for heard in waiting.select_related("connection")
        if not _is_taken_back(heard)
    ]


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
