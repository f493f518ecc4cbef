"""Which sends a page shows. The address never holds a person's e-mail, but the id of one of their sends."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.db.models import QuerySet
from django.http import QueryDict

from integrations.models import Delivery
from integrations.pages import search_range
from integrations.pages.filtering import MANY, NOBODY, Filter, id_in
from klaviyo.models import Send
from klaviyo.pages import person
from referrals.models import Invite


@dataclass(frozen=True)
class Chosen(Filter):
    """A filter of deliveries, and of what only sends have; `friend` is a send of the person's, NOBODY for unknown."""

    program: str = ""
    store: str = ""
    channel: str = ""
    kind: str = ""
    friend: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        chosen = super().read(query)
        ids = {name: id_in(getattr(chosen, name)) for name in ("program", "store", "friend")}
        channel = chosen.channel if chosen.channel in Send.Channel.values else ""
        kind = chosen.kind if chosen.kind in Send.Kind.values else ""
        return chosen.but(**ids, channel=channel, kind=kind, of="", what="")

    def among(self, sends: "QuerySet[Send]") -> "QuerySet[Send]":
        """Those of the sends that are wanted; a search that no index helps looks no further than `looked` says."""
        found: dict[str, Any] = {f"delivery__{name}": value for name, value in self._conditions().items()}
        found |= {"program": self.program, "store": self.store, "channel": self.channel, "kind": self.kind}
        if looked := self.looked:
            found |= {"delivery__gte": looked.first, "delivery__lte": looked.last}
        return sends.filter(**{name: value for name, value in found.items() if value != ""}, **self._of_friend())

    def deliveries(self) -> "QuerySet[Delivery]":
        """Those of the wanted sends; without a join, so that changing them asks each row again what state it is in."""
        return Delivery.objects.filter(pk__in=self.among(Send.objects.all()).values("delivery"))

    @cached_property
    def looked(self) -> search_range.Reach | None:
        return search_range.of(self)

    @property
    def is_wide(self) -> bool:
        unknown = self.store or self.channel or self.kind
        narrow = self.program or self.friend
        return not narrow and (super().is_wide or (bool(unknown) and not self.settled and self.state in MANY))

    @property
    def friend_email(self) -> str:
        """Whom `friend` stands for; empty for nobody."""
        emails = Send.objects.filter(pk=int(self.friend or NOBODY)).values_list("invite__recipient_email", flat=True)
        return self.once(f"friend of {self.friend}", emails.first) or "" if self.friend else ""

    def _of_friend(self) -> dict[str, Any]:
        """By the ids of the person's invites: within one query, a planner would rather walk through all sends."""
        return {"invite__in": self.once(f"invites of {self.friend}", self._invites)} if self.friend else {}

    def _invites(self) -> list[int]:
        return list(person.at(Invite, "recipient_email", self.friend_email).values_list("pk", flat=True))
