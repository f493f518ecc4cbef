"""Providers: what each declares of itself, and the registry of those that are installed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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
class Addition:
    """Scopes that are asked for only where an operator allows them too; `title` says in plain words what they let do.

    `name` is for forms.
    """

    name: str
    title: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """The provider's own account behind a connection; `timezone` is an IANA name, `currency` ISO 4217."""

    id: str
    name: str
    timezone: str
    currency: str
    is_test: bool = False


@dataclass(frozen=True)
class Served:
    """Whom connections may serve: `word` is the provider's own for them, `is_served` whether a connection does."""

    word: str
    name: str
    is_served: bool


@dataclass(frozen=True)
class Section:
    """A page about one connection, beside its health: a tab's name, its address, and the permission that opens it."""

    name: str
    address: str
    permission: str


@dataclass(frozen=True)
class Quota:
    """What an operation may be asked within its widest window, and how much of that is used."""

    operation: str
    used: int
    limit: int
    seconds: int

    @property
    def within(self) -> str:
        return {1: "a second", 60: "a minute", 86_400: "a day"}.get(self.seconds, f"in {self.seconds} seconds")


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


@dataclass(frozen=True, repr=False)
class Access:
    """What opens an account: the whole Authorization header. Say `generation` when the provider refuses it.

    What is not renewable works until it is refused; then a person must bring another.
    """

    authorization: str
    generation: int
    is_renewable: bool = True

    def __repr__(self) -> str:
        return f"Access(generation={self.generation}, is_renewable={self.is_renewable})"


class MalformedKey(ValueError):
    """What was pasted is no private key; the message is for whoever pasted it, and says nothing of what it was."""


@dataclass(frozen=True)
class Keys:
    """How a provider takes private keys, beside OAuth.

    `read` finds the key in what somebody pasted, or raises MalformedKey. `authorization` is its header. `scopes` asks
    which scopes an access has: True and False are known, what is left out is not. `never` names those that no key has,
    and why. `how_to_make` and `how_to_revoke` are sentences for operators.
    """

    read: Callable[[str], str]
    authorization: Callable[[str], str]
    scopes: Callable[[Access], Mapping[str, bool]]
    how_to_make: str
    how_to_revoke: str
    never: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Many:
    """Bulk requests for deliveries of a kind: up to `most` in one request (see `Delivery.shared_tries`).

    `deliver` takes what was claimed of one connection and settles each (see `workers.in_bulk`). `wait` says how long it
    takes until there is room for such a request; `behind`, which of some deliveries, by id, must wait for others.
    """

    most: int
    deliver: Callable[["Connection", "Sequence[Delivery]"], None]
    wait: Callable[["Connection"], timedelta] = lambda _: timedelta()
    behind: Callable[["Connection", Sequence[int]], set[int]] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of delivery, declared once.

    `send` delivers one: it is given the work (see `workers.one_by_one`) and the delivery, and gives an Outcome (None:
    accepted) or raises an IntegrationError. Of a batch, what has the lowest `order` goes first. What
    `needs_profile` goes only where the provider knows the person, or may be told of them. A retry of what
    `begins_anew` forgets that it was tried. `messages` says which of them are messages to people, for whom they may be
    held back. What a person asked for themselves (`is_a_persons_act`) no operator takes back, and it is not given up.
    A delivery of what `names_nobody` finds its person by its source.
    """

    name: str
    send: Callable[[Any, "Delivery"], Any]
    many: Many | None = None
    order: int = 1
    needs_profile: bool = False
    begins_anew: bool = False
    messages: Q | None = None
    is_a_persons_act: bool = False
    names_nobody: bool = False


@dataclass(frozen=True)
class Provider:
    """A service that connections lead to.

    `identify` asks which account an access opens. With `keys` it takes private keys, too. `served` names, for the
    pages, whom each of several connections serves, by connection id. From `bulk_from` waiting deliveries of a kind on
    they go in bulk (0: never). `deliver`, where one after the other will not do, takes claimed deliveries of one
    connection and settles each of them. `additions` are scopes beyond `scopes`. `does` says in plain words what an
    integration is for: a title and a sentence each. `to_serve` are those whom its connections may serve; `next_page` is
    the address where an operator settles how a connection serves one of them (by their word), empty where all is said.
    `sections` are its own pages about a connection. `take_away` removes, right before access ends, what it has put
    into the account for us alone; `remains` says in sentences what stays there, and what does not. `quotas` are those
    of its operations at an account, None where they cannot be told. `about` names its models that belong to
    connections, each with the way from it to its connection.
    """

    slug: str
    name: str
    scopes: tuple[Scope, ...]
    addresses: Callable[[], Addresses]
    identify: Callable[[Access], Account]
    kinds: tuple[Kind, ...]
    served: Callable[["Sequence[Connection]"], Mapping[int, Sequence[str]]] = lambda _: {}
    bulk_from: Callable[[], int] = lambda: 0
    deliver: Callable[["Connection", "Sequence[Delivery]"], None] | None = None
    keys: Keys | None = None
    additions: tuple[Addition, ...] = ()
    does: tuple[tuple[str, str], ...] = ()
    to_serve: Callable[[], Sequence[Served]] = tuple
    next_page: Callable[["Connection", str], str] = lambda _connection, _word: ""
    sections: Callable[["Connection"], Sequence[Section]] = lambda _: ()
    take_away: Callable[["Connection"], None] = lambda _: None
    remains: tuple[str, ...] = ()
    quotas: Callable[["Connection"], Sequence[Quota] | None] = lambda _: None
    about: Mapping[str, str] = field(default_factory=dict)

    def asked(self, chosen: Collection[str] = (), had: Collection[str] = ()) -> tuple[str, ...]:
        """The scopes to ask for: ours, those of the additions chosen, and what the connection had of others."""
        more = [(name, one.name in chosen) for one in self.additions for name in one.scopes]
        also = [name for name, is_chosen in more if is_chosen or name in had]
        return tuple(dict.fromkeys([*(scope.name for scope in self.scopes), *also]))

    def kind(self, name: str) -> Kind:
        """The kind of that name; KeyError where there is none."""
        return {kind.name: kind for kind in self.kinds}[name]


_registered: dict[str, Provider] = {}


def register(provider: Provider) -> None:
    """Make a provider known; called once, by its app's `ready`."""
    _registered[provider.slug] = provider


def get(slug: str) -> Provider:
    """The provider of that slug; KeyError if none is registered."""
    return _registered[slug]


def slugs() -> list[str]:
    return sorted(_registered)


def messages() -> Q:
    """Deliveries that are messages to people."""
    found = Q(pk__in=[])
    for provider in _registered.values():
        for kind in provider.kinds:
            if kind.messages is not None:
                found |= Q(kind=kind.name) & kind.messages
    return found


def beginning_anew() -> set[str]:
    """The names of the kinds of which a retry forgets that they were tried."""
    return {kind.name for kind in _kinds() if kind.begins_anew}


def persons_acts() -> set[str]:
    """The names of the kinds that people asked for themselves."""
    return {kind.name for kind in _kinds() if kind.is_a_persons_act}


def naming_nobody() -> set[str]:
    """The names of the kinds whose deliveries never hold a person, and can be sent all the same."""
    return {kind.name for kind in _kinds() if kind.names_nobody}


def _kinds() -> list[Kind]:
    return [kind for provider in _registered.values() for kind in provider.kinds]
