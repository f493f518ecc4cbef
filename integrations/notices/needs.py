"""Needs: which accounts need somebody, watched for changes; each change is told once, and so is that all is well again.

What an account needs is read from its own row, so that the watch costs the same whatever waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from integrations import providers
from integrations.models import Connection, Need
from integrations.notices.kinds import register
from integrations.notices.publishing import publish

State = Connection.State

NEEDS_SOMEBODY = register("connection.needs_somebody", "An account needs somebody: to reconnect, decide, or allow more")
WELL_AGAIN = register("connection.well_again", "An account that needed somebody works again")
DISCONNECTED = register("connection.disconnected", "An account that needed somebody was disconnected instead")
RECONNECT, DECIDE, SCOPES = "reconnect", "decide", "scopes_missing"


@dataclass(frozen=True)
class Needed:
    """What an account needs: a code that stays as long as it is the same need, and words for whoever is to help."""

    code: str
    sentence: str
    what_to_do: str


def of(connection: Connection) -> Needed | None:
    """What it needs of a person now; None while it needs nobody."""
    match connection.state:
        case State.RECONNECT:
            sentence = connection.problem or "The provider no longer accepts our access."
            return Needed(RECONNECT, sentence, "Connect the account again. What waits is kept, and goes out then.")
        case State.UNDECIDED:
            sentence = "A different account came back than the one that was connected."
            return Needed(DECIDE, sentence, "Decide on the account's page what becomes of it.")
        case State.CONNECTED if missing := _missing(connection):
            sentence = f"It lacks what is needed for everything to go: {', '.join(missing)}."
            return Needed(SCOPES, sentence, "Reconnect, and allow everything that is asked for.")
    return None


def watch() -> int:
    """Tell what has changed since the last time, whichever worker looks; how many changes there were."""
    open_needs = {need.connection_id: need for need in Need.objects.all()}
    return sum(_compare(row, open_needs.get(row.pk)) for row in _watched())


def _watched() -> Iterable[Connection]:
    return Connection.objects.filter(provider__in=providers.slugs()).order_by("pk")


def _compare(connection: Connection, before: Need | None) -> bool:
    """Whether something has changed, and it was us who told it."""
    needed = of(connection)
    if (needed and needed.code) == (before and before.code):
        return False
    try:
        with transaction.atomic():
            if before is not None and not Need.objects.filter(pk=before.pk, code=before.code).delete()[0]:
                return False  # another worker has seen it first
            if needed is not None:
                Need.objects.create(connection=connection, code=needed.code)
                publish(NEEDS_SOMEBODY, connection, _said(connection, needed))
            elif connection.state == State.CONNECTED:
                publish(WELL_AGAIN, connection, _said(connection))
            else:
                publish(DISCONNECTED, connection, _said(connection))
    except IntegrityError:  # likewise
        return False
    return True


def _said(connection: Connection, needed: Needed | None = None) -> dict[str, Any]:
    about = {
        "connection": connection.pk,
        "provider": connection.provider,
        "account_id": connection.account_id,
        "account_name": connection.account_name,
        "page": f"{settings.SITE_URL.rstrip('/')}{reverse('integrations:connection', args=[connection.pk])}",
        "seen_at": timezone.now().isoformat(timespec="seconds"),
    }
    if needed is None:
        return about
    return about | {"code": needed.code, "sentence": needed.sentence, "what_to_do": needed.what_to_do}


def _missing(connection: Connection) -> list[str]:
    """The scopes without which not everything goes; of a key, those that it is known not to have."""
    provider = providers.get(connection.provider)
    never = provider.keys.never if connection.has_key and provider.keys else {}
    return connection.lacks(one.name for one in provider.scopes if not one.is_optional and one.name not in never)
