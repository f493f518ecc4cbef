"""Rests: an account that does not answer, or that refuses all of a kind alike, is left alone by actions as well.

An account that must be connected again has no access to be used, so nothing needs to be asked of it here.
"""

from django.db.models import Q
from django.db.models.functions import Now

from integrations import pauses
from integrations.errors import TemporaryError
from integrations.models import Connection, Pause
from integrations.prepared import Given, Reading
from integrations.reasons import of as reason_of
from klaviyo.api.operation import Operation
from klaviyo.mapping import contents

#: The kinds of deliveries that go by the same operations.
KINDS = {
    "create_event": contents.Event.kind,
    "bulk_create_events": contents.Event.kind,
    "create_or_update_profile": contents.Profile.kind,
    "bulk_import_profiles": contents.Profile.kind,
    "add_profiles_to_list": contents.ListAdd.kind,
    "bulk_subscribe_profiles": contents.Subscribe.kind,
    "bulk_unsubscribe_profiles": contents.Unsubscribe.kind,
    "request_profile_deletion": contents.Erase.kind,
}


def obey(connection: Connection, operation: Operation) -> None:
    """Raises TemporaryError while the account is paused for trouble. What waits for its turn waits in the client."""
    if trouble := _TROUBLE.first(connection=connection.pk, kind=KINDS.get(operation.id, pauses.EVERYTHING)):
        raise Resting(reason_of(*trouble))


class Resting(TemporaryError):
    """Nothing was asked: the account is left alone for a while."""


_TROUBLE: Reading[tuple[str, str]] = Reading(
    lambda: (
        Pause.objects.filter(Q(connection=Given("connection")) | Q(connection=None), until__gt=Now())
        .filter(kind__in=[pauses.EVERYTHING, Given("kind")], code__in=pauses.TROUBLE)
        .order_by("pk")
        .values_list("code", "sentence")
    )
)
