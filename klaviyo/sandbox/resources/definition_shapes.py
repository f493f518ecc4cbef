"""Definition shapes of segments and flows, read from a table that was taken out of the specification.

In `definitions.json` a star marks what is required, `@` names another shape, `$one` lists variants, `$is` constants.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from klaviyo.sandbox.protocol.formats import moment
from klaviyo.sandbox.protocol.validation import Anything, Boolean, Items, Members, Number, Shape, Text
from klaviyo.sandbox.protocol.variants import Constant, Named, Null, OneOf, Whole

FILE = Path(__file__).with_name("definitions.json")


def _zone(name: str) -> str | None:
    """A known one, or that of each profile."""
    return None if name == "profile" or name in available_timezones() else "This is not a known time zone."


_PLAIN: dict[str, Shape] = {
    "string": Text(),
    "integer": Whole(),
    "number": Number(),
    "boolean": Boolean(),
    "moment": Text(form=moment),
    "timezone": Text(form=_zone),
    "object": Anything(),
    "null": Null(),
}


@cache
def named(name: str) -> Shape:
    return _shape(_table()[name])


def condition_of_a_segment() -> Shape:
    return _shape(_table()["ConditionGroup"]["conditions*"][0])


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(FILE.read_text())
    return table


def _shape(short: Any) -> Shape:
    if isinstance(short, str):
        return Named(short[1:], named) if short.startswith("@") else _PLAIN[short]
    if isinstance(short, list):
        return Items(_shape(short[0]))
    if "$null" in short:
        return Null(_shape(short["$null"]))
    if "$one" in short:
        return OneOf(tuple(_shape(one) for one in short["$one"]))
    if "$is" in short:
        return Constant(tuple(short["$is"]))
    members = {name: _shape(one) for name, one in short.items()}
    return Members(
        {name[:-1]: one for name, one in members.items() if name.endswith("*")},
        {name: one for name, one in members.items() if not name.endswith("*")},
    )
