"""Work on one starter kit: its client, its items, and whether it is still this worker's turn."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations import outcomes, shutdown
from integrations.errors import Throttled
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand
from integrations.wire.deadline import Deadline
from klaviyo.api import things
from klaviyo.api.client import Client
from klaviyo.api.things import Thing
from klaviyo.models import KitItem, StarterKit
from klaviyo.starter_kit import comparison
from klaviyo.starter_kit.plan import Planned

SECONDS = 60.0  # of one turn
CLOCKS_DIFFER = timedelta(minutes=5)


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

    def found(self, planned: Planned, item: KitItem, tag_id: str) -> Thing | None:
        """A thing that we have made and do not remember: after an answer was lost, or a backup restored.

        It has our name, and bears our tag, unless it was made just when no answer came. Klaviyo tags no templates;
        those of our name are taken for ours, and are deleted only where they are ours to the letter.
        """
        twins = things.named(self.client, planned.kind, planned.name)
        tagged = [one for one in twins if planned.kind == "template" or (tag_id and tag_id in one.tags)]
        unheard = [one for one in twins if item.began_at and _is_since(one, item.began_at)]
        return next(iter([*sorted(tagged, key=_age), *sorted(unheard, key=_age)]), None)

    def adopt(self, item: KitItem, thing: Thing, planned: dict[str, Any]) -> None:
        """Remember a thing that was found, as it is if it is as planned; as planned, if somebody has changed it."""
        held, wanted = comparison.look(thing), comparison.of(thing.kind, planned)
        made = held if comparison.agrees(wanted, held) else wanted
        self.note(item, klaviyo_id=thing.id, made=made, began_at=None, is_tagged=False)


def _is_since(thing: Thing, began_at: datetime) -> bool:
    return bool(thing.created_at and thing.created_at > began_at - CLOCKS_DIFFER)


def _age(thing: Thing) -> datetime:
    return thing.created_at or timezone.now()
