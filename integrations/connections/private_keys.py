"""Connecting by a private key: what was pasted is read, tested at the provider, and stored like a grant."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils import timezone

from integrations.connections import accounts, renewal
from integrations.connections.accounts import ACCOUNT_ID, Consent, Outcome
from integrations.connections.grants import Key
from integrations.errors import IntegrationError, OperatorRequired, ReconnectRequired
from integrations.models import Connection
from integrations.providers import Access, Account, Keys, MalformedKey, Provider

LONGEST = 512


@dataclass
class KeyNotTaken(Exception):
    """The key was not stored, and nothing was changed; a sentence for whoever pasted it, without the key."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


def connect(provider: Provider, keys: Keys, pasted: str, user: User, intended: Connection | None = None) -> Outcome:
    """Connect the account that a key opens: `intended` again, or whichever it is. Raises KeyNotTaken."""
    asked_at = timezone.now()
    try:
        key = keys.read(pasted[:LONGEST])
    except MalformedKey as error:
        raise KeyNotTaken(str(error)) from None
    access = renewal.of_key(provider, key)
    account = _identified(provider, access)
    known = {**keys.scopes(access), **dict.fromkeys(keys.never, False)}
    grant = Key(
        key,
        scopes=tuple(sorted(name for name, is_there in known.items() if is_there)),
        refused=tuple(sorted(name for name, is_there in known.items() if not is_there)),
    )
    return accounts.store(provider, Consent(account, grant, user, asked_at), intended)


def _identified(provider: Provider, access: Access) -> Account:
    try:
        account = provider.identify(access)
    except ReconnectRequired:
        raise KeyNotTaken(
            f"{provider.name} does not accept this key. It may be incomplete, or was deleted there."
        ) from None
    except OperatorRequired:
        raise KeyNotTaken(
            f"{provider.name} knows this key, but it may not say which account it is of. "
            "Make one with the scopes that are named here."
        ) from None
    except IntegrationError:
        raise KeyNotTaken(f"{provider.name} could not be asked, so nothing was saved. Try again in a minute.") from None
    if not ACCOUNT_ID.fullmatch(account.id):
        raise KeyNotTaken(f"{provider.name} did not say which account this key is of. Try again in a minute.")
    return account
