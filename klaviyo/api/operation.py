"""API operation of Klaviyo, declared: id, method and path, scopes, rate limits, and the status of success."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from integrations.pacing import Window

REVISION = "2026-07-15"  # for two years: https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy


@dataclass(frozen=True)
class Extra:
    """A limit of its own that a call has as well when `parameter` has `value` among its words.

    For instance https://developers.klaviyo.com/en/reference/get_list, of `profile_count`.
    """

    parameter: str
    value: str
    burst: int
    steady: int

    def is_of(self, query: Mapping[str, str]) -> bool:
        return self.value in query.get(self.parameter, "").split(",")

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return (Window(self.burst, 1), Window(self.steady, 60))


PREDICTIVE_ANALYTICS = Extra("additional-fields[profile]", "predictive_analytics", 10, 150)
SIZE_OF_A_LIST = Extra("additional-fields[list]", "profile_count", 1, 15)
SIZE_OF_A_SEGMENT = Extra("additional-fields[segment]", "profile_count", 1, 15)
LISTS_OF_A_PROFILE = Extra("include", "lists", 1, 15)
SEGMENTS_OF_A_PROFILE = Extra("include", "segments", 1, 15)


@dataclass(frozen=True)
class Operation:
    """One operation, as its page has it: https://developers.klaviyo.com/en/reference/ and its `id`.

    `call` is its method and path; `burst` is a second's, `steady` a minute's and `daily` a day's limit, and `extra` are
    the limits of certain parameters; `success` is the documented status. An answer that `needs_body` is of no use
    without one.
    """

    id: str
    call: str
    scopes: str
    burst: int
    steady: int
    daily: int = 0
    success: tuple[int, ...] = (200,)
    needs_body: bool = False
    extra: tuple[Extra, ...] = ()

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

    def counters(self, query: Mapping[str, str] | None = None) -> list[tuple[str, tuple[Window, ...]]]:
        """What a call with this query is counted in, by name: the operation's own counter first."""
        asked = [extra for extra in self.extra if extra.is_of(query or {})]
        return [(self.id, self.windows), *((f"{self.id} {extra.value}", extra.windows) for extra in asked)]
