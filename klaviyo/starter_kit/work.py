"""Work on one starter kit: its client, its items, and whether it is still this worker's turn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations import outcomes, shutdown
from integrations.errors import Throttled
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from integrations.wire.deadline import Deadline
from klaviyo.api import flows, things
from klaviyo.api.answers import words
from klaviyo.api.client import Client
from klaviyo.api.things import Thing
from klaviyo.models import KitItem, StarterKit
from klaviyo.starter_kit import comparison, mails
from klaviyo.starter_kit.plan import Planned

SECONDS = 60.0  # of one turn
CLOCKS_DIFFER = timedelta(minutes=5)

Attributes = Callable[[], dict[str, Any]]  # of a thing as it is made; whoever asks may have to ask Klaviyo


@dataclass
class Work:
    """What making and removal do, one item after the other; whatever breaks off goes on with the next turn."""

    kit: StarterKit
    client: Client
    items: dict[str, KitItem] = field(default_factory=dict)

    @classmethod
    def on(cls, kit: StarterKit) -> "Work":
        client = Client(kit.connection, is_backlog=True, deadline=Deadline(SECONDS), patient=True)
        return cls(kit, client, {item.key: item for item in kit.items.all()})

    def item(self, planned: Planned) -> KitItem:
        """The item of what is planned. Raises Throttled where this process is asked to end."""
        if shutdown.asked():
            raise Throttled("The worker ends; another one goes on.", retry_after=timedelta())
        if planned.key not in self.items:
            self.items[planned.key] = self.kit.items.get_or_create(key=planned.key)[0]
        return self.items[planned.key]

    def note(self, item: KitItem, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(item, name, value)
        KitItem.objects.filter(pk=item.pk).update(**fields)

    def still_ours(self) -> None:
        """Raises CalledOff where the turn is over, and another worker may be at it, or the account was paused."""
        now = StarterKit.objects.filter(pk=self.kit.pk, next_look_at=self.kit.next_look_at)
        if not now.exists() or by_hand.of(self.kit.connection):
            raise CalledOff(outcomes.Retry())

    def was_never_asked(self, item: KitItem) -> None:
        """Take back that a thing was asked for; not what another worker, whose turn it is by now, has put there."""
        mine = KitItem.objects.filter(pk=item.pk, began_at=item.began_at)
        mine.update(state=KitItem.State.WAITS, began_at=None)
        item.state, item.began_at = KitItem.State.WAITS, None

    def found(self, planned: Planned, item: KitItem, tag_id: str, attributes: Attributes) -> Thing | None:
        """A thing that we have made and do not remember: after an answer was lost, or a backup restored.

        It has our name and bears our mark: the tag, or in a template, which Klaviyo does not tag, the comment at its
        head. What was made just when no answer came bears no tag yet; then it is ours only if it is so to the letter,
        of that time, and nobody uses it. Two empty lists of one name and one minute cannot be told apart.
        """
        twins = sorted(things.named(self.client, planned.kind, planned.name), key=_age)
        for marked in (one for one in twins if _is_marked(planned, one, tag_id)):
            if thing := self._in_full(marked):
                return thing
        for twin in twins if item.began_at else ():
            if twin.tags or not _is_of(twin, item.began_at):
                continue
            if (thing := self._in_full(twin)) and _is_untouched(thing, attributes):
                return thing
        return None

    def adopt(self, item: KitItem, thing: Thing, planned: dict[str, Any]) -> None:
        """Remember a thing that was found, as it is if it is as planned; as planned, if somebody has changed it."""
        held, wanted = comparison.look(thing), comparison.of(thing.kind, planned)
        made = held if comparison.agrees(wanted, held) else wanted
        self.note(item, klaviyo_id=thing.id, made=made, began_at=None, is_tagged=False)

    def _in_full(self, thing: Thing) -> Thing | None:
        return things.one(self.client, thing.kind, thing.id, in_full=True)


def _is_marked(planned: Planned, thing: Thing, tag_id: str) -> bool:
    if planned.kind == "template" and planned.mail:
        return mails.mark(planned.mail) in words(thing.attributes.get("html"))
    return bool(tag_id) and tag_id in thing.tags


def _is_of(thing: Thing, began_at: datetime | None) -> bool:
    """Whether it was made while that request was under way, by clocks that may differ."""
    if not (thing.created_at and began_at):
        return False
    return began_at - CLOCKS_DIFFER < thing.created_at < began_at + timedelta(seconds=SECONDS) + CLOCKS_DIFFER


def _is_untouched(thing: Thing, attributes: Attributes) -> bool:
    """Whether it is as it is made, and used by nobody."""
    is_used = thing.starts or thing.attributes.get("profile_count")
    if is_used or thing.attributes.get("status", flows.DRAFT) != flows.DRAFT:
        return False
    return comparison.agrees(comparison.of(thing.kind, attributes()), comparison.look(thing))


def _age(thing: Thing) -> datetime:
    return thing.created_at or timezone.now()
