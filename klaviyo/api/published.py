"""Klaviyo's published operations, all of them, by their id or by a method and a path.

The table beside (`operations.json`) is made from the specification of our revision, by tests/klaviyo/api; it is read
when something is first looked up.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from klaviyo.api.operation import (
    LISTS_OF_A_PROFILE,
    PREDICTIVE_ANALYTICS,
    SEGMENTS_OF_A_PROFILE,
    SIZE_OF_A_LIST,
    SIZE_OF_A_SEGMENT,
    Extra,
    Operation,
)

EXTRAS = (PREDICTIVE_ANALYTICS, SIZE_OF_A_LIST, SIZE_OF_A_SEGMENT, LISTS_OF_A_PROFILE, SEGMENTS_OF_A_PROFILE)


@dataclass(frozen=True)
class Published:
    """An operation with what may be asked of it.

    `query` has for each parameter the words that it takes (None: any text); `page` is the usual and the largest size of
    a page, (0, 0) without pages; `filters` has the operators of each field; `resource` is the type of its answer;
    `body` is the media type of its request.
    """

    operation: Operation
    query: Mapping[str, tuple[str, ...] | None]
    page: tuple[int, int]
    filters: Mapping[str, tuple[str, ...]]
    resource: str
    body: str

    @property
    def id(self) -> str:
        return self.operation.id


#: What these answer repeats what was asked; without it they are done all the same.
NOBODY_NEEDS_ITS_ANSWER = frozenset({"merge_profiles", "bulk_suppress_profiles", "bulk_unsuppress_profiles"})


class Unknown(LookupError):
    """There is no such operation."""


@cache
def find(id: str) -> Published:
    """The operation with that id. Raises Unknown."""
    row = _table()["operations"].get(id)
    if row is None:
        raise Unknown(id)
    words = _table()["words"]
    told: dict[str, Any] = row.get("query", {})
    size = told.get("page[size]") or [0, 0]
    burst, steady, daily = row["limits"]
    operation = Operation(
        id,
        row["call"],
        " ".join(row["scopes"]),
        burst,
        steady,
        daily,
        success=tuple(row["success"]),
        needs_body="answers" in row and id not in NOBODY_NEEDS_ITS_ANSWER,
        extra=tuple(extra for extra in EXTRAS if _offers(told.get(extra.parameter), extra, id)),
    )
    return Published(
        operation,
        {name: tuple(words[among]) if isinstance(among, int) else None for name, among in told.items()},
        (size[0] or 0, size[1] or size[0] or 0),
        {name: tuple(operators) for name, operators in row.get("filters", {}).items()},
        row.get("answers", ""),
        row.get("body", ""),
    )


def _offers(among: Any, extra: Extra, id: str) -> bool:
    """Whether an operation takes what has a limit of its own; where that is not published, it is safe to count it."""
    is_offered = isinstance(among, int) and extra.value in _table()["words"][among]
    return is_offered and (extra.parameter != "include" or id == "get_profile")


def operation(id: str) -> Operation:
    """As `find`, without what may be asked of it."""
    return find(id).operation


def ids() -> list[str]:
    return list(_table()["operations"])


def matching(method: str, path: str) -> tuple[Published, dict[str, str]] | None:
    """The operation that a method and a path mean, and the values in the path; None where Klaviyo publishes none.

    A path without placeholders goes before one with.
    """
    found = [(id, match) for id, verb, pattern in _patterns() if verb == method and (match := pattern.fullmatch(path))]
    if not found:
        return None
    id, match = min(found, key=lambda one: len(one[1].groupdict()))
    return find(id), {name: unquote(value) for name, value in match.groupdict().items()}


@cache
def _patterns() -> list[tuple[str, str, "re.Pattern[str]"]]:
    made = []
    for id, row in _table()["operations"].items():
        verb, _, path = row["call"].partition(" ")
        made.append((id, verb, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))))
    return made


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("operations.json").read_text())
    return table
