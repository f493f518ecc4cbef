"""What tests of bulk share: five deliveries are many, and a crowd joins at once."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from integrations.models import Delivery, Job
from klaviyo.imports import results
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import PEOPLE, VISITS, joined, visits
from tests.klaviyo.story import State, make_due


@pytest.fixture(autouse=True)
def from_five(settings: Settings) -> None:
    settings.KLAVIYO_BULK_FROM = 5


@pytest.fixture
def waiting(ann: Advocate, drain: Drain) -> list[Delivery]:
    """So many visits of Ann's friends wait; she herself is at Klaviyo already."""
    drain()
    visits(ann, VISITS)
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    return list(Delivery.objects.filter(state=State.QUEUED).order_by("pk"))


@pytest.fixture
def people(setting: StoreSetting, spring: Program) -> list[Advocate]:
    """So many have joined, and only their profiles wait."""
    people = joined(spring, PEOPLE)
    Delivery.objects.filter(kind="event").delete()
    return people


@pytest.fixture
def settle(drain: Drain) -> Callable[[], None]:
    """Deliver, and look at the imports that Klaviyo works on, until all is settled."""

    def settle() -> None:
        for _ in range(4):
            drain()
            Job.objects.update(next_look_at="2026-01-01T00:00:00Z")
            results.look()
            make_due()

    return settle
