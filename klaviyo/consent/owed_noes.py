"""Owed noes: what people have refused, and an account has yet to take, before anything there makes them reachable.

A no stands in Sorae (`referrals.noes`). That an account was told of one is a delivery with the no's own key: as long as
it is open the account owes, and whatever came of it, it begins anew where the account could reach the person again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Attempt, Connection, Delivery
from integrations.outbox import Order, leasing, wake_ups
from integrations.outcomes import Outcome, Retry, Skipped
from integrations.reasons import Who, declare
from klaviyo.api import subscriptions, values
from klaviyo.api.client import Client
from klaviyo.mapping import orders
from klaviyo.mapping.contents import Unsubscribe
from klaviyo.models import HeardNo, StoreSetting
from klaviyo.profiles.batch import NOT_JOINED
from referrals import erased, noes, person_key, suppressions, text
from referrals.models import OptOut, Store

State = Delivery.State

AT_ONCE = 500
SEEN_TO_AFTER = timedelta(seconds=5)  # a profile that we have just made
NOT_THERE = Skipped(
    declare(
        "not_at_klaviyo",
        "Not at Klaviyo",
        "Klaviyo does not know the person: there is nothing to end. Should a profile be made of them, it is told then.",
        because="Klaviyo does not know them",
        means="Whom Klaviyo does not know it does not write to. Before we make a profile of them, their no goes there.",
        who=Who.NOBODY,
    )
)
SAID_NO_BEFORE = Skipped(
    declare(
        "unsubscribed_before",
        "Unsubscribed already",
        "The person was unsubscribed at Klaviyo already.",
        because="they were unsubscribed at Klaviyo already",
        means="There was nothing to change.",
        who=Who.NOBODY,
    )
)
SAID_YES_SINCE = Skipped(
    declare(
        "opted_in_since",
        "Said yes since",
        "The person has asked for the newsletter since.",
        because="they have asked for the newsletter since",
        means="The later word counts, where it is certain that it is theirs.",
        who=Who.PERSON,
    )
)
GOES_FIRST = declare(
    "no_first",
    "Their no goes first",
    "The person has said no, which the account is told first.",
    because="their no goes there first",
    means="Whatever might make the person reachable in the account waits until it knows of their no.",
    who=Who.ITSELF,
)
NO_FIRST = Retry(GOES_FIRST, after=timedelta(seconds=2), refund=True)
TAKEN = (State.ACCEPTED, State.CONFIRMED)
OVER = (SAID_NO_BEFORE.code, SAID_YES_SINCE.code)  # nothing is left to be told
UNTOLD = (NOT_THERE.code, NOT_JOINED.code)


@dataclass
class Noes:
    """The noes that stand of the people of a batch, and how far one account is with each (see `of`)."""

    connection: Connection
    said: dict[person_key.Key, list[OptOut]] = field(default_factory=dict)
    told: dict[str, Delivery] = field(default_factory=dict)  # by the key of the delivery
    erased_at: dict[str, datetime] = field(default_factory=dict)  # when they were, by the person's key

    def stand(self, email: str) -> bool:
        """Whether the person has said no to any store of the account."""
        return bool(self.said) and bool(self._of(email))

    def owed(self, email: str) -> list[OptOut]:
        """Those that the account has not taken: it waits to be told, could not be, or had nobody to tell it of."""
        return [no for no in self._of(email) if self._is_owed(no, email)]

    def taken(self, email: str) -> list[OptOut]:
        """Those that the account has taken, as far as is known."""
        return [no for no in self._of(email) if not self._is_owed(no, email)]

    def first(self, delivery: Delivery, *, is_there: bool) -> Outcome | None:
        """What a delivery about the person must wait for: a no that the account does not know, and is told now.

        Where Klaviyo knows nobody, there is nothing to be told before somebody makes a profile (`before_making`).
        """
        if not (self.said and is_there):
            return None
        waits = [no for no in self._of(delivery.subject) if self._must_be_told(no, delivery)]
        return NO_FIRST if waits else None

    def before_making(self, client: Client, delivery: Delivery) -> None:
        """A profile is about to be made of somebody who has said no: Klaviyo is told that first, and again after.

        Whether Klaviyo keeps the no of an address that it does not know is not published: so it is asked to end
        everything before, and the no itself is told when the profile is there. Raises IntegrationError.
        https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles
        """
        said = self._of(delivery.subject) if self.said else []
        if not said:
            return
        tell_again(self.connection, said, because_of=delivery, after=SEEN_TO_AFTER)
        if any(no.scope == OptOut.Scope.EVERYTHING for no in said):
            subscriptions.unsubscribe(client, delivery.subject, None, [delivery])

    def _of(self, email: str) -> list[OptOut]:
        return [no for key in person_key.every(email) for no in self.said.get(key, ())]

    def _must_be_told(self, no: OptOut, delivery: Delivery) -> bool:
        told = self.told.get(key_of(no))
        if told and told.state in (State.QUEUED, State.SENDING):
            return True
        is_new_to_it = self._is_new(no, delivery.subject)
        if is_new_to_it:
            tell_again(self.connection, [no], because_of=delivery)
        return is_new_to_it

    def _is_owed(self, no: OptOut, email: str) -> bool:
        told = self.told.get(key_of(no))
        return self._is_new(no, email) or (told is not None and is_owed(told))

    def _is_new(self, no: OptOut, email: str) -> bool:
        """Whether the account was not told of it, or no longer knows."""
        told = self.told.get(key_of(no))
        is_untold = told is None or told.state == State.CANCELLED or told.reason_code in UNTOLD
        return is_untold or self._is_deleted(told, email)

    def _is_deleted(self, told: Delivery | None, email: str) -> bool:
        """Whether the account took it before the person was erased, and has deleted them since.

        Also of what was settled long ago no address is kept.
        """
        erased_at = self.erased_at.get(person_key.of(email))
        if not (told and erased_at and told.settled_at) or told.subject:
            return False
        return told.settled_at <= erased_at + erased.MARGIN


def of(connection: Connection, emails: Iterable[str], stores: Collection[int] | None = None) -> Noes:
    """The noes of these people to the stores of an account, or to those given; a query or two where there are none."""
    people = set(emails)
    if stores is None:
        stores = list(StoreSetting.objects.filter(connection=connection).values_list("store", flat=True))
    said = noes.standing(people, stores)
    found = Noes(connection)
    if said:
        rows = Delivery.objects.filter(connection=connection, key__in=[key_of(no) for no in said])
        found.told = {row.key: row for row in rows.only("key", "kind", "subject", "state", "reason_code", "settled_at")}
        found.erased_at = erased.times(people)
    for no in said:
        found.said.setdefault((no.key_version, no.person), []).append(no)
    return found


def tell(no: OptOut, address: str = "") -> None:
    """Queue a no for each account of the store, also where its settings are off: the no is not the store's.

    `address`: of whom it does not name itself.
    """
    for setting in StoreSetting.objects.filter(store=no.store_id):
        outbox.add(setting.connection_id, [order(no, address)])


@transaction.atomic
def tell_again(
    connection: Connection,
    said: Sequence[OptOut],
    *,
    because_of: Delivery | None = None,
    after: timedelta = timedelta(),
) -> int:
    """Queue the noes for an account anew, whatever came of them there before, unless they wait anyway; how many.

    `because_of`: what is in the caller's hands about the person, and says the address, which a no may be kept without.
    """
    # Whoever erases the person waits for us, and finds what we add; or we wait, and nothing is in our hands any more.
    stood = OptOut.objects.filter(pk__in=[no.pk for no in said]).order_by("pk").select_for_update()
    stand = {no.pk: no for no in stood}
    if because_of and not leasing.are_ours([because_of]):
        return 0
    address = because_of.subject if because_of else ""
    heard = _addresses([no for no in stand.values() if not address and suppressions.is_erased(str(no.email))])
    named = {pk: address or heard.get(_key(no), "") for pk, no in stand.items()}
    nameable = {pk for pk, no in stand.items() if named[pk] or not suppressions.is_erased(str(no.email))}
    made = {key_of(no): order(no, named[no.pk]) for no in said if no.pk in nameable}
    outbox.add(connection.pk, made.values())
    by_key = {key: order for key, order in made.items() if order.outcome is None}
    settled = Delivery.objects.filter(connection=connection, key__in=by_key).exclude(state__in=Delivery.OPEN)
    rows = list(settled.select_for_update(of=("self",), skip_locked=True))
    tried = Attempt.deliveries.through._default_manager.filter(delivery__in=[row.pk for row in rows])
    last = dict(tried.values_list("delivery").annotate(Max("attempt")))
    for row in rows:
        row.subject, content = by_key[row.key].subject, Unsubscribe.from_options(by_key[row.key].options)
        row.options = replace(content, told_anew_after=last.get(row.pk, 0)).as_options()
    Delivery.objects.bulk_update(rows, ["subject", "options"])
    again = Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.QUEUED, next_try_at=Now() + after, settled_at=None, reason_code="", reason="", crashes=0
    )
    if again:
        wake_ups.on_commit(connection.pk)
    return again


def order(no: OptOut, address: str = "") -> Order:
    """The delivery that tells of a no. One whose address nobody can write is on record as failed."""
    email = address or text.address_in(text.storable(no.email))
    return Order(
        kind=Unsubscribe.kind,
        key=key_of(no),
        source=str(no.uid),
        subject=values.address(email)[: Delivery._meta.get_field("subject").max_length],
        options=Unsubscribe(store=no.store_id, scope=no.scope).as_options(),
        occurred_at=no.occurred_at,
        outcome=orders.malformed(email),
    )


def key_of(no: OptOut) -> str:
    return f"{Unsubscribe.kind}:{no.uid}"


def is_owed(delivery: Delivery) -> bool:
    """Whether its account has yet to take the no that it tells of: still open, or failed."""
    return delivery.kind == Unsubscribe.kind and delivery.state in (*Delivery.OPEN, State.FAILED)


def due_settings() -> "QuerySet[StoreSetting]":
    """Settings whose account is to be told of all that stands at the store.

    So it is where a store was joined, switched on or given another list, where an account was connected anew, and once
    for what is older than this walk.
    """
    return StoreSetting.objects.filter(Q(noes_told_at=None) | Q(noes_told_at__lt=F("connection__connected_at")))


@transaction.atomic
def tell_next(setting: StoreSetting) -> bool:
    """Tell the account of the next of a store's noes, in the order of their ids; False when none are left.

    Under the store's lock, which whoever says no holds until the no is stored: none slips in behind.
    """
    Store.objects.select_for_update(no_key=True).filter(pk=setting.store_id).values_list("pk").first()
    row = due_settings().select_for_update(of=("self",)).filter(pk=setting.pk).first()
    if row is None:
        return False
    rest = OptOut.objects.filter(store=row.store_id, pk__gt=row.noes_reached).order_by("pk")
    pks = list(rest.values_list("pk", flat=True)[:AT_ONCE])
    _tell_unless_taken(setting.connection, noes.untaken(OptOut.objects.filter(pk__in=pks)))
    if len(pks) < AT_ONCE:
        StoreSetting.objects.filter(pk=row.pk).update(noes_reached=0, noes_told_at=Now())
        return False
    StoreSetting.objects.filter(pk=row.pk).update(noes_reached=pks[-1])
    return True


def _addresses(said: Sequence[OptOut]) -> dict[person_key.Key, str]:
    """Of noes that name nobody: the addresses that accounts have told of lately. An erasure waits until we are done."""
    if not said:
        return {}
    told = HeardNo.objects.filter(person_key.stored("person", map(_key, said))).exclude(email="")
    rows = told.order_by("pk").select_for_update()
    return {(heard.key_version, heard.person): heard.email for heard in rows}


def _key(no: OptOut) -> person_key.Key:
    return no.key_version, no.person


def _tell_unless_taken(connection: Connection, said: Sequence[OptOut]) -> None:
    taken = Delivery.objects.filter(Q(state__in=TAKEN) | Q(state=State.SKIPPED, reason_code__in=OVER))
    known = set(taken.filter(connection=connection, key__in=[key_of(no) for no in said]).values_list("key", flat=True))
    tell_again(connection, [no for no in said if key_of(no) not in known])
