"""Klaviyo's filter language: https://developers.klaviyo.com/en/docs/filtering_."""

from collections.abc import Iterable


def any_of(field: str, values: Iterable[str]) -> str:
    """`any(email,["a@b.test"])`: the field has one of the values."""
    return f"any({field},[{','.join(_quoted(value) for value in values)}])"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
