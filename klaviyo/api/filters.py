"""Filter expressions of Klaviyo's query parameter `filter`."""

from collections.abc import Iterable
from urllib.parse import quote


def any_of(field: str, values: Iterable[str]) -> str:
    """`any(email,["a@b.test"])`: the field has one of the values. https://developers.klaviyo.com/en/docs/filtering_"""
    return f"any({field},[{','.join(_quoted(value) for value in values)}])"


def equals(field: str, value: str) -> str:
    return f"equals({field},{_quoted(value)})"


def contains_any(field: str, values: Iterable[str]) -> str:
    """As reports have it: https://developers.klaviyo.com/en/reference/query_flow_values"""
    return f"contains-any({field},[{','.join(_quoted(value) for value in values)}])"


def encoded_length(value: str) -> int:
    """How many bytes a value takes in the address of a request, with its comma."""
    return len(quote(f"{_quoted(value)},", safe=""))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')  # how to escape is not published
    return f'"{escaped}"'
