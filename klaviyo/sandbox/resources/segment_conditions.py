"""Segment conditions: groups are ANDed, conditions in a group ORed.

Conditions on region, distance, predictions, custom objects and funnels are accepted and describe nobody.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo.sandbox.resources import definition_shapes
from klaviyo.sandbox.state import identifiers, list_store
from klaviyo.sandbox.state.people import Person

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda kept, asked: bool(kept == asked),
    "not-equals": lambda kept, asked: bool(kept != asked),
    "greater-than": lambda kept, asked: kept > asked,
    "greater-than-or-equal": lambda kept, asked: kept >= asked,
    "less-than": lambda kept, asked: kept < asked,
    "less-than-or-equal": lambda kept, asked: kept <= asked,
}
_COMPARE_TEXT: Mapping[str, Callable[[str, Any], bool]] = {
    "equals": lambda kept, asked: kept == asked,
    "not-equals": lambda kept, asked: kept != asked,
    "contains": lambda kept, asked: asked in kept,
    "not-contains": lambda kept, asked: asked not in kept,
    "starts-with": lambda kept, asked: kept.startswith(asked),
    "not-starts-with": lambda kept, asked: not kept.startswith(asked),
    "ends-with": lambda kept, asked: kept.endswith(asked),
    "not-ends-with": lambda kept, asked: not kept.endswith(asked),
    "in": lambda kept, asked: kept in asked,
    "not-in": lambda kept, asked: kept not in asked,
}
CONDITION = definition_shapes.condition_of_a_segment()


def hold(sql: sqlite3.Connection, person: Person, definition: Mapping[str, Any]) -> bool:
    return all(
        any(_holds(sql, person, condition) for condition in group["conditions"])
        for group in definition["condition_groups"]
    )


def _holds(sql: sqlite3.Connection, person: Person, condition: Mapping[str, Any]) -> bool:
    kind = condition["type"]
    if kind == "profile-group-membership":
        inside = any(list_store.has_member(sql, one, person.id) for one in condition["group_ids"])
        return inside is bool(condition["is_member"])
    if kind == "profile-marketing-consent":
        return _consents(person, condition["consent"])
    if kind == "profile-permissions":
        return _permits(condition["permission"])
    if kind == "profile-property":
        return _matches(_property(person, condition["property"]), condition["filter"])
    if kind == "profile-metric":
        return _measures(sql, person, condition)
    return False


def _consents(person: Person, asked: Mapping[str, Any]) -> bool:
    reachable, consent = _channel(person, asked.get("channel"))
    status = (asked.get("consent_status") or {}).get("subscription", "any")
    return reachable == asked.get("can_receive_marketing") and (status == "any" or consent.lower() == status)


def _permits(asked: Mapping[str, Any]) -> bool:
    """Of WhatsApp, about which nobody here has ever said anything."""
    return asked["reachable_status"] in ("implicitly_unreachable", "implicitly_or_explicitly_unreachable")


def _channel(person: Person, name: Any) -> tuple[bool, str]:
    if name == "sms":
        consent = person.consent.sms.consent
        return bool(person.phone_number) and consent == "SUBSCRIBED", consent
    return person.consent.can_receive_email(person.email), person.consent.email.consent


def _property(person: Person, name: str) -> Any:
    custom = re.fullmatch(r"properties\[['\"](.*)['\"]\]", name)
    if custom:
        return person.properties.get(custom[1])
    if name in ("email", "phone_number", "external_id"):
        return getattr(person, name)
    return person.attributes.get(name)


def _matches(kept: Any, asked: Mapping[str, Any]) -> bool:
    operator = str(asked.get("operator"))
    if asked.get("type") == "existence":
        return (kept is not None) == (operator == "is-set")
    if asked.get("type") == "string":
        compare = _COMPARE_TEXT.get(operator)
        return compare is not None and compare(str(kept or ""), asked.get("value"))
    if asked.get("type") == "boolean":
        return bool(kept is asked.get("value"))
    is_number = isinstance(kept, int | float) and not isinstance(kept, bool)
    compare = _COMPARE.get(operator)
    return is_number and compare is not None and compare(kept, asked.get("value"))


def _measures(sql: sqlite3.Connection, person: Person, condition: Mapping[str, Any]) -> bool:
    measure = "COUNT(*)" if condition["measurement"] == "count" else "COALESCE(SUM(value), 0)"
    after, before = _timeframe(condition["timeframe_filter"])
    row = sql.execute(
        f"SELECT {measure} FROM events "  # noqa: S608 - one of two fixed expressions
        "WHERE profile = ? AND metric = ? AND time >= ? AND time < ?",
        (person.id, condition["metric_id"], after, before),
    ).fetchone()
    asked = condition["measurement_filter"]
    return asked.get("operator") in _COMPARE and _COMPARE[asked["operator"]](row[0], asked.get("value", 0))


def _timeframe(asked: Mapping[str, Any]) -> tuple[float, float]:
    """From when until when, in seconds; a timeframe that is not understood is all time."""
    ever = (0.0, time.time() + timedelta(days=400).total_seconds())
    operator = asked.get("operator")
    if operator == "in-the-last":
        unit = {"hour": 3600, "day": 86_400, "week": 604_800}.get(str(asked.get("unit")), 86_400)
        return datetime.now(UTC).timestamp() - unit * asked.get("quantity", 0), ever[1]
    if operator in ("after", "before"):
        at = identifiers.parsed(str(asked.get("date"))).timestamp()
        return (at, ever[1]) if operator == "after" else (ever[0], at)
    return ever
