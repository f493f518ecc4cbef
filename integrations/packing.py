"""Packed JSON: what is written once and read whole is kept at half its length, as each byte is written twice.

On PostgreSQL, whose log has every row once more; its own compression leaves rows of less than 2 KB as they are:
https://www.postgresql.org/docs/current/storage-toast.html
"""

import base64
import json
import zlib
from typing import Any

from django.db import connection as database
from django.db import models

LEAST = 128  # a shorter one is left as it is
FIRST = "1:"  # before what is packed with WORDS
# The words that bodies are made of. Never change: what is stored cannot be read without them.
# https://docs.python.org/3/library/zlib.html#zlib.compressobj
WORDS = (
    b'"order_id":"","items":[{"quantity":1,"price":,"name":"","sku":""}],"discount_code":"","total":,"currency":"EUR",'
    b'"share_link":"https://","referral_code":"","role":"advocate","recipient_email":"","invite_id":"","advocate_name":'
    b'"","offer":"","offer_code":"","reward_id":"","kind":"","amount":,"expires_at":"","reason":"","value":,'
    b'"value_currency":"EUR"{"data":{"type":"event","attributes":{"properties":{"store":"","campaign":"",'
    b'"program_type":"referral","channel":"link","advocate_id":"","fact_id":"","landing_page":"https://","referrer":'
    b'"https://"},"time":"2026-01-01T00:00:00.000000+00:00","unique_id":"","metric":{"data":{"type":"metric",'
    b'"attributes":{"name":"Sorae "}}},"profile":{"data":{"type":"profile","attributes":{"email":"@'
)
_AS_TEXT = json.JSONEncoder(separators=(",", ":")).encode
_EMPTY = zlib.compressobj(3, zlib.DEFLATED, -12, 5, zlib.Z_DEFAULT_STRATEGY, WORDS)  # a small window is made quicker


def pack(value: Any) -> Any:
    """What to store for it: a text, or the value itself where that is short, or nothing that PostgreSQL would take."""
    if not isinstance(value, dict) or not value:
        return value
    text = _AS_TEXT(value)
    if len(text) < LEAST or "\\u0000" in text or "\\ud" in text:
        return value
    packer = _EMPTY.copy()
    packed = packer.compress(text.encode()) + packer.flush()
    return FIRST + base64.b64encode(packed).decode()


def unpack(stored: Any) -> Any:
    """The value as it was."""
    if not isinstance(stored, str) or not stored.startswith(FIRST):
        return stored
    packed = base64.b64decode(stored.removeprefix(FIRST))
    return json.loads(zlib.decompressobj(-12, zdict=WORDS).decompress(packed))


class PackedJSONField(models.JSONField):
    """An object that is kept packed: nobody can ask the database for what is in it, but whether it is empty."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return unpack(super().from_db_value(value, expression, connection))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(stored(value, connection), connection, prepared)


def stored(value: Any, connection: Any = database) -> Any:
    """As this database has it."""
    return pack(value) if connection.vendor == "postgresql" else value
