"""What opens an account, as it was brought here: a grant of OAuth, or a private key. Neither shows itself in print."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from integrations.models import Connection


@dataclass(frozen=True, repr=False)
class Grant:
    """Tokens and scopes that a provider granted. `scopes` is None where the answer did not say: as before, then."""

    kind: ClassVar[Connection.Kind] = Connection.Kind.OAUTH

    access_token: str
    refresh_token: str
    expires_in: timedelta
    scopes: tuple[str, ...] | None

    def __repr__(self) -> str:
        return f"Grant(expires_in={self.expires_in!r}, scopes={self.scopes!r})"


@dataclass(frozen=True, repr=False)
class Key:
    """A private key, the scopes that it is known to have, and those that it is known not to have."""

    kind: ClassVar[Connection.Kind] = Connection.Kind.PRIVATE_KEY

    key: str
    scopes: tuple[str, ...]
    refused: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Key(scopes={self.scopes!r}, refused={self.refused!r})"
