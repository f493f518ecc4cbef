"""What tests of reading back share: time that passes, turns that are taken, and events that Klaviyo loses."""

from datetime import timedelta
from typing import Any

from django.db.models import F

from integrations.models import Delivery
from klaviyo.confirmation import turns
from klaviyo.models import Reading
from klaviyo.sandbox import Sandbox
from tests.klaviyo.story import TEA, State

EVENTS = Delivery.objects.filter(kind="event")


def read_back(times: int = 1) -> None:
    """Half a minute passes, and every account takes its turn."""
    for _ in range(times):
        time_passes(timedelta(seconds=30))
        turns.take_all()


def time_passes(time: timedelta) -> None:
    """Everything was so much earlier."""
    Delivery.objects.exclude(settled_at=None).update(settled_at=F("settled_at") - time)
    for moment in ("since", "began_at", "reached", "last_began_at"):
        Reading.objects.exclude(**{moment: None}).update(**{moment: F(moment) - time})
    Reading.objects.update(next_look_at=None)


def lose(sandbox: Sandbox, metric: str, account: str = TEA) -> int:
    """Klaviyo had taken these, and drops them; how many."""
    with sandbox._world.database.transaction() as sql:
        metrics = "SELECT id FROM metrics WHERE name = ? AND account = ?"
        return sql.execute(f"DELETE FROM events WHERE metric IN ({metrics})", (metric, account)).rowcount


def events(**which: Any) -> list[tuple[str, str]]:
    """State and reason of what was told, in order."""
    return list(EVENTS.filter(**which).order_by("pk").values_list("state", "reason_code"))


def unconfirmed() -> int:
    return EVENTS.filter(state=State.ACCEPTED).count()
