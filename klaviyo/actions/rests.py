"""Rests: an account that does not answer, or that refuses all of a kind alike, is left alone by actions as well.

Where an operator has paused it, nothing changes it: whoever stops what Sorae sends wants to find it as it is. Reading
goes on, and so does what makes nobody reachable, such as a person's own no.

An account that must be connected again has no access to be used, so nothing needs to be asked of it here.
"""

from django.db.models import Q
from django.db.models.functions import Now

from integrations import pauses
from integrations.errors import OperatorRequired, TemporaryError
from integrations.models import Connection, Pause
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from integrations.prepared import Given, Reading
from integrations.reasons import of as reason_of
from klaviyo.actions.guard import LESSENING
from klaviyo.api.operation import Operation
from klaviyo.mapping import contents

REFUSED = "Nothing that changes this account is sent until somebody resumes it; reading and people's noes go on."

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


def obey(connection: Connection, operation: Operation, *, is_dry: bool = False) -> None:
    """Raises TemporaryError while the account is paused for trouble. What waits for its turn waits in the client.

    Raises OperatorRequired where somebody has paused it, and the request would change something.
    """
    kind = KINDS.get(operation.id, pauses.EVERYTHING)
    found = dict(_RESTS.all(connection=connection.pk, kind=kind))
    who = found.pop(pauses.PAUSED, "")
    if found:
        raise Resting(reason_of(*found.popitem()))
    if who and not is_dry and _changes(operation):
        raise OperatorRequired(by_hand.PAUSED.saying(f"{who} {REFUSED}"))


def look(connection: Connection, operation: Operation) -> None:
    """Right before a request that has waited for its turn: raises CalledOff where somebody has paused it meanwhile."""
    if _changes(operation) and by_hand.of(connection):
        raise CalledOff(by_hand.WAITS)


def _changes(operation: Operation) -> bool:
    return operation.id not in LESSENING and not _only_reads(operation)


def _only_reads(operation: Operation) -> bool:
    """Also reports, which are asked for by POST."""
    scopes = operation.scopes.split()
    return operation.method == "GET" or (bool(scopes) and all(scope.endswith(":read") for scope in scopes))


class Resting(TemporaryError):
    """Nothing was asked: the account is left alone for a while."""


_RESTS: Reading[tuple[str, str]] = Reading(
    lambda: (
        Pause.objects.filter(Q(connection=Given("connection")) | Q(connection=None), until__gt=Now())
        .filter(kind__in=[pauses.EVERYTHING, pauses.BY_HAND, Given("kind")], code__in=[*pauses.TROUBLE, pauses.PAUSED])
        .order_by("pk")
        .values_list("code", "sentence")
    )
)
