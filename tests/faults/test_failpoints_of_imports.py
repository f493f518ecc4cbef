"""At each point of an import of profiles: nobody is lost, and everybody is at Klaviyo as we know them."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Attempt, Connection, Delivery, Job, Pause
from integrations.workers import worker
from klaviyo.imports import results
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Program
from tests import budgets
from tests.conftest import Drain
from tests.faults import failpoints, ledger
from tests.faults.failpoints import MODES, OF_IMPORTS, Point
from tests.klaviyo.story import TEA, end_leases, known, make_due

IMPORT, LOOK, ERRORS = (
    "bulk_import_profiles",
    "get_bulk_import_profiles_job",
    "get_errors_for_bulk_import_profiles_job",
)
ANSWERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("", "", {}),
    (IMPORT, "accept_then_drop", {}),
    (IMPORT, "truncated", {}),
    (IMPORT, "503", {}),
    (IMPORT, "429", {"retry_after": "7"}),
    (IMPORT, "unauthorized", {}),
    (IMPORT, "import_cancelled", {}),
    (IMPORT, "import_forgotten", {}),
    (IMPORT, "import_errors", {"items": 2}),
    (IMPORT, "import_status", {"status": "on_hold"}),
    (LOOK, "503", {}),
    (LOOK, "429", {"retry_after": "7"}),
    (LOOK, "html_403", {}),
    (LOOK, "truncated", {}),
)
PEOPLE = 4


class House:
    """Some people have joined; news of them come, something happens, and in the end everybody comes back."""

    def __init__(self, sandbox: Sandbox, spring: Program, drain: Drain) -> None:
        self.sandbox, self.drain = sandbox, drain
        self.people = [lifecycle.join(spring, f"person-{number}@friends.test") for number in range(PEOPLE)]
        self._tiers = (f"tier {number}" for number in itertools.count())

    def news(self) -> tuple[str, list[str]]:
        """Everybody rises to a tier; its name, and the keys of what is to be told."""
        for model in (Delivery, Attempt, Job):
            model.objects.all().delete()
        tier = next(self._tiers)
        with transaction.atomic():
            for person in self.people:
                lifecycle.update(person, tier=tier)
        return tier, list(Delivery.objects.values_list("key", flat=True))

    def look(self) -> None:
        Job.objects.filter(state=Job.State.RUNNING).update(next_look_at=timezone.now() - timedelta(seconds=1))
        results.look()

    def come_back(self) -> None:
        """A day goes by: imports end, or are given up and made again. One more round than is needed does no harm."""
        self.sandbox.clear_faults()
        for _ in range(4):
            is_open = Delivery.objects.filter(state__in=Delivery.OPEN).exists()
            is_quiet = not (is_open or Job.objects.filter(state=Job.State.RUNNING).exists())
            budgets.forget()
            Pause.objects.all().delete()
            end_leases()
            worker.sweep()
            make_due()
            self.drain()
            Job.objects.filter(looks__gte=2).update(gives_up_at=timezone.now())
            self.look()
            if is_quiet:
                return


@pytest.fixture
def house(sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain, settings: Settings) -> House:
    settings.KLAVIYO_BULK_FROM = 2
    return House(sandbox, spring, drain)


def play(house: House, point: Point, mode: str, answer: tuple[str, str, dict[str, Any]]) -> bool:
    """One case; whether the worker came by the point."""
    tier, facts = house.news()
    operation, kind, how = answer
    if kind:
        house.sandbox.fault(operation, kind, **how)
    with failpoints.armed(point, MODES[mode]) as passed:
        worker.drain(Connection.objects.get().pk)
        house.look()
    house.come_back()
    ledger.holds(house.sandbox, TEA, facts)
    ledger.all_is_told(facts)
    assert {known(house.sandbox, person.email).properties["sorae_tier"] for person in house.people} == {tier}
    assert not Job.objects.filter(state=Job.State.RUNNING).exists()
    return bool(passed)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", OF_IMPORTS, ids=lambda point: point.name)
def test_at_every_point(house: House, subtests: pytest.Subtests, point: Point, mode: str) -> None:
    for answer in ANSWERS if mode == "crash" else ANSWERS[::3]:
        with subtests.test(operation=answer[0], answer=answer[1]):
            came_by = play(house, point, mode, answer)
            assert came_by or answer[1] or mode == "SIGTERM", "no worker comes by here"
