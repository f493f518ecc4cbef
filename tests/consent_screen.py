"""To Klaviyo's consent screen and back, as an operator's browser goes; and what that leaves, without the way."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import connections, providers
from integrations.connections import accounts
from integrations.connections.grants import Grant
from integrations.models import Connection
from integrations.providers import Account, Provider
from klaviyo.sandbox import Sandbox
from tests.integrations.operators import at_the_site, leads_on_to

TEA_HOUSE_LTD = "VxYz12"


def visit(
    browser: Client,
    account: str = TEA_HOUSE_LTD,
    decision: str = "allow",
    start: str = "",
    scope: str = "",
    also: Sequence[str] = (),
) -> HttpResponseBase:
    """What our callback answers. `start` is where to post first; `scope` grants less than is asked for.

    `also` are additions that are ticked.
    """
    start = start or reverse("integrations:connect", args=["klaviyo"])
    answer = browser.post(start, {"also": also}, headers=at_the_site())
    screen = urlsplit(leads_on_to(answer))
    form = {name: values[0] for name, values in parse_qs(screen.query).items()}
    form |= {"account": account, "decision": decision} | ({"scope": scope} if scope else {})
    back = requests.post(screen._replace(query="").geturl(), data=form, allow_redirects=False, timeout=300)
    callback = urlsplit(back.headers["Location"])
    return browser.get(f"{callback.path}?{callback.query}")


def connected_by(
    user: User,
    sandbox: Sandbox,
    account: str = TEA_HOUSE_LTD,
    again: Connection | None = None,
    also: Sequence[str] = (),
) -> Connection:
    """The connection that `visit` makes, without a request: for the many tests whose subject comes after it."""
    return accounts.store(*consent(user, sandbox, account, also), again).connection


def keyed_by(
    user: User, sandbox: Sandbox, account: str = TEA_HOUSE_LTD, connection: Connection | None = None
) -> Connection:
    """The connection that `paste` makes of a key that may do everything, without a browser."""
    provider = providers.get("klaviyo")
    assert provider.keys
    key = sandbox.make_private_key(account)
    return connections.connect_by_key(provider, provider.keys, key, user, connection).connection


def consent(
    user: User, sandbox: Sandbox, account: str = TEA_HOUSE_LTD, also: Sequence[str] = ()
) -> tuple[Provider, accounts.Consent]:
    """What somebody brings back from the consent screen; `also` are additions that they have ticked."""
    provider = providers.get("klaviyo")
    scopes = provider.asked(also)
    tokens = sandbox.connect(account, " ".join(scopes))
    grant = Grant(tokens.access_token, tokens.refresh_token, timedelta(seconds=tokens.expires_in), scopes)
    [seen] = [one for one in sandbox.accounts() if one.id == account]
    described = Account(seen.id, seen.name, seen.timezone, seen.currency, is_test=True)
    return provider, accounts.Consent(described, grant, user, timezone.now())


def paste(browser: Client, key: str, connection: Connection | None = None) -> HttpResponseBase:
    """A private key is pasted into our form: for whichever account it opens, or for one again."""
    name, of = ("reconnect_by_key", connection.pk) if connection else ("connect_by_key", "klaviyo")
    return browser.post(reverse(f"integrations:{name}", args=[of]), {"key": key})
