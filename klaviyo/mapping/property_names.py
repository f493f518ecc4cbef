"""Custom property names on a profile: `sorae_…`, or with the program's name for a person in several programs."""

from collections.abc import Collection

from django.db.models.functions import Lower

from integrations.models import Connection
from referrals.models import Advocate, Store

PLAIN = "sorae_"


def of(connection: Connection, advocates: Collection[Advocate]) -> dict[int, str]:
    """A person in several programs of an account: the latest has the plain names, the others carry their program's."""
    latest = _latest(connection, {advocate.email.lower() for advocate in advocates})
    return {
        advocate.pk: PLAIN if latest.get(advocate.email.lower(), advocate.pk) == advocate.pk else _own(advocate)
        for advocate in advocates
    }


def _latest(connection: Connection, emails: set[str]) -> dict[str, int]:
    here = Store.objects.filter(klaviyo_settings__connection=connection, klaviyo_settings__is_enabled=True)
    people = Advocate.objects.annotate(address=Lower("email")).filter(address__in=emails, program__store__in=here)
    return dict(people.order_by("occurred_at", "pk").values_list("address", "pk"))  # whoever comes later stays


def _own(advocate: Advocate) -> str:
    return f"{PLAIN}{advocate.program.slug.replace('-', '_')}_"
