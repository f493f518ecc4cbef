"""An OAuth 2.0 client: authorization code with PKCE (RFC 6749, RFC 7636), refresh, and revocation (RFC 7009).

One call each, no retries, no state. The answer is a `Grant` whose every field was checked, or an error named for what
to do next; neither shows a token when printed.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from integrations.connections import token_answers
from integrations.connections.grants import Grant
from integrations.errors import OperatorRequired, TemporaryError
from integrations.providers import Addresses, Provider
from integrations.reasons import on_the_way
from integrations.wire import http

if TYPE_CHECKING:
    from requests.auth import HTTPBasicAuth
    from requests_oauthlib import OAuth2Session

UNCERTAIN = on_the_way(
    "refresh_uncertain",
    "Renewal uncertain",
    "The answer to a renewal was lost.",
    because="the answer to a renewal of our access was lost",
)

Answer = TypeVar("Answer")


def new_verifier() -> str:
    """PKCE's code verifier of 64 characters (RFC 7636, 4.1), kept on our side."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """The S256 challenge (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def redirect_uri(provider: Provider) -> str:
    """Where the provider sends people back: built from the settings, never from a request."""
    return f"{settings.SITE_URL}{reverse('integrations:callback', args=[provider.slug])}"


def authorize_url(provider: Provider, state: str, challenge: str, asked: Sequence[str] = ()) -> str:
    """The consent screen's address; what is asked for are the provider's own scopes, unless others are named."""
    from requests_oauthlib import OAuth2Session  # heavy

    addresses = provider.addresses()
    _check(addresses.authorize)
    session = OAuth2Session(
        addresses.client_id,
        redirect_uri=redirect_uri(provider),
        scope=list(asked or provider.asked()),
    )
    url, _state = session.authorization_url(
        addresses.authorize, state=state, code_challenge=challenge, code_challenge_method="S256"
    )
    return str(url)


def exchange(provider: Provider, code: str, verifier: str, asked: Sequence[str] = ()) -> Grant:
    """Turn the code of a callback into a grant; scopes that the answer leaves out are as asked (RFC 6749, 5.1)."""
    addresses = provider.addresses()
    _check(addresses.token)
    with _session(provider, addresses) as session:
        token = _answer(
            lambda: session.fetch_token(addresses.token, code=code, code_verifier=verifier, auth=_basic(addresses))
        )
    if not token.get("refresh_token"):
        raise TemporaryError(http.UNREADABLE_ANSWER.saying("The provider granted access without a way to renew it."))
    return _grant(token, asked=tuple(asked or provider.asked()))


def refresh(provider: Provider, refresh_token: str) -> Grant:
    """Renew access. When the answer is lost the old refresh token may be used up (RFC 6749, 6): `refresh_uncertain`."""
    addresses = provider.addresses()
    _check(addresses.token)
    with _session(provider, addresses) as session:
        try:
            token = _answer(
                lambda: session.refresh_token(addresses.token, refresh_token=refresh_token, auth=_basic(addresses))
            )
        except TemporaryError as error:
            if error.code in token_answers.LOST_ANSWERS:
                raise TemporaryError(UNCERTAIN) from error
            raise
    return _grant(token, asked=None)


def revoke(provider: Provider, refresh_token: str) -> None:
    """Revoke a grant; one that the provider does not know any more is as good (RFC 7009, 2.2)."""
    import requests  # heavy

    addresses = provider.addresses()
    _check(addresses.revoke)
    form = {"token": refresh_token, "token_type_hint": "refresh_token"}
    with http.through_the_door(requests.Session()) as session:
        response = _answer(lambda: session.post(addresses.revoke, data=form, auth=_basic(addresses)))
    if not token_answers.is_revoked(response):
        token_answers.refuse(response)


def _session(provider: Provider, addresses: Addresses) -> "OAuth2Session":
    """Made without scopes and the library's PKCE: both break an exchange in another process (requests-oauthlib 2.0)."""
    from requests_oauthlib import OAuth2Session  # heavy

    session = OAuth2Session(addresses.client_id, redirect_uri=redirect_uri(provider))
    http.through_the_door(session)
    for kind in ("access_token_response", "refresh_token_response"):
        session.register_compliance_hook(kind, token_answers.checked)
    return session


def _basic(addresses: Addresses) -> "HTTPBasicAuth":
    from requests.auth import HTTPBasicAuth  # heavy

    return HTTPBasicAuth(addresses.client_id, addresses.client_secret)  # RFC 6749, 2.3.1


def _check(address: str) -> None:
    """Plain http only to this machine; only for that may the library's own refusal be switched off."""
    from requests.exceptions import InvalidURL  # heavy

    try:
        http.refuse_plain_http(address)
    except InvalidURL:
        reason = http.PLAIN_HTTP.saying("An OAuth address is plain http, and not on this machine.")
        raise OperatorRequired(reason) from None
    if urlsplit(address).scheme == "http":
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # oauthlib 4.0 looks at nothing else


def _answer(call: Callable[[], Answer]) -> Answer:
    """Make the call; whatever breaks becomes an error of ours, which carries nothing of the answer along."""
    from oauthlib.oauth2 import OAuth2Error  # heavy
    from requests import RequestException

    try:
        return call()
    except (RequestException, OAuth2Error) as error:
        raise token_answers.no_answer(error) from None


def _grant(token: dict[str, Any], asked: tuple[str, ...] | None) -> Grant:
    scope = token.get("scope")
    names = scope.split() if isinstance(scope, str) else scope
    return Grant(
        access_token=token["access_token"],
        refresh_token=token["refresh_token"],
        expires_in=timedelta(seconds=token["expires_in"]),
        scopes=asked if names is None else tuple(names),
    )
