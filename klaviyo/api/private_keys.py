"""Private API keys of Klaviyo: what one looks like, how it opens an account, and which scopes it has."""

import re
from collections.abc import Iterable, Mapping
from time import monotonic

from integrations.errors import IntegrationError
from integrations.providers import Access, MalformedKey
from klaviyo.api import answers, transport
from klaviyo.api.accounts import GET_ACCOUNTS
from klaviyo.api.events import GET_EVENTS
from klaviyo.api.lists import GET_LISTS
from klaviyo.api.operation import Operation
from klaviyo.api.profiles import GET_PROFILES

PATIENCE_SECONDS = 10.0  # somebody waits for the page; what was not asked until then becomes known by its use
LEAST = {"page[size]": "1"}
CHEAPEST: dict[str, tuple[Operation, Mapping[str, str]]] = {  # by scope: what tells whether a key has it
    "profiles:read": (GET_PROFILES, LEAST | {"fields[profile]": "created"}),
    "events:read": (GET_EVENTS, LEAST | {"fields[event]": "datetime"}),
    "lists:read": (GET_LISTS, LEAST | {"fields[list]": "created"}),
}

_KEY = re.compile(r"pk_[A-Za-z0-9_-]{20,250}")
_PUBLIC = re.compile(r"[A-Za-z0-9]{6}")
_SCHEME = re.compile(r"(authorization\s*:\s*)?(klaviyo-api-key|bearer)\b", re.I)


def read(pasted: str) -> str:
    """The key in what somebody pasted, without the blanks around it. Raises MalformedKey."""
    key = pasted.strip()
    if _KEY.fullmatch(key):
        return key
    if not key:
        raise MalformedKey("Paste a private key.")
    if _SCHEME.match(key):
        raise MalformedKey("Paste the key alone, without the words before it. It begins with pk_.")
    if _PUBLIC.fullmatch(key):
        raise MalformedKey("This is a public key, which opens nothing. A private one begins with pk_.")
    if not key.startswith("pk_"):
        raise MalformedKey("A private key of Klaviyo begins with pk_. This does not.")
    raise MalformedKey("This is no whole key: there is a blank or another odd sign in it, or a part is missing.")


def authorization(key: str) -> str:
    """https://developers.klaviyo.com/en/docs/authenticate_#private-key-authentication."""
    return f"Klaviyo-API-Key {key}"


def scopes_of(access: Access, wanted: Iterable[str]) -> dict[str, bool]:
    """Which of the scopes a key has, as far as reading tells: Klaviyo has no call for it.

    One request each, whatever the budgets say: so few, on a person's click, are not worth a wait.
    """
    known, ends_at = {GET_ACCOUNTS.scopes: True}, monotonic() + PATIENCE_SECONDS  # whose account it is was asked
    for scope in wanted:
        if scope in CHEAPEST and monotonic() < ends_at:
            operation, query = CHEAPEST[scope]
            try:
                answers.read(operation, transport.send(operation, access, query=query))
                known[scope] = True
            except IntegrationError as error:
                if error.code == answers.SCOPE_MISSING.code:
                    known[scope] = False
    return known
