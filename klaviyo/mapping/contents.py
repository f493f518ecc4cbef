"""Delivery contents: what a delivery of each kind carries beside its body, typed; stored as its `options`."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

from django.db.models import Q

from integrations.models import Delivery
from klaviyo.mapping.catalogue import METRICS

REPEATABLE = 3  # tries together of what may be told twice without harm
STORED_AS = {"setting": "sync"}  # as rows have it from the time when settings were called so


@dataclass(frozen=True, kw_only=True)
class Content:
    """A delivery's content; `store` is the id of the store by whose setting at the account it goes.

    `setting` is that setting's own id, by which the older rows go. `message`, "invite" or "reminder", stands where it
    needs the person's consent. So many of its `shared_tries` may be in a request for many.
    """

    kind: ClassVar[str] = ""
    shared_tries: ClassVar[int] = 0

    store: int = 0
    setting: int = 0
    message: str = ""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls.from_options(delivery.options)

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        """As stored; what is not there is empty."""
        names = {one.name: STORED_AS.get(one.name, one.name) for one in fields(cls)}
        return cls(**{name: options[stored] for name, stored in names.items() if stored in options})

    @classmethod
    def message_in(cls, options: dict[str, Any]) -> str:
        """Which message such a delivery is."""
        return options.get("message") or ""

    def as_options(self) -> dict[str, Any]:
        return {STORED_AS.get(name, name): value for name, value in vars(self).items() if value}


@dataclass(frozen=True, kw_only=True)
class Profile(Content):
    """An advocate's profile, whose body is made when it is sent; `person` adds to that of somebody new."""

    kind = "profile"
    shared_tries = REPEATABLE

    advocate: int = 0
    person: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Message(Content):
    """An event of one metric, or an e-mail in its place. The oldest rows do not say which message."""

    metric: str = ""

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        return super().from_options({**options, "message": cls.message_in(options)})

    @classmethod
    def message_in(cls, options: dict[str, Any]) -> str:
        metric = METRICS.get(options.get("metric", ""))
        return options.get("message") or (metric.consent if metric else None) or ""


@dataclass(frozen=True, kw_only=True)
class Event(Message):
    """An event; `person` has the attributes that a new profile of theirs would get."""

    kind = "event"
    shared_tries = 1  # what was tried is settled one by one: of a whole request nobody knows what was taken

    person: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Email(Message):
    """Sorae's own e-mail."""

    kind = "email"


@dataclass(frozen=True, kw_only=True)
class ListAdd(Content):
    """A list add; `planned_by` is the lease under which the person's profile was made."""

    kind = "list"
    shared_tries = REPEATABLE

    planned_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Subscribe(Content):
    """An opt-in: its channels, and where it was given. Of doubts up to `unanswered_attempt` somebody was told.

    Up to `ignored_attempt` Klaviyo took the request, and nobody was subscribed by it.
    """

    kind = "subscribe"

    channels: list[str] = field(default_factory=list)
    place: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    unanswered_attempt: int = 0
    ignored_attempt: int = 0


@dataclass(frozen=True, kw_only=True)
class Unsubscribe(Content):
    """An opt-out from the newsletter, from invites, or from everything (`scope`); it goes though a setting is off.

    It is told anew after `told_anew_after`, its last attempt before.
    """

    kind = "unsubscribe"

    scope: str = ""
    told_anew_after: int = 0


@dataclass(frozen=True, kw_only=True)
class Erase(Content):
    """A profile deletion, which is the account's affair, whatever stores it serves.

    `whole_profile`: somebody has agreed that it takes the profile's other addresses along.
    """

    kind = "erase"

    whole_profile: bool = False


BY_KIND: dict[str, type[Content]] = {
    one.kind: one for one in (Profile, Event, ListAdd, Email, Subscribe, Unsubscribe, Erase)
}


NEEDS_CONSENT = Q(options__has_key="message") | (
    Q(options__has_key="metric") & Q(options__metric__in=[name for name, metric in METRICS.items() if metric.consent])
)


def of_store(store_id: int, settings: Iterable[int]) -> Q:
    """Deliveries that go by a store's setting at their account; the older ones by the setting's own id."""
    return Q(options__store=store_id) | (~Q(options__has_key="store") & Q(options__sync__in=list(settings)))


def of(delivery: Delivery) -> Content:
    """The content of a delivery of any kind."""
    return BY_KIND.get(delivery.kind, Content).of(delivery)


def message_of(delivery: Delivery) -> str:
    """Which message a delivery is, "invite" or "reminder"; empty for what needs nobody's consent."""
    return BY_KIND.get(delivery.kind, Content).message_in(delivery.options)


def store_of(delivery: Delivery) -> int:
    """The id of the store by whose setting a delivery goes; 0 of an older row, which has `setting_of`."""
    store: int = delivery.options.get("store", 0)
    return store


def setting_of(delivery: Delivery) -> int:
    """The id of the store setting by which an older row goes."""
    setting: int = delivery.options.get(STORED_AS["setting"], 0)
    return setting
