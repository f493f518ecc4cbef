"""Health check of a connection: does the provider still accept our access, and is it still the same account?"""

import logging

from integrations import providers, shutdown
from integrations.connections import accounts
from integrations.connections.reconnect_required import mark_reconnect
from integrations.connections.renewal import KEY_REFUSED, access, renew
from integrations.errors import IntegrationError, ReconnectRequired
from integrations.models import Connection, HealthCheck
from integrations.outbox.waiting import DISCONNECTED
from integrations.providers import Access, Account
from integrations.reasons import Reason, access_ended

KEPT = 50
REFUSED = access_ended(
    "access_refused",
    "Access refused",
    "The provider no longer accepts our access. The app may have been removed from the account.",
    because="the provider no longer accepts our access to the account",
)
ANOTHER_ACCOUNT = access_ended(
    "another_account",
    "Other account",
    "Our access opens another account ({name}). Connect the right one again.",
    because="our access leads to another account than it did",
)

log = logging.getLogger(__name__)


def probe(connection: Connection) -> HealthCheck:
    """Ask once, and keep the answer. Only a refusal of our access, or another account, changes the connection."""
    try:
        account = _identified(connection)
    except IntegrationError as error:
        return _kept(connection, error.reason)
    connection.refresh_from_db()
    if account.id != connection.account_id:
        reason = ANOTHER_ACCOUNT.about(name=account.name)
        mark_reconnect(connection, reason)
        return _kept(connection, reason)
    accounts.describe(connection, account)
    connection.save(update_fields=["account_name", "timezone", "currency", "is_test_account"])
    return _kept(connection)


def probe_all() -> int:
    """Ask for every connected account, one after the other; how many passed."""
    connected = Connection.objects.filter(state=Connection.State.CONNECTED).order_by("pk")
    passed = 0
    for connection in connected:
        if shutdown.asked():
            break
        try:
            passed += probe(connection).passed
        except Exception:
            log.exception("Connection %s could not be probed.", connection.pk)
    return passed


def _identified(connection: Connection) -> Account:
    """The account behind our access. What is refused is renewed once; refused again, a person must help."""
    ours = access(connection.pk)
    try:
        return _asked(connection, ours)
    except IntegrationError as error:
        if not _is_refusal(error):
            raise
        ours = renew(connection.pk, ours.generation)
    try:
        return _asked(connection, ours)
    except IntegrationError as error:
        if _is_refusal(error):
            mark_reconnect(connection, REFUSED if ours.is_renewable else KEY_REFUSED, generation=ours.generation)
        raise


def _asked(connection: Connection, access: Access) -> Account:
    """Nothing is asked after a disconnect, which waits for deliveries but does not know of us.

    What was renewed meanwhile counts as refused: then the new one is taken.
    """
    same = Connection.objects.filter(pk=connection.pk, generation=access.generation)
    if not same.filter(state=Connection.State.CONNECTED).exists():
        raise ReconnectRequired(DISCONNECTED)
    return providers.get(connection.provider).identify(access)


def _is_refusal(error: IntegrationError) -> bool:
    return isinstance(error, ReconnectRequired) or error.code == "unauthorized"


def _kept(connection: Connection, reason: Reason | None = None) -> HealthCheck:
    check = HealthCheck(connection=connection, passed=reason is None)
    if reason:
        check.code, check.sentence = reason.code, reason.sentence
    check.save()
    newest = connection.health_checks.order_by("-checked_at", "-pk").values_list("pk", flat=True)[:KEPT]
    connection.health_checks.exclude(pk__in=list(newest)).delete()
    return check
