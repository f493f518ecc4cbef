"""An operation of Klaviyo's API, declared: its name, where it lives, what it needs, how often it may be used."""

from dataclasses import dataclass
from functools import cached_property

from integrations.pacing import Window

REVISION = "2026-07-15"


@dataclass(frozen=True)
class Operation:
    """`id` is Klaviyo's operationId; `burst` is per second, `steady` per minute, `daily` per day.

    `success` is the documented status. `needs_body`: whether its answer is of no use without a readable body.
    """

    id: str
    method: str
    path: str
    scopes: str
    burst: int
    steady: int
    daily: int = 0
    success: tuple[int, ...] = (200,)
    needs_body: bool = False

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        daily = (Window(self.daily, 86_400),) if self.daily else ()
        return (Window(self.burst, 1), Window(self.steady, 60), *daily)
