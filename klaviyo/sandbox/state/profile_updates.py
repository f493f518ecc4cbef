"""Profile updates as Klaviyo does them: attributes set, and properties and identifiers patched."""

from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.people import IDENTIFIERS, NAMES, Person


def change(person: Person, attributes: Mapping[str, Any], *, nulls_clear: bool = True) -> None:
    """Applies what a request says: properties and places merge by key; a null clears, where it may."""
    for name, value in attributes.items():
        if value is None and not nulls_clear:
            continue
        column = "kx" if name == "_kx" else name
        if name == "email" and value and value.lower() in person.others:
            person.lead_with(value)
        elif column in IDENTIFIERS:
            setattr(person, column, value or None)
        elif name == "properties":
            person.properties = _merged(person.properties, value, nulls_clear=nulls_clear)
        elif name == "location":
            place = person.attributes.get("location", {})
            person.attributes["location"] = _merged(place, value, nulls_clear=nulls_clear)
        elif name in NAMES:
            person.attributes = _merged(person.attributes, {name: value}, nulls_clear=True)
    person.updated = identifiers.instant()


def patch(person: Person, meta: Mapping[str, Any]) -> None:
    """Applies `meta.patch_properties` and `meta.patch_identifiers`."""
    properties = meta.get("patch_properties") or {}
    for name, value in (properties.get("append") or {}).items():
        person.properties[name] = [*_as_list(person.properties.get(name)), *_as_list(value)]
    for name, value in (properties.get("unappend") or {}).items():
        gone = _as_list(value)
        person.properties[name] = [one for one in _as_list(person.properties.get(name)) if one not in gone]
    for name in _as_list(properties.get("unset")):
        person.properties.pop(name, None)
    moved = meta.get("patch_identifiers") or {}
    for name, value in (moved.get("append") or {}).items():
        if name == "email" and value:
            person.add_address(value)
        elif name in IDENTIFIERS:
            setattr(person, name, value)
    for name, value in (moved.get("unappend") or {}).items():
        if name == "email" and value:
            person.drop_address(value)
        elif name in IDENTIFIERS and getattr(person, name) == value:
            setattr(person, name, None)


def _merged(kept: Mapping[str, Any], said: Mapping[str, Any] | None, *, nulls_clear: bool) -> dict[str, Any]:
    if said is None:
        return {}
    both = {**kept, **{name: value for name, value in said.items() if value is not None}}
    if nulls_clear:
        for name in [name for name, value in said.items() if value is None]:
            both.pop(name, None)
    return both


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
