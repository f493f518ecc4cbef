"""API operation of Klaviyo, declared: id, method and path, scopes, rate limits, and the status of success."""

from dataclasses import dataclass
from functools import cached_property

from integrations.pacing import Window

REVISION = "2026-07-15"  # for two years: https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy


@dataclass(frozen=True)
class Operation:
    """One operation, as its page has it: https://developers.klaviyo.com/en/reference/ and its `id`.

    `call` is its method and path; `burst` is a second's, `steady` a minute's and `daily` a day's limit; `success` is
    the documented status. An answer that `needs_body` is of no use without one.
    """

    id: str
    call: str
    scopes: str
    burst: int
    steady: int
    daily: int = 0
    success: tuple[int, ...] = (200,)
    needs_body: bool = False

    @cached_property
    def method(self) -> str:
        return self.call.partition(" ")[0]

    @cached_property
    def path(self) -> str:
        return self.call.partition(" ")[2]

    @cached_property
    def is_read(self) -> bool:
        """Whether its answer must have a body that can be read."""
        return self.needs_body or self.method == "GET"

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        daily = (Window(self.daily, 86_400),) if self.daily else ()
        return (Window(self.burst, 1), Window(self.steady, 60), *daily)
