"""People of a batch: their profiles at Klaviyo, and our data about them, brought there by upserts."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrations.models import Delivery
from integrations.outcomes import Outcome
from klaviyo.api import profile_search, profiles
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.mapping import contents, switches
from klaviyo.mapping.contents import Event, Subscribe
from klaviyo.models import StoreSetting
from klaviyo.profiles import new_profile_list, upsert
from klaviyo.profiles.errors import ProfileConflict
from klaviyo.profiles.lookup import Lookup
from klaviyo.profiles.recently_sent import told_lately
from klaviyo.profiles.upsert import FILLED_IN_ONLY

SOMEBODY = ""  # who has a phone number, where all we know is that somebody has
TRIED_TOGETHER = 2  # times; then people are looked up apart from those with whom nothing went wrong
ALWAYS_BROUGHT = (contents.Profile.kind, Subscribe.kind)  # kinds that upsert the person; an event does it for a new one

Attributes = dict[str, Any]


class Source(Protocol):
    """Where the content of profile deliveries comes from."""

    def spelt(self, email: str) -> Collection[str]:
        """Other spellings of an address under which Klaviyo may know the person."""

    def address(self, delivery: Delivery) -> str | None:
        """The person's address by now; None when they are gone."""

    def said(self, delivery: Delivery) -> tuple[Attributes, list[str]]:
        """The profile's attributes, and what was trimmed. Raises PermanentError when the person is gone."""

    def is_by_anybody(self, delivery: Delivery) -> bool:
        """Whether names and phone were typed into a public form, perhaps by somebody else."""

    def tells_of(self, email: str) -> bool:
        """Whether there are properties of ours for whoever has this address."""

    def off(self, delivery: Delivery) -> Collection[str]:
        """The fields that the account is not told of."""

    def optional(self, delivery: Delivery) -> Sequence[str]:
        """The names of properties of ours that a person may cease to have."""


class Refusals(Protocol):
    """What these people have said no to, and how far the account is with it."""

    def stand(self, email: str) -> bool:
        """Whether the person has said no."""

    def first(self, delivery: Delivery, *, is_there: bool) -> Outcome | None:
        """What a delivery about the person must wait for."""

    def before_making(self, client: Client, delivery: Delivery) -> None:
        """A profile is about to be made of the person."""


@dataclass
class People:
    """The people of one batch as Klaviyo knew them when it began, found in one call, and those brought since.

    Whom Klaviyo took from us within a day need not be looked up for an event of their own: they are `there`.
    A phone number is an identifier at Klaviyo: sent with one person's e-mail while it belongs to another, it could
    tie the two together (which identifier wins is not published). So a number goes only when nobody has it; `phones`
    says who does. https://developers.klaviyo.com/en/reference/profiles_api_overview
    """

    client: Client
    source: Source
    lookup: Lookup
    refusals: Refusals
    there: set[str] = field(default_factory=set)
    phones: dict[str, str] = field(default_factory=dict)

    def known(self, delivery: Delivery) -> Profile | None:
        """The person whom a delivery is about, or None when Klaviyo has never seen them."""
        return self.lookup.profile(delivery.subject)

    def is_there(self, delivery: Delivery) -> bool:
        """Whether Klaviyo knows the person: by its answer, or because it has just heard of them from us."""
        return self.known(delivery) is not None or delivery.subject.lower() in self.there

    def has_moved(self, delivery: Delivery) -> bool:
        """Whether the person has another address by now; the delivery then goes by the new one."""
        now = self.source.address(delivery) if delivery.kind == contents.Profile.kind else None
        if now is None:
            return False
        old, delivery.subject = delivery.subject, now
        return old.lower() != now.lower()

    def is_gone(self, delivery: Delivery) -> bool:
        """Whether it tells of somebody who is no longer in any program."""
        return delivery.kind == contents.Profile.kind and self.source.address(delivery) is None

    def is_anothers(self, delivery: Delivery) -> bool:
        """Whether the person's profile has another first address, of which we tell as well: it says what that one is.

        Klaviyo has one set of properties for all of a profile's addresses, and each would write over the other's.
        https://help.klaviyo.com/hc/en-us/articles/48274807144475
        """
        person = self.known(delivery)
        return person is not None and person.is_named_otherwise and self.source.tells_of(person.email)

    def phone_of(self, delivery: Delivery) -> str:
        """The phone number of a new fact that is nobody else's at Klaviyo; empty where there is none."""
        phone = str(_person(delivery).get("phone_number") or "")
        has = self._has(delivery).get("phone_number")
        return phone if phone == has or self.phones.get(phone) == delivery.subject.lower() else ""

    def has_said_no(self, delivery: Delivery) -> bool:
        """Whether the person has said no to a store of the account."""
        return self.refusals.stand(delivery.subject)

    def refuses(self, delivery: Delivery) -> Outcome | None:
        """A no of the person that the account must know first."""
        return self.refusals.first(delivery, is_there=self.is_there(delivery))

    def before_making(self, delivery: Delivery) -> None:
        """Tell Klaviyo of a no of somebody before there is a profile of them. Raises IntegrationError."""
        self.refusals.before_making(self.client, delivery)

    def bring(self, delivery: Delivery, setting: StoreSetting) -> None:
        """Upsert the person. Whom we create goes on the store's list, by a delivery of its own, unless they said no."""
        if not self.is_there(delivery):
            self.before_making(delivery)
        joins = setting.list_id and not self.is_there(delivery) and not self.has_said_no(delivery)
        listing = new_profile_list.plan(delivery, setting) if joins else None
        body = self.request(delivery)
        phone = body["data"]["attributes"].get("phone_number")
        try:
            is_new = self._upsert(delivery, body)
        except ProfileConflict:
            if listing:
                new_profile_list.settle(delivery, listing, is_new=False)  # whoever is merged was there
            raise
        if phone and "phone_number" not in body["data"]["attributes"]:
            self.phones[phone] = SOMEBODY  # by Klaviyo's own word
        if listing:
            new_profile_list.settle(delivery, listing, is_new)
        self.there.add(delivery.subject.lower())

    def _upsert(self, delivery: Delivery, body: Attributes) -> bool:
        """Whether the person is new. While Klaviyo merges profiles, it is looked once more which one is theirs."""
        before = self.known(delivery)
        try:
            return upsert.upsert(self.client, delivery, body)
        except ProfileConflict:
            self.lookup.ask([delivery.subject], [delivery])
            person = self.known(delivery)
            if person is None or (before and person.id == before.id):
                raise
            upsert.update(self.client, delivery, person.id, body)
            return False

    def request(self, delivery: Delivery) -> dict[str, Any]:
        """The upsert of a delivery's person, put on the record when the delivery is about nothing else."""
        attributes, warnings = self.news(delivery)
        phone = attributes.get("phone_number")
        if phone and self.phones.setdefault(phone, delivery.subject.lower()) != delivery.subject.lower():
            del attributes["phone_number"]
            warnings.append("The phone number was left out: at Klaviyo it belongs to somebody else.")
        body = profiles.body_of(attributes, self._outdated(delivery, attributes))
        if delivery.kind == contents.Profile.kind:
            delivery.body, delivery.warnings = body, warnings
        return body

    def news(self, delivery: Delivery) -> tuple[Attributes, list[str]]:
        """What we have to say of the person. Names and phone fill in what Klaviyo lacks; they overwrite nothing.

        But the number to which somebody wants text messages is their own word, and whatever else there is a guess.
        """
        said, warnings = {"email": delivery.subject, **self._person(delivery)}, list[str]()
        has = self._has(delivery)
        if delivery.kind == contents.Profile.kind:
            known, warnings = self.source.said(delivery)
            said = known if has else said | known
        left_alone = [name for name in FILLED_IN_ONLY if has.get(name)]
        if "phone_number" in left_alone and _wants_texts(delivery) and said.get("phone_number") != has["phone_number"]:
            left_alone.remove("phone_number")
        if delivery.kind == contents.Profile.kind and has and self.source.is_by_anybody(delivery):
            left_alone = list(FILLED_IN_ONLY)
        return {name: value for name, value in said.items() if name not in left_alone}, warnings

    def _person(self, delivery: Delivery) -> Attributes:
        """What the delivery says of a new person; the number for text messages, where that is what it is for."""
        person = _person(delivery)
        if not person:
            return person
        keeps = {"phone_number"} if delivery.kind != Event.kind else set()
        return switches.without(person, set(self.source.off(delivery)) - keeps)

    def _outdated(self, delivery: Delivery, attributes: Attributes) -> list[str]:
        """Of our own properties there, those that no longer say anything: a tier that was taken back."""
        there, said = self._has(delivery).get("properties"), attributes.get("properties")
        if delivery.kind != contents.Profile.kind or not isinstance(there, dict) or not said:
            return []
        return [name for name in self.source.optional(delivery) if name in there and name not in said]

    def _has(self, delivery: Delivery) -> Attributes:
        person = self.known(delivery)
        return person.attributes if person else {}


def look_up(
    client: Client,
    deliveries: Sequence[Delivery],
    source: Source,
    refusals: Refusals,
    unasked: Collection[str] = (),
    *,
    on_record: bool = True,
) -> People:
    """Ask who the people of a batch are, and (where one has a phone number to be sent) whose that is: one call each.

    `unasked` are addresses in lower case of whom it does not matter whether Klaviyo knows them. Look-ups are put on
    the record of each delivery, unless `on_record` says otherwise. Raises IntegrationError.
    """
    there = {email for email in told_lately(client.connection, deliveries) if not refusals.stand(email)}
    people = People(client, source, Lookup(client, source.spelt), refusals, there)
    unsure = [d for d in deliveries if d.subject.lower() not in people.there and d.subject.lower() not in unasked]
    if unsure:
        careful = {delivery.subject for delivery in unsure if delivery.attempts_made > TRIED_TOGETHER}
        people.lookup.ask({d.subject for d in unsure}, unsure if on_record else (), careful=careful)
    to_bring = [d for d in unsure if d.kind in ALWAYS_BROUGHT or (d.kind == Event.kind and people.known(d) is None)]
    phones = {phone for delivery in to_bring if (phone := _phone(people, delivery))}
    people.phones = dict.fromkeys(profile_search.find_phones(client, phones, to_bring if on_record else ()), SOMEBODY)
    return people


def _phone(people: People, delivery: Delivery) -> str | None:
    with contextlib.suppress(Exception):  # what is wrong with one person shows when it is their turn
        phone: str | None = people.news(delivery)[0].get("phone_number")
        return phone
    return None


def _wants_texts(delivery: Delivery) -> bool:
    return delivery.kind == Subscribe.kind and "sms" in Subscribe.of(delivery).channels


def _person(delivery: Delivery) -> Attributes:
    """What a new profile of the person would get, where the delivery says so."""
    content = contents.of(delivery)
    return content.person if isinstance(content, Event | Subscribe | contents.Profile) else {}
