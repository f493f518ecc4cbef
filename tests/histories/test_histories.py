"""The three promises in random histories, each with its seed; HISTORIES says how many, FIRST_SEED where they begin.

What was once wrong is found again by these seeds, should it come back.
"""

import os
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from klaviyo.delivery.erasure import repeat
from klaviyo.sandbox import Sandbox
from tests.conftest import Drain
from tests.histories.history import History

SEEDS = range(
    int(os.environ.get("FIRST_SEED", "1")),
    int(os.environ.get("FIRST_SEED", "1")) + int(os.environ.get("HISTORIES", "36")),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_the_promises_hold(
    sandbox: Sandbox, operator: User, drain: Drain, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(repeat, "AFTER", timedelta(0))  # as if that had gone by whenever workers come
    history = History(seed, sandbox, operator, drain)
    history.play()
    history.end()
    assert history.breaches() == [], "\n".join(history.told)
