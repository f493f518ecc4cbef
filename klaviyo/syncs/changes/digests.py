"""Digests of what is told of a row: a column that is not mapped changes none, another mapping changes what it says."""

import hashlib
import json
from typing import Any

SIZE = 16


def of(target: str, identity: str, payload: str) -> bytes:
    """`target` is whatever else makes it another request, such as the list."""
    told = f"{target}\0{identity}\0{payload}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=SIZE).digest()


def of_key(key: str) -> str:
    """By which an event is known: the same for ever."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=SIZE).hexdigest()


def text(payload: Any) -> str:
    """The same for what says the same."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
