"""What a provider must say of itself, and the register of those that are installed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

if TYPE_CHECKING:
    from integrations.models import Connection, Delivery


@dataclass(frozen=True)
class Scope:
    """One OAuth scope, and why we ask for it (shown to operators). Without an optional one, only that part rests."""

    name: str
    reason: str
    is_optional: bool = False


@dataclass(frozen=True)
class Account:
    """The provider's own account behind a connection; `timezone` is an IANA name, `currency` ISO 4217."""

    id: str
    name: str
    timezone: str
    currency: str


@dataclass(frozen=True)
class Addresses:
    """Where the provider's OAuth lives, and who we are there; read from the settings at each use."""

    authorize: str
    token: str
    revoke: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"Addresses(authorize={self.authorize!r}, client_id={self.client_id!r})"


@dataclass(frozen=True)
class Bulk:
    """A kind of delivery of which up to `most` may go in one request, as far as `only` lets them.

    `deliver` takes what was claimed of one connection and settles each. `wait` says how long it takes until there is
    room for such a request.
    """

    kind: str
    most: int
    deliver: Callable[["Connection", "Sequence[Delivery]"], None]
    wait: Callable[["Connection"], timedelta]
    only: Q = field(default_factory=Q)


@dataclass(frozen=True)
class Provider:
    """A service that connections lead to.

    `identify` asks, with a fresh access token, which account it opens. `deliver` takes claimed deliveries
    of one connection and settles each of them. `served` names, for the pages, whom each of
    several connections serves, by connection id. `bulks` says what may go in bulk, `bulk_from` from how many
    waiting deliveries of a kind that is worth it (0: never).
    """

    slug: str
    name: str
    scopes: tuple[Scope, ...]
    addresses: Callable[[], Addresses]
    identify: Callable[[str], Account]
    deliver: Callable[["Connection", "Sequence[Delivery]"], None]
    served: Callable[["Sequence[Connection]"], Mapping[int, Sequence[str]]]
    bulks: tuple[Bulk, ...] = ()
    bulk_from: Callable[[], int] = lambda: 0


_registered: dict[str, Provider] = {}


def register(provider: Provider) -> None:
    """Make a provider known; called once, by its app's `ready`."""
    _registered[provider.slug] = provider


def get(slug: str) -> Provider:
    """The provider of that slug; KeyError if none is registered."""
    return _registered[slug]


def slugs() -> list[str]:
    return sorted(_registered)
