"""The people of a batch: who they are at Klaviyo, and bringing our side of them there."""

import contextlib
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from integrations.errors import PermanentError
from integrations.models import Delivery
from integrations.reasons import Who, declare
from klaviyo.api import profiles, values
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.mapping import profiles as mapping_profiles
from klaviyo.mapping import property_names
from klaviyo.models import StoreSetting
from klaviyo.profiles import advocates, new_profile_list
from klaviyo.profiles.lookup import Lookup
from klaviyo.profiles.recently_sent import told_lately
from klaviyo.profiles.upsert import FILLED_IN_ONLY, upsert
from referrals.models import Advocate
from referrals.standing import Standing

SOMEBODY = ""  # who has a phone number, where all we know is that somebody has
ALWAYS_BROUGHT = ("profile", "subscribe")  # kinds that upsert the person; an event does it for a new one
OPTIONAL = ("tier",)  # our own properties that a person may cease to have
PERSON_GONE = declare(
    "person_gone",
    "No longer in a program",
    "This person is no longer in any program.",
    because="the person is no longer in any program",
    means="Whom it was about has been removed since it was queued.",
    who=Who.NOBODY,
)

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
        self._advocates = advocates.of(deliveries)
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
        old, delivery.subject = delivery.subject, values.address(self._advocate(delivery)[0].email)
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

    def bring(self, delivery: Delivery, setting: StoreSetting) -> None:
        """Upsert the person. Whom we create goes on the store's list, by a delivery of its own."""
        listing = (
            new_profile_list.plan(delivery, setting) if setting.list_id and self.must_be_brought(delivery) else None
        )
        body = self.request(delivery)
        phone = body["data"]["attributes"].get("phone_number")
        is_new = upsert(self._client, delivery, body)
        if phone and "phone_number" not in body["data"]["attributes"]:
            self._phones[phone] = SOMEBODY  # by Klaviyo's own word
        if listing:
            new_profile_list.settle(delivery, listing, is_new)
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
            said, warnings = mapping_profiles.profile(advocate, now, self._prefixes[advocate.pk])
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
            raise PermanentError(PERSON_GONE) from None

    @cached_property
    def _prefixes(self) -> dict[int, str]:
        return property_names.of(self._client.connection, [advocate for advocate, _ in self._advocates.values()])

    def _has(self, delivery: Delivery) -> Attributes:
        person = self.known(delivery)
        return person.attributes if person else {}

    def _phone(self, delivery: Delivery) -> str | None:
        with contextlib.suppress(Exception):  # what is wrong with one person shows when it is their turn
            phone: str | None = self._news(delivery)[0].get("phone_number")
            return phone
        return None
