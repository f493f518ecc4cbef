"""What tests of deliveries share: who else is in the story, and what is known afterwards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from integrations import pauses
from integrations.models import Connection, Delivery, Lease, Pause
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeenProfile
from referrals import lifecycle
from referrals.models import Advocate, Program, Store

TEA = "VxYz12"
BEN = "ben@friends.test"
CID = "cid@friends.test"
KARI = "kari@oslo.test"

State = Delivery.State


def fjord(connection: Connection, **setting: Any) -> Program:
    """The program of a second store, Oslo, whose facts go to the same account."""
    oslo = Store.objects.create(slug="oslo", name="Oslo", url="https://oslo.example/", country="NO", currency="NOK")
    StoreSetting.objects.create(
        store=oslo, connection=connection, **{"behaviour": StoreSetting.Behaviour.CREATE} | setting
    )
    return Program.objects.create(store=oslo, slug="fjord", name="Fjord", offer="Tea")


def choose_list(sandbox: Sandbox, name: str = "Advocates") -> str:
    """Every store there is puts newcomers on this list; its id."""
    [list_id] = sandbox.put_lists(TEA, [SeedList(name)])
    StoreSetting.objects.update(list_id=list_id, list_name=name)
    return list_id


def make_due() -> None:
    """As if the time of back-off had gone by; what somebody has paused stays so."""
    Pause.objects.exclude(code=pauses.PAUSED).delete()
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))


def let_pass(time: timedelta) -> None:
    """What waits for a back-off waits for so much less."""
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=F("next_try_at") - time)


def end_leases() -> None:
    """As if a minute had gone by since the workers died."""
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))


def states(**which: Any) -> set[str]:
    return set(Delivery.objects.filter(**which).values_list("state", flat=True))


def outcome(metric: str, **which: Any) -> tuple[str, str]:
    delivery = Delivery.objects.get(options__metric=metric, **which)
    return delivery.state, delivery.reason_code


def metrics(sandbox: Sandbox, email: str) -> list[str]:
    return sorted(event.metric for event in sandbox.events(TEA) if event.email == email)


def known(sandbox: Sandbox, email: str) -> SeenProfile:
    profile = sandbox.profile(TEA, email)
    assert profile is not None
    return profile


def joins_autumn(program: Program, person: Advocate, drain: Callable[[], None]) -> Advocate:
    """Somebody joins a second program of the same store, and that is told."""
    autumn = Program.objects.create(store=program.store, slug="autumn", name="Autumn", offer="Tea")
    newer = lifecycle.join(autumn, person.email.upper())
    drain()
    return newer


def codes(sandbox: Sandbox, email: str) -> dict[str, str]:
    """The person's referral codes at Klaviyo, by their properties' names."""
    ours = known(sandbox, email).properties
    return {name: code for name, code in ours.items() if name.endswith("referral_code")}
