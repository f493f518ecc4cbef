"""Packed JSON: what is written once and read whole is kept at a third of its length, as each byte is written twice.

On PostgreSQL, whose log has every row once more; its own compression leaves rows of less than 2 KB as they are:
https://www.postgresql.org/docs/current/storage-toast.html
"""

import base64
import json
import re
import zlib
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import models

LEAST = 128  # a shorter one is left as it is
FIRST, SECOND = "1:", "2:"  # before what is packed with WORDS, and with WORDS_WITH_IDS and its ids beside it
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
# It stands for an id; a text of JSON has no such byte of its own: https://www.rfc-editor.org/rfc/rfc8259#section-7
ID = b"\x01"
WORDS_WITH_IDS = (
    b'"order_id":"","items":[{"quantity":1,"price":,"name":"","sku":""}],"discount_code":"","total":,"currency":"EUR",'
    b'"share_link":"https://","referral_code":"","role":"advocate","recipient_email":"","invite_id":"\x01",'
    b'"advocate_name":"","offer":"","offer_code":"","reward_id":"\x01","kind":"","amount":,"expires_at":"","reason":"",'
    b'"value":,"value_currency":"EUR","reminder_number":1,Advocate StartedInvite SentInvite ReceivedInvite Reminder'
    b"ConversionReferred PurchaseReward IssuedReward Reversedhttps://www..com/?utm_source=&utm_medium=&utm_campaign="
    b'{"data":{"type":"event","attributes":{"properties":{"store":"","campaign":"","program_type":"referral",'
    b'"channel":"link","advocate_id":"\x01","fact_id":"\x01","landing_page":"https://","referrer":"https://"},'
    b'"time":"2026-01-01T00:00:00.000000+00:00","unique_id":"\x01","metric":{"data":{"type":"metric","attributes":'
    b'{"name":"Sorae Referred Visit"}}},"profile":{"data":{"type":"profile","attributes":{"email":"@gmail.com"}}}}}}'
)
MOST_IDS = 255
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AS_TEXT = json.JSONEncoder(separators=(",", ":")).encode
# A small window is made quicker.
_EMPTY = zlib.compressobj(3, zlib.DEFLATED, -12, 5, zlib.Z_DEFAULT_STRATEGY, WORDS_WITH_IDS)


def pack(value: Any) -> Any:
    """What to store for it: a text, or the value itself where that is short, or nothing that PostgreSQL would take."""
    if not isinstance(value, dict) or not value:
        return value
    text = _AS_TEXT(value)
    if len(text) < LEAST or "\\u0000" in text or "\\ud" in text:
        return value
    packer, plain = _EMPTY.copy(), text.encode()
    ids = _ID.findall(plain)[:MOST_IDS]  # each as 16 bytes, which no packer could bring it to
    apart = bytes([len(ids)]) + bytes.fromhex(b"".join(ids).replace(b"-", b"").decode())
    packed = apart + packer.compress(_ID.sub(ID, plain, len(ids)) if ids else plain) + packer.flush()
    return SECOND + base64.b64encode(packed).decode()


def unpack(stored: Any) -> Any:
    """The value as it was."""
    if not isinstance(stored, str) or not stored.startswith((FIRST, SECOND)):
        return stored
    packed = base64.b64decode(stored[len(FIRST) :])
    if stored.startswith(FIRST):
        return json.loads(zlib.decompressobj(-12, zdict=WORDS).decompress(packed))
    begins_at = 1 + 16 * packed[0]
    text = zlib.decompressobj(-12, zdict=WORDS_WITH_IDS).decompress(packed[begins_at:])
    ids = (str(UUID(bytes=packed[at : at + 16])).encode() for at in range(1, begins_at, 16))
    return json.loads(re.sub(ID, lambda _: next(ids), text))


class PackedJSONField(models.JSONField):
    """An object that is kept packed: nobody can ask the database for what is in it, but whether it is empty."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return unpack(super().from_db_value(value, expression, connection))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(stored(value, connection), connection, prepared)


def stored(value: Any, connection: Any = database) -> Any:
    """As this database has it."""
    return pack(value) if connection.vendor == "postgresql" else value
