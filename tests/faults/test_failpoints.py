"""At each point of a delivery, whatever happens to the worker and whatever Klaviyo answers: the ledger law holds."""

import copy
import itertools
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.connections import renewal
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Connect, Drain
from tests.faults import failpoints, ledger
from tests.faults.failpoints import MODES, POINTS, Point
from tests.klaviyo.story import TEA, State, end_leases, make_due

SENDING = {"single": "create_event", "bulk": "bulk_create_events"}
FEW, MANY = 1, 4  # of which the second go in bulk

Answer = tuple[str, str, dict[str, Any]]  # the operation (empty: that which sends), what goes wrong, how

EASY: Answer = ("", "", {})
ANSWERS: tuple[Answer, ...] = (
    EASY,
    ("", "accept_then_drop", {}),
    ("", "truncated", {}),
    ("", "500", {}),
    ("", "502", {"html": True}),
    ("", "503", {"retry_after": "30"}),
    ("", "504", {"html": True}),
    ("", "html_403", {}),
    ("", "not_json", {}),
    ("", "wrong_success", {}),
    ("", "empty_list", {}),
    ("", "redirect", {}),
    ("", "reset", {}),
    ("", "huge", {}),
    ("", "drip", {"delay": 0.02}),
    ("", "slow", {"delay": 0.02}),
    ("", "unauthorized", {}),
    ("", "missing_scope", {}),
    ("", "429", {"retry_after": "7"}),
    ("", "429", {"retry_after": "date"}),
    ("", "429", {"retry_after": "missing"}),
    ("", "429", {"retry_after": "-1"}),
    ("", "429", {"retry_after": "abc"}),
    ("", "429", {"retry_after": "99999999"}),
    ("", "429", {"html": True}),
    ("get_profiles", "503", {}),
    ("get_profiles", "429", {"retry_after": "7"}),
    ("get_profiles", "truncated", {}),
    ("get_profiles", "unauthorized", {}),
    ("oauth_token", "500", {}),
    ("oauth_token", "accept_then_drop", {}),
    ("oauth_token", "truncated", {}),
    ("oauth_token", "invalid_grant", {}),
    ("oauth_token", "429", {"retry_after": "7"}),
)
IN_EVERY_MODE = [ANSWERS[number] for number in (0, 0, 1, 1)]
IN_ONE_MODE = [ANSWERS[number] for number in (5, 16, 2, 18)]
THE_OTHERS = [answer for answer in ANSWERS if answer not in [*IN_EVERY_MODE, *IN_ONE_MODE]]
POINTS_FOR_ALL = [point for point in POINTS if point.name in ("after_http", "before_settle")]


class House:
    """Ann is at Klaviyo; facts about her come, something happens, and in the end everybody comes back."""

    def __init__(self, sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect) -> None:
        self.sandbox, self.ann, self.drain, self.connect = sandbox, ann, drain, connect
        drain()
        lifecycle.visit(ann)
        self.pattern = Delivery.objects.filter(options__metric="referred_visit").get()
        self.forget()

    def forget(self) -> None:
        Delivery.objects.all().delete()
        Attempt.objects.all().delete()

    def facts(self, number: int) -> list[str]:
        """So many are to be told; their keys."""
        rows = [copy.deepcopy(self.pattern) for _ in range(number)]
        for row in rows:
            row.pk, row.key, row.next_try_at = None, f"referred_visit:{uuid.uuid4()}", timezone.now()
            row.body["data"]["attributes"]["unique_id"] = str(uuid.uuid4())
            row.state, row.attempts_made = State.QUEUED, 0
        Delivery.objects.bulk_create(rows)
        return [row.key for row in rows]

    def bad_day(self, answer: Answer, way: str, point: Point) -> None:
        operation, kind, how = answer
        if kind:
            self.sandbox.fault(operation or SENDING[way], kind, **how)
        if operation == "oauth_token" or point.needs == "a dead token":
            self.sandbox.expire_tokens(TEA)

    def play(self, point: Point, act: Any, connection: Connection) -> None:
        """What comes by the point."""
        if point.needs == "a sweep":
            worker.sweep()
        if point.needs == "a fact":
            with transaction.atomic():
                lifecycle.visit(self.ann)
        worker.drain(connection.pk)

    def come_back(self) -> None:
        """Klaviyo is well again, leases and pauses are over, and operators have done what they were asked to."""
        self.sandbox.clear_faults()
        for _ in range(3):
            budgets.forget()
            Pause.objects.all().delete()
            Connection.objects.update(refresh_lease=None, refresh_lease_until=None)
            if Connection.objects.get().state != Connection.State.CONNECTED:
                self.connect()
            end_leases()
            worker.sweep()
            retrying.again(Delivery.objects.filter(state=State.HELD))
            make_due()
            self.drain()
            if not Delivery.objects.filter(state__in=Delivery.OPEN).exists():
                return


@pytest.fixture
def house(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> House:
    settings.KLAVIYO_BULK_FROM = MANY - 1
    monkeypatch.setattr(renewal, "PATIENCE_SECONDS", 0.05)
    sandbox.settings(bulk_refuses_known_ids=True)
    return House(sandbox, ann, drain, connect)


def play(house: House, point: Point, mode: str, answer: Answer, way: str) -> bool:
    """One case; whether the worker came by the point."""
    house.forget()
    facts = house.facts(FEW if way == "single" else MANY)
    house.bad_day(answer, way, point)
    with failpoints.armed(point, MODES[mode]) as passed:
        house.play(point, MODES[mode], Connection.objects.get())
    facts = [*{*facts, *Delivery.objects.values_list("key", flat=True)}]
    house.come_back()
    ledger.holds(house.sandbox, TEA, facts)
    ledger.all_is_told(facts)
    return bool(passed)


def play_all(house: House, subtests: pytest.Subtests, point: Point, cases: Iterable[tuple[str, Answer, str]]) -> None:
    """One after the other: a mode, an answer, and whether it is of one or to many in one request."""
    for mode, answer, way in cases:
        with subtests.test(mode=mode, operation=answer[0] or SENDING[way], answer=answer[1], way=way, **answer[2]):
            came_by = play(house, point, mode, answer, way)
            assert came_by or answer != EASY, "no worker comes by here"


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_at_every_point(house: House, subtests: pytest.Subtests, point: Point) -> None:
    """An easy day and a lost answer in each mode, some others in one, which is another at the next point.

    Every other one is to many in one request.
    """
    each = list(zip(IN_EVERY_MODE, itertools.cycle(SENDING), strict=False))
    cases = [(mode, answer, way) for mode, (answer, way) in itertools.product(MODES, each)]
    modes = itertools.islice(itertools.cycle(MODES), POINTS.index(point), None)
    cases += zip(modes, IN_ONE_MODE, itertools.cycle(SENDING), strict=False)
    play_all(house, subtests, point, cases)


@pytest.mark.parametrize("point", POINTS_FOR_ALL, ids=lambda point: point.name)
def test_with_every_answer(house: House, subtests: pytest.Subtests, point: Point) -> None:
    """Each of the others once, in the modes by turns."""
    play_all(house, subtests, point, zip(itertools.cycle(MODES), THE_OTHERS, itertools.cycle(SENDING), strict=False))


def test_with_refresh_tokens_that_change(house: House, subtests: pytest.Subtests) -> None:
    """A new refresh token that nobody lived to write down costs a reconnection, never a fact."""
    house.sandbox.settings(rotate_refresh_tokens=True)
    for point, mode in itertools.product((one for one in POINTS if one.needs == "a dead token"), MODES):
        with subtests.test(point=point.name, mode=mode):
            Connection.objects.update(access_expires_at=timezone.now() + timedelta(hours=1))
            assert play(house, point, mode, EASY, "single")


def test_there_are_as_many_cases_as_are_promised() -> None:
    every_point = len(POINTS) * (len(MODES) * len(IN_EVERY_MODE) + len(IN_ONE_MODE))
    every_answer = len(POINTS_FOR_ALL) * len(THE_OTHERS)
    assert len(POINTS) >= 12
    assert len(ANSWERS) >= 20
    assert every_point + every_answer >= 400
