"""Advocates as the source of profiles: the one file here that knows referrals."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from django.db.models.functions import Lower

from integrations.errors import PermanentError
from integrations.models import Connection, Delivery
from integrations.reasons import Who, declare
from klaviyo.api import values
from klaviyo.mapping import contents, profiles, property_names, switches
from klaviyo.mapping.contents import Profile
from klaviyo.models import StoreSetting
from referrals import standing, suppressions
from referrals.models import Advocate, Store

PERSON_GONE = declare(
    "person_gone",
    "No longer in a program",
    "This person is no longer in any program.",
    because="the person is no longer in any program",
    means="Whom it was about has been removed since it was queued.",
    who=Who.NOBODY,
)
OPTIONAL = ("tier",)  # our own properties that a person may cease to have


class Advocates:
    """The advocates of a batch's profile deliveries, as they are now."""

    def __init__(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        ids = [Profile.of(delivery).advocate for delivery in deliveries if delivery.kind == Profile.kind]
        found = Advocate.objects.filter(pk__in=ids).prefetch_related("program__store")  # which many share
        self._advocates = {advocate.pk: advocate for advocate in found}
        self._standings = standing.of(ids)
        self._connection = connection

    def spelt(self, email: str) -> Collection[str]:
        return suppressions.spellings(email)

    def address(self, delivery: Delivery) -> str | None:
        advocate = self._advocates.get(Profile.of(delivery).advocate)
        return values.address(advocate.email) if advocate else None

    def said(self, delivery: Delivery) -> tuple[dict[str, Any], list[str]]:
        advocate = self._of(delivery)
        prefix, off = self._prefixes[advocate.pk], self.off(delivery)
        return profiles.profile(advocate, self._standings[advocate.pk], prefix, off)

    def off(self, delivery: Delivery) -> Collection[str]:
        return self._off.get(contents.store_of(delivery), frozenset())

    def is_by_anybody(self, delivery: Delivery) -> bool:
        return self._of(delivery).by_anybody

    def tells_of(self, email: str) -> bool:
        here = Store.objects.filter(klaviyo_settings__connection=self._connection, klaviyo_settings__is_enabled=True)
        joined = Advocate.objects.filter(program__store__in=here).alias(address=Lower("email"))
        return joined.filter(address__in=suppressions.spellings(email)).exists()

    def optional(self, delivery: Delivery) -> Sequence[str]:
        kept = [name for name in OPTIONAL if name not in self.off(delivery)]
        return [f"{self._prefixes[self._of(delivery).pk]}{name}" for name in kept]

    @cached_property
    def _off(self) -> dict[int, frozenset[str]]:
        """Asked for when somebody is brought, like the next."""
        rows = StoreSetting.objects.filter(connection=self._connection).only("store_id", "left_out")
        return {setting.store_id: switches.fields_off(setting) for setting in rows}

    @cached_property
    def _prefixes(self) -> dict[int, str]:
        """Asked for when the first profile goes: what has just happened to somebody does not wait for it."""
        return property_names.of(self._connection, list(self._advocates.values()))

    def _of(self, delivery: Delivery) -> Advocate:
        try:
            return self._advocates[Profile.of(delivery).advocate]
        except KeyError:
            raise PermanentError(PERSON_GONE) from None


def store_of_advocate(advocate_id: int) -> int:
    """The id of the store of an advocate's program; 0 when they are gone."""
    return Advocate.objects.filter(pk=advocate_id).values_list("program__store", flat=True).first() or 0


def nameless(ids: Collection[int]) -> set[int]:
    """Those of whom nothing fills in what Klaviyo may lack: no name, phone or language."""
    found = Advocate.objects.filter(first_name="", last_name="", phone="", locale="", pk__in=ids)
    return set(found.values_list("pk", flat=True))
