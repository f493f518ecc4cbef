"""The people of a batch: who they are at Klaviyo, and bringing our side of them there."""

import contextlib
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone

from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from klaviyo import cleaning, newcomers, orders, payloads, prefixes
from klaviyo.api import answers, profiles
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.lookups import Lookup
from klaviyo.models import ProfileSync
from referrals import standing
from referrals.models import Advocate
from referrals.standing import Standing

SOMEBODY = ""  # who has a phone number, where all we know is that somebody has
LATELY = timedelta(days=1)
ALWAYS_BROUGHT = ("profile", "subscribe")  # kinds that upsert the person; an event does it for a new one
OPTIONAL = ("tier",)  # our own properties that a person may cease to have
FILLED_IN_ONLY = ("first_name", "last_name", "phone_number", "locale")

Attributes = dict[str, Any]


class People:
    """The people of one batch as Klaviyo knew them when it began, found in one call, and those brought since.

    Whom Klaviyo took from us within a day need not be looked up for an event of their own: they are there.
    A phone number is an identifier at Klaviyo: sent with one person's e-mail while it belongs to another, it could
    tie the two together. So a number goes only when nobody has it, which costs a second call where there is one.
    """

    def __init__(
        self, client: Client, deliveries: Sequence[Delivery], unasked: Collection[str] = (), *, on_record: bool = True
    ) -> None:
        """`unasked` are addresses in lower case of whom it does not matter whether Klaviyo knows them.

        Look-ups are put on the record of each delivery, unless `on_record` says otherwise.
        """
        self._client = client
        self.lookup = Lookup(client)
        self._brought: set[str] = set()
        self._advocates = _advocates(deliveries)
        self._there = told_lately(client.connection, deliveries)
        unsure = [d for d in deliveries if d.subject.lower() not in self._there and d.subject.lower() not in unasked]
        if unsure:
            self.lookup.ask({delivery.subject for delivery in unsure}, unsure if on_record else ())
        to_bring = [d for d in unsure if d.kind in ALWAYS_BROUGHT or (d.kind == "event" and self.known(d) is None)]
        phones = {phone for delivery in to_bring if (phone := self._phone(delivery))}
        self._phones = dict.fromkeys(profiles.find_phones(client, phones, to_bring if on_record else ()), SOMEBODY)

    def known(self, delivery: Delivery) -> Profile | None:
        """The person whom a delivery is about, or None when Klaviyo has never seen them."""
        return self.lookup.profile(delivery.subject)

    def is_there(self, delivery: Delivery) -> bool:
        """Whether Klaviyo knows the person: by its answer, or because it has just heard of them from us."""
        return self.known(delivery) is not None or delivery.subject.lower() in self._there | self._brought

    def has_moved(self, delivery: Delivery) -> bool:
        """Whether the advocate has another address by now; the delivery then goes by the new one."""
        if delivery.options.get("advocate") not in self._advocates:
            return False
        old, delivery.subject = delivery.subject, cleaning.address(self._advocate(delivery)[0].email)
        return old.lower() != delivery.subject.lower()

    def is_gone(self, delivery: Delivery) -> bool:
        """Whether it tells of an advocate who is no longer in any program."""
        return delivery.kind == "profile" and delivery.options.get("advocate") not in self._advocates

    def phone_of(self, delivery: Delivery) -> str:
        """The phone number of a new fact that is nobody else's at Klaviyo; empty where there is none."""
        phone = str(delivery.options.get("person", {}).get("phone_number") or "")
        has = self._has(delivery).get("phone_number")
        return phone if phone == has or self._phones.get(phone) == delivery.subject.lower() else ""

    def must_be_brought(self, delivery: Delivery) -> bool:
        """Whether Klaviyo has yet to hear of the person."""
        return not self.is_there(delivery)

    def bring(self, delivery: Delivery, sync: ProfileSync) -> None:
        """Upsert the person. Whom we create goes on the store's list, by a delivery of its own."""
        listing = newcomers.plan(delivery, sync) if sync.list_id and self.must_be_brought(delivery) else None
        body = self.request(delivery)
        phone = body["data"]["attributes"].get("phone_number")
        is_new = _upsert(self._client, delivery, body)
        if phone and "phone_number" not in body["data"]["attributes"]:
            self._phones[phone] = SOMEBODY  # by Klaviyo's own word
        if listing:
            newcomers.settle(delivery, listing, is_new)
        self._brought.add(delivery.subject.lower())

    def request(self, delivery: Delivery) -> dict[str, Any]:
        """The upsert of a delivery's person, put on the record when the delivery is about nothing else."""
        attributes, warnings = self._news(delivery)
        phone = attributes.get("phone_number")
        if phone and self._phones.setdefault(phone, delivery.subject.lower()) != delivery.subject.lower():
            del attributes["phone_number"]
            warnings.append("The phone number was left out: at Klaviyo it belongs to somebody else.")
        body = profiles.body_of(attributes, self._outdated(delivery, attributes))
        if delivery.kind == "profile":
            delivery.body, delivery.warnings = body, warnings
        return body

    def _news(self, delivery: Delivery) -> tuple[Attributes, list[str]]:
        """What we have to say of the person. Names and phone fill in what Klaviyo lacks; they overwrite nothing."""
        warnings: list[str] = []
        if delivery.kind == "profile":
            advocate, now = self._advocate(delivery)
            said, warnings = payloads.profile(advocate, now, self._prefixes[advocate.pk])
        else:
            said = {"email": delivery.subject, **delivery.options.get("person", {})}
        has = self._has(delivery)
        return {k: v for k, v in said.items() if not (k in FILLED_IN_ONLY and has.get(k))}, warnings

    def _outdated(self, delivery: Delivery, attributes: Attributes) -> list[str]:
        """Of our own properties there, those that no longer say anything: a tier that was taken back."""
        there, said = self._has(delivery).get("properties"), attributes.get("properties")
        if delivery.kind != "profile" or not isinstance(there, dict) or not said:
            return []
        prefix = self._prefixes[self._advocate(delivery)[0].pk]
        return [name for name in (f"{prefix}{optional}" for optional in OPTIONAL) if name in there and name not in said]

    def _advocate(self, delivery: Delivery) -> tuple[Advocate, Standing]:
        try:
            return self._advocates[delivery.options["advocate"]]
        except KeyError:
            raise PermanentError("person_gone", "This person is no longer in any program.") from None

    @cached_property
    def _prefixes(self) -> dict[int, str]:
        return prefixes.of(self._client.connection, [advocate for advocate, _ in self._advocates.values()])

    def _has(self, delivery: Delivery) -> Attributes:
        person = self.known(delivery)
        return person.attributes if person else {}

    def _phone(self, delivery: Delivery) -> str | None:
        with contextlib.suppress(Exception):  # what is wrong with one person shows when it is their turn
            phone: str | None = self._news(delivery)[0].get("phone_number")
            return phone
        return None


def told_lately(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    """Of people who are concerned by nothing but events of their own, those whom Klaviyo took from us just now."""
    others = {d.subject.lower() for d in deliveries if d.kind != "event" or orders.message_of(d)}
    mine = {d.subject for d in deliveries if d.subject.lower() not in others}
    if not mine:
        return set()
    taken = Q(state=Delivery.State.ACCEPTED, settled_at__gte=timezone.now() - LATELY)
    told = Delivery.objects.filter(
        taken | Q(state=Delivery.State.SENDING, job__isnull=False),
        connection=connection,
        kind="profile",
        subject__in=mine,
    )
    careful = _concerning_careful_stores(connection, deliveries)
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    return {
        subject.lower()
        for subject, settled_at in told.values_list("subject", "settled_at")
        if subject.lower() not in careful or (settled_at and settled_at > a_minute_ago)
    }


def _concerning_careful_stores(connection: Connection, deliveries: Sequence[Delivery]) -> set[str]:
    """Where no profile may be made, what was known of a person is good for as long as their consent."""
    syncs = ProfileSync.objects.filter(connection=connection, behaviour=ProfileSync.Behaviour.UPDATE_EXISTING)
    careful = set(syncs.values_list("pk", flat=True))
    return {delivery.subject.lower() for delivery in deliveries if delivery.options.get("sync") in careful}


def _advocates(deliveries: Sequence[Delivery]) -> dict[int, tuple[Advocate, Standing]]:
    ids = [delivery.options["advocate"] for delivery in deliveries if delivery.kind == "profile"]
    standings = standing.of(ids)
    advocates = Advocate.objects.filter(pk__in=ids).prefetch_related("program__store")  # which many share
    return {advocate.pk: (advocate, standings[advocate.pk]) for advocate in advocates}


def _upsert(client: Client, delivery: Delivery, body: dict[str, Any]) -> bool:
    """Whether the person is new. A phone or a locale that Klaviyo refuses costs just that, not the person."""
    attributes = body["data"]["attributes"]
    try:
        return profiles.upsert(client, body, [delivery])[1]
    except PermanentError as error:
        refused = [name for name in FILLED_IN_ONLY if name in attributes and answers.points_at(error, name)]
        if answers.duplicate_of(error) and "phone_number" in attributes:
            refused = ["phone_number"]
        if not refused:
            return _update_the_other(client, delivery, body, error)
        for name in refused:
            del attributes[name]
            delivery.warnings.append(f"Left out: Klaviyo did not take the {name.replace('_', ' ')} for this person.")
        return profiles.upsert(client, body, [delivery])[1]


def _update_the_other(client: Client, delivery: Delivery, body: dict[str, Any], error: PermanentError) -> bool:
    """Klaviyo says that the person is another profile: then that one is meant."""
    other = answers.duplicate_of(error)
    if not other:
        raise error
    profiles.update(client, other, body, [delivery])
    return False
