"""Rows and mappings of these tests: one row of Ann's, and what becomes of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings

from klaviyo.syncs.columns.mapped import Mapped, Mapping, MappingError, Refused
from klaviyo.syncs.sources.table import Row

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Of inputs made up: however slow the machine is.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
EMAIL = {"kind": "email", "column": "email"}


def mapping(
    columns: Sequence[str], *fields: dict[str, Any], destination: str = "profiles", zone: ZoneInfo = BERLIN, **more: Any
) -> Mapping:
    """A mapping by e-mail, unless `more` says otherwise."""
    document = {"identity": EMAIL, "fields": list(fields)} | more
    return Mapping.from_json(document, columns, destination=destination, zone=zone, now=NOW)


def told(mapped: Mapped | Refused) -> Mapped:
    assert isinstance(mapped, Mapped), mapped
    return mapped


def refused(mapped: Mapped | Refused) -> str:
    """As rejected rows show it."""
    assert isinstance(mapped, Refused), mapped
    return f"{mapped.field}: {mapped.reason}"


def of_cell(value: object, **field: Any) -> Mapped | Refused:
    """What becomes of one cell, of the column `x`, as the custom property `x`."""
    made = mapping(["email", "x"], {"field": "properties.x", "column": "x"} | field)
    return made.apply(Row(2, ("ann@tea.test", value)))


def value(cell: object, **field: Any) -> Any:
    """What is told of one cell; None for nothing."""
    return told(of_cell(cell, **field)).payload.get("properties", {}).get("x")


def why_not(cell: object, **field: Any) -> str:
    return refused(of_cell(cell, **field))


def warned(cell: object, **field: Any) -> tuple[str, ...]:
    return told(of_cell(cell, **field)).warnings


def problems(document: Any, columns: Sequence[str] = ("email", "x"), destination: str = "profiles") -> dict[str, str]:
    """What is wrong with a mapping, by where."""
    try:
        Mapping.from_json(document, columns, destination=destination, zone=BERLIN, now=NOW)
    except MappingError as error:
        return dict(error.problems)
    return {}
