"""Waits until something has come about, and ends the demo with a sentence when it does not."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

PATIENCE_SECONDS = 150.0  # more than a minute: by then everything that was lost has been found again
LOOK_EVERY = 0.2


class Stalled(Exception):
    """A sentence on what did not come about in time."""


def until(has_come: Callable[[], Any], what: str, check: Callable[[], None]) -> None:
    """`check` raises when the demo is to end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not has_come():
        check()
        if time.monotonic() > deadline:
            raise Stalled(f"{what}: this did not come about in time. See {Path(settings.VAR_DIR) / 'logs'}.")
        time.sleep(LOOK_EVERY)
