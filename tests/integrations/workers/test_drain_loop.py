"""`drain --loop` is beat as well: which periodic tasks are begun, and when."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django import Settings

from integrations import outbox, shutdown
from integrations.outbox import wake_ups
from integrations.workers import worker
from integrations.workers.drain_loop import SWEEPS, DrainLoop
from sorae.celery import app as current_app

pytestmark = pytest.mark.django_db(transaction=True)

Play = Callable[..., None]
OFTEN, SELDOM, SWEEP = "often", "seldom", SWEEPS[0]
PATIENCE_SECONDS = 300


@pytest.fixture
def begun(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each task was begun: the sweep and one are always due, the other once in ten minutes."""
    settings.PERIODIC_TASKS = {SWEEP: timedelta(0), OFTEN: timedelta(0), SELDOM: timedelta(minutes=10)}
    begun: Counter[str] = Counter()
    monkeypatch.setattr(wake_ups, "_broker_rests_until", 0.0)
    current_app.loader.import_default_modules()  # first, so that the real tasks are there afterwards
    for name in settings.PERIODIC_TASKS:
        monkeypatch.setitem(current_app.tasks, name, lambda name=name: begun.update([name]))
    return begun


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """For so many seconds, and on a slow machine until what is to be seen has been, but not for ever."""

    def play(
        *, seconds: float, until: Callable[[], bool] = lambda: True, is_endless: bool = True, threads: int = 4
    ) -> None:
        began_at = time.monotonic()

        def asked() -> bool:
            gone = time.monotonic() - began_at
            return gone > seconds and (until() or gone > PATIENCE_SECONDS)

        monkeypatch.setattr(shutdown, "asked", asked)
        DrainLoop(threads, is_endless=is_endless).run()

    return play


def test_each_periodic_task_is_begun_when_it_is_due(begun: Counter[str], play: Play) -> None:
    play(seconds=1, until=lambda: min(begun[OFTEN], begun[SWEEP]) > 3)
    assert begun[SELDOM] == 1
    assert begun[OFTEN] > 3
    assert begun[SWEEP] > 3


def test_none_is_begun_again_while_it_goes_on(begun: Counter[str], play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow() -> None:
        begun.update([OFTEN])
        while not shutdown.asked():
            time.sleep(0.01)

    monkeypatch.setitem(current_app.tasks, OFTEN, slow)
    play(seconds=0.7, until=lambda: begun[SWEEP] > 3)
    assert begun[OFTEN] == 1
    assert begun[SWEEP] > 3, "the others go on"


def test_tasks_that_are_always_due_and_slow_keep_no_account_out(
    begun: Counter[str], play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many of them as there are threads: with many accounts, reading back and asking for consent never end."""
    for name in (SWEEP, OFTEN):
        monkeypatch.setitem(current_app.tasks, name, lambda: time.sleep(0.2))
    monkeypatch.setattr(outbox, "connections_with_work", lambda: [7])
    monkeypatch.setattr(worker, "drain", lambda connection_id: begun.update([f"drain {connection_id}"]))
    play(seconds=2, threads=2)
    assert begun["drain 7"]


def test_a_drain_that_ends_only_sweeps(begun: Counter[str], play: Play) -> None:
    play(seconds=5, is_endless=False)
    assert {*begun} == {SWEEP}
