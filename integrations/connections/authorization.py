"""The authorization code flow of OAuth 2.0: to a provider's consent screen and back (RFC 6749, 4.1; RFC 9700).

A trip has a state that works once, for ten minutes, in the session, for the user and with the provider it was
begun with. It is used up before anything else is looked at, so a second callback never asks for tokens.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import HttpRequest

from integrations.connections import accounts, oauth, renewal, token_revocation
from integrations.connections.accounts import ACCOUNT_ID, Consent, Outcome
from integrations.connections.grants import Grant
from integrations.encryption import Undecryptable
from integrations.errors import IntegrationError, OperatorRequired, TemporaryError
from integrations.models import Authorization, Connection
from integrations.providers import Account, Addresses, Provider

LIFETIME = timedelta(minutes=10)
KEPT = timedelta(days=1)
SESSION_KEY = "integrations.binding"
LONGEST_PARAMETER = 4096
LONGEST_WORD = 64
QUESTIONS = 2  # how often the new account is asked for its name before the trip is called off

AGAIN = "Go back and start again."
FAILURES = {
    "no_state": ("The provider sent you here, but the connection was not started here.", "Start it from this site."),
    "unknown": ("This answer belongs to nothing that was started here.", AGAIN),
    "used": (
        "This answer was used before.",
        "If the account shows as connected, all is well; otherwise start again.",
    ),
    "expired": ("This took longer than ten minutes.", AGAIN),
    "another_session": ("This was started by somebody else, or in another browser.", "Start again in this browser."),
    "another_provider": ("This answer comes from another provider than the one asked.", AGAIN),
    "declined": ("Access was declined at the provider. Nothing was changed.", "Start again whenever you like."),
    "provider_error": ("The provider reports that something went wrong there.", "Start again in a few minutes."),
    "no_code": ("The provider's answer is incomplete.", AGAIN),
    "refused": ("The provider refuses what it sent us itself; it may have expired.", AGAIN),
    "app_refused": (
        "The provider refuses this site's app.",
        "Whoever runs this site must check the client id, secret, scopes and redirect address in the settings.",
    ),
    "no_answer": ("The provider could not be reached, or gave no readable answer.", "Start again in a few minutes."),
    "no_account": (
        "Access was granted, but the provider did not say for which account.",
        "Start again in a few minutes.",
    ),
}
DECLINED = {"access_denied"}  # https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1, which also has the next
APP_REFUSED = {"invalid_scope", "unauthorized_client", "invalid_request", "unsupported_response_type"}


class ConnectingFailed(Exception):
    """A trip to the consent screen ended without a connection, which is on no record; `advice` says what to do now."""

    connection: Connection | None = None  # which the trip was to connect again

    def __init__(self, code: str) -> None:
        self.code = code
        self.sentence, self.advice = FAILURES[code]
        super().__init__(f"{code}: {self.sentence}")


def begin(
    request: HttpRequest,
    provider: Provider,
    connection: Connection | None = None,
    chosen: Collection[str] = (),
    whom: str = "",
) -> str:
    """Start a trip for the signed-in user: to connect an account, or that connection again. The address to go to.

    Of the provider's additions those are asked for that were chosen, and what the connection has already. `whom` the
    account is to serve is remembered on the way.
    """
    Authorization.objects.filter(expires_at__lt=Now() - KEPT).delete()
    state, verifier = secrets.token_urlsafe(32), oauth.new_verifier()
    asked = provider.asked(chosen, connection.granted if connection else ())
    address = oauth.authorize_url(provider, state, oauth.challenge_of(verifier), asked)
    trip = Authorization(
        provider=provider.slug,
        state_hash=_hash(state),
        session_hash=_hash(request.session.setdefault(SESSION_KEY, secrets.token_urlsafe(32))),
        user=_user(request),
        connection=connection,
        scopes=" ".join(asked),
        whom=whom[:LONGEST_WORD],
        expires_at=Now() + LIFETIME,
    )
    trip.code_verifier = verifier
    trip.save()
    if connection:
        token_revocation.postpone(connection, LIFETIME)
    return address


def complete(request: HttpRequest, provider: Provider) -> Outcome:
    """Finish a trip with what the provider's answer brings. Raises ConnectingFailed, or PermissionDenied."""
    trip = _used_up(_parameter(request, "state"))
    _refuse_strangers(request, provider, trip)
    try:
        return _completed(request, provider, trip)
    except ConnectingFailed as failure:
        failure.connection = trip.connection
        raise


def _completed(request: HttpRequest, provider: Provider, trip: Authorization) -> Outcome:
    if cast(datetime, trip.used_at) > trip.expires_at:
        raise ConnectingFailed("expired")
    permission = "integrations.reconnect" if trip.connection else "integrations.connect"
    if not request.user.has_perm(permission):
        raise PermissionDenied
    if error := request.GET.get("error"):
        known = "app_refused" if error in APP_REFUSED else "provider_error"
        raise ConnectingFailed("declined" if error in DECLINED else known)
    code = _parameter(request, "code")
    if not code:
        raise ConnectingFailed("no_code")
    grant = _exchanged(provider, code, trip)
    account = _identified(provider, grant)
    asked_at = cast(datetime, trip.used_at)
    outcome = accounts.store(provider, Consent(account, grant, _user(request), asked_at), trip.connection)
    return replace(outcome, whom=trip.whom)


def _used_up(state: str) -> Authorization:
    """The trip of that state, which works no more from here on."""
    if not state:
        raise ConnectingFailed("no_state")
    trips = Authorization.objects.filter(state_hash=_hash(state))
    # Of two callbacks at once the second waits, looks at the row again and finds it used:
    # https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    if not trips.filter(used_at=None).update(used_at=Now()):
        raise ConnectingFailed("used" if trips.exists() else "unknown")
    return trips.select_related("connection").get()


def _refuse_strangers(request: HttpRequest, provider: Provider, trip: Authorization) -> None:
    binding = str(request.session.get(SESSION_KEY, ""))
    is_ours = trip.user_id == request.user.pk and secrets.compare_digest(trip.session_hash, _hash(binding))
    if not is_ours:
        raise ConnectingFailed("another_session")
    if trip.provider != provider.slug or not _may_issue(provider.addresses(), request.GET.get("iss")):
        raise ConnectingFailed("another_provider")


def _may_issue(addresses: Addresses, issuer: str | None) -> bool:
    """An answer may name its issuer (RFC 9207): then it must be the one that we sent people to."""
    if issuer is None:
        return True
    try:
        origin = urlsplit(issuer)[:2]
    except ValueError:
        return False
    return origin in (urlsplit(addresses.authorize)[:2], urlsplit(addresses.token)[:2])


def _exchanged(provider: Provider, code: str, trip: Authorization) -> Grant:
    try:
        return oauth.exchange(provider, code, trip.code_verifier, trip.scopes.split())
    except OperatorRequired:
        raise ConnectingFailed("app_refused") from None
    except TemporaryError:
        raise ConnectingFailed("no_answer") from None
    except (IntegrationError, Undecryptable):
        raise ConnectingFailed("refused") from None


def _identified(provider: Provider, grant: Grant) -> Account:
    """The account that was granted, asked for twice: a grant that nobody can place is lost."""
    for _question in range(QUESTIONS):
        try:
            account = provider.identify(renewal.of_token(grant.access_token))
        except IntegrationError:
            continue
        if ACCOUNT_ID.fullmatch(account.id):
            return account
    raise ConnectingFailed("no_account")


def _parameter(request: HttpRequest, name: str) -> str:
    """A parameter that came exactly once, in printable characters and of sane length; else nothing."""
    values = request.GET.getlist(name)
    value = values[0] if len(values) == 1 else ""
    return value if len(value) <= LONGEST_PARAMETER and value.isascii() and value.isprintable() else ""


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
