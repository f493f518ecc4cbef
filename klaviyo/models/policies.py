"""Consent policies: how much permission a store asks for before it writes to somebody."""

from enum import StrEnum


class Policy(StrEnum):
    """How much permission is enough. It decides only about people who have said neither yes nor no."""

    NOT_OPTED_OUT = "not_opted_out"
    SUBSCRIBED_ONLY = "subscribed_only"
