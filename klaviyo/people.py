"""The people of a batch: who they are at Klaviyo, and bringing our side of them there."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from integrations.errors import OperatorRequired, PermanentError, TemporaryError
from integrations.models import Connection, Delivery
from klaviyo import payloads
from klaviyo.api import answers, lists, profiles
from klaviyo.api.client import Client
from klaviyo.api.profiles import Profile
from klaviyo.models import ProfileSync
from referrals import standing
from referrals.models import Advocate, Store

FILLED_IN_ONLY = ("first_name", "last_name", "phone_number", "locale")

Attributes = dict[str, Any]


class People:
    """The people of one batch as Klaviyo knew them when it began, found in one call, and those brought since.

    A phone number is an identifier at Klaviyo: sent with one person's e-mail while it belongs to another, it could
    tie the two together. So a number goes only when nobody has it, which costs a second call where there is one.
    """

    def __init__(self, client: Client, deliveries: Sequence[Delivery]) -> None:
        self._client = client
        self._known = profiles.find(client, {delivery.subject for delivery in deliveries}, deliveries)
        self._brought: set[str] = set()
        self._advocates = _advocates(client.connection, deliveries)
        to_bring = [d for d in deliveries if d.kind == "profile" or self.known(d) is None]
        phones = {phone for d in to_bring if (phone := self._news(d).get("phone_number"))}
        self._taken_phones = profiles.find_phones(client, phones, to_bring)

    def known(self, delivery: Delivery) -> Profile | None:
        """The person whom a delivery is about, or None when Klaviyo has never seen them."""
        return self._known.get(delivery.subject.lower())

    def must_be_brought(self, delivery: Delivery) -> bool:
        """Whether we have yet to create the person, or to finish creating them."""
        is_new = self.known(delivery) is None or bool(delivery.options.get("newcomer"))
        return is_new and delivery.subject.lower() not in self._brought

    def bring(self, delivery: Delivery, sync: ProfileSync) -> None:
        """Upsert the person, and put those whom we create on the list that the store has chosen."""
        person = self.known(delivery)
        attributes = self._news(delivery)
        if not attributes:
            raise PermanentError("person_gone", "This person is no longer in any program.")
        self._note(delivery, attributes)
        if person is None and sync.list_id:
            _remember_newcomer(delivery)
        profile_id = _upsert(self._client, delivery, attributes) or (person.id if person else "")
        if delivery.options.get("newcomer") and sync.list_id:
            _add_to_list(self._client, delivery, sync, profile_id)
        self._brought.add(delivery.subject.lower())

    def _news(self, delivery: Delivery) -> Attributes:
        """What we have to say of the person. Names and phone fill in what Klaviyo lacks; they overwrite nothing."""
        if delivery.kind == "profile":
            said = self._advocates.get(delivery.options["advocate"], ({}, []))[0]
        else:
            said = {"email": delivery.subject, **delivery.options.get("person", {})}
        person = self.known(delivery)
        has = person.attributes if person else {}
        return {name: value for name, value in said.items() if not (name in FILLED_IN_ONLY and has.get(name))}

    def _note(self, delivery: Delivery, attributes: Attributes) -> None:
        """Put on the record what goes out and what was left out; a phone that somebody has is dropped here."""
        if delivery.kind == "profile":
            delivery.warnings = list(self._advocates[delivery.options["advocate"]][1])
            delivery.body = {"data": {"type": "profile", "attributes": attributes}}
        phone = attributes.get("phone_number")
        if phone in self._taken_phones:
            del attributes["phone_number"]
            delivery.warnings.append("The phone number was left out: at Klaviyo it belongs to somebody else.")
        elif phone:
            self._taken_phones.add(phone)


def _advocates(connection: Connection, deliveries: Sequence[Delivery]) -> dict[int, tuple[Attributes, list[str]]]:
    """The profile attributes, as they are now, of the advocates that deliveries are about; by advocate id."""
    ids = [delivery.options["advocate"] for delivery in deliveries if delivery.kind == "profile"]
    advocates = Advocate.objects.filter(pk__in=ids).select_related("program__store")
    standings = standing.of(ids)
    return {a.pk: payloads.profile(a, standings[a.pk], _prefix(connection, a)) for a in advocates}


def _prefix(connection: Connection, advocate: Advocate) -> str:
    """A person in several programs of an account: the latest has the plain names, the others carry their program's."""
    here = Store.objects.filter(klaviyo_syncs__connection=connection, klaviyo_syncs__is_enabled=True)
    others = Advocate.objects.filter(program__store__in=here, email__iexact=advocate.email).exclude(pk=advocate.pk)
    later = Q(occurred_at__gt=advocate.occurred_at) | Q(occurred_at=advocate.occurred_at, pk__gt=advocate.pk)
    return f"sorae_{advocate.program.slug.replace('-', '_')}_" if others.filter(later).exists() else "sorae_"


def _upsert(client: Client, delivery: Delivery, attributes: Attributes) -> str:
    """A phone number that Klaviyo refuses costs the phone, not the person. Answers the profile's id."""
    try:
        return profiles.upsert(client, attributes, [delivery])[0]
    except PermanentError as error:
        if "phone_number" in attributes and (answers.points_at(error, "phone_number") or answers.duplicate_of(error)):
            delivery.warnings.append("The phone number was left out: Klaviyo did not take it for this person.")
            del attributes["phone_number"]
            return profiles.upsert(client, attributes, [delivery])[0]
        if duplicate := answers.duplicate_of(error):
            profiles.update(client, duplicate, attributes, [delivery])
            return duplicate
        raise


def _remember_newcomer(delivery: Delivery) -> None:
    """Written before the profile is made: a worker that dies in between must not forget the list."""
    delivery.options["newcomer"] = True
    Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease).update(options=delivery.options)


def _add_to_list(client: Client, delivery: Delivery, sync: ProfileSync, profile_id: str) -> None:
    if not profile_id:
        raise TemporaryError("unreadable_answer", "Klaviyo did not say which profile it made.")
    try:
        lists.add(client, sync.list_id, [profile_id], [delivery])
    except PermanentError as error:
        if error.code != "not_found":
            raise
        name = sync.list_name or sync.list_id
        sentence = f"The list “{name}” is no longer in the account. Choose another one in the store's settings."
        raise OperatorRequired("list_gone", sentence) from error
