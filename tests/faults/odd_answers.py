"""Malformed answers of a provider: right ones with one thing wrong, and bytes that are no answer at all."""

import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any

PROFILE = {
    "type": "profile",
    "id": "01GDDKASAP8TKDDA2GRZDSVP4H",
    "attributes": {
        "email": "ben@friends.test",
        "phone_number": "+4930901820",
        "subscriptions": {"email": {"marketing": {"can_receive_email_marketing": True, "consent": "SUBSCRIBED"}}},
    },
}
LIST = {"type": "list", "id": "Y6nRLr", "attributes": {"name": "Newsletter", "opt_in_process": "single_opt_in"}}
WEBHOOK = {"type": "webhook", "id": "01J", "attributes": {"name": "Sorae", "enabled": True}}
ACCOUNT = {
    "type": "account",
    "id": "VxYz12",
    "attributes": {"contact_information": {"organization_name": "Tea House"}, "timezone": "Europe/Berlin"},
}
NEXT = "https://a.klaviyo.com/api/profiles?page%5Bcursor%5D=abc"
ERRORS = {
    "errors": [
        {
            "id": "1",
            "code": "invalid",
            "title": "Invalid.",
            "detail": "No.",
            "source": {"pointer": "/data/attributes"},
            "meta": {"duplicate_profile_id": "01GDDKASAP8TKDDA2GRZDSVP4H"},
        }
    ]
}
RIGHT: tuple[dict[str, Any], ...] = (
    {"data": [PROFILE], "links": {"next": None}},
    {"data": PROFILE},
    {"data": [LIST], "links": {"next": NEXT}},
    {"data": LIST},
    {"data": [WEBHOOK]},
    {"data": WEBHOOK},
    {"data": [ACCOUNT]},
    ERRORS,
)
INSTEAD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "\0",
    "half \ud83d",
    "a" * 5_000,
    "../../x",
    "https://[broken",
    "<b>",
    [],
    [[]],
    [None],
    {},
    {"": None},
    {"data": {}},
    [{"id": 5}],
    ["text"],
)
RAW: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"{",
    b"}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"data":',
    b'{"data":[{"id":"',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
    b"\xed\xa0\x80",
    b'{"data": NaN}',
    b'{"data": [Infinity, -Infinity]}',
    b'{"data": 1e999}',
    b'{"data": ' + b"9" * 6_000 + b"}",
    b'{"data": 1, "data": [], "data": {}}',
    b'{"data": "\\ud800"}',
    b'{"data": [{"id": "\\u0000"}]}',
    b"{'data': 1}",
    b"<html><body>502 Bad Gateway</body></html>",
    b"<!doctype html>",
    b"OK",
    b"{} {}",
    b'{"errors": "no"}',
    b'{"errors": [null, 5, []]}',
    b'{"errors": [{"code": 5, "detail": {}, "source": [], "meta": "x"}]}',
    b'{"errors": [{"source": {"pointer": {"a": 1}}, "meta": {"duplicate_profile_id": []}}]}',
    b'{"errors": {}}',
    gzip.compress(b"{}"),
    b'{"data": [' + b"{}," * 2_000 + b"{}]}",
    json.dumps("a" * 500_000).encode(),
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Retry-After": "-1"},
    {"Retry-After": "NaN"},
    {"Retry-After": "9" * 400},
    {"Retry-After": "Sat, 99 Foo"},
    {"Retry-After": "1e9"},
    {"x-klaviyo-req-id": "é" * 300},
    {"x-klaviyo-req-id": "\x00"},
    {"Date": "never"},
    {"RateLimit-Limit": "many", "RateLimit-Remaining": "-1", "RateLimit-Reset": "soon"},
    {"RateLimit-Limit": "0"},
    {"RateLimit-Limit": "9" * 5_000},
    {"RateLimit-Limit": "350, 350;w=1;x"},
    {"Content-Type": "text/html"},
)
STATUSES = (
    200,
    201,
    202,
    204,
    206,
    299,
    300,
    302,
    304,
    400,
    403,
    404,
    409,
    410,
    413,
    422,
    429,
    451,
    500,
    503,
    530,
    999,
)


def bodies() -> list[bytes]:
    """All of them, each once."""
    spoiled = [json.dumps(document).encode() for right in RIGHT for document in spoilings(right)]
    cut = [json.dumps(right).encode()[:length] for right in RIGHT for length in (1, 11, 60)]
    return list(dict.fromkeys([*RAW, *spoiled, *cut]))


def spoilings(right: Any) -> Iterator[Any]:
    """The document with one of its values exchanged, for each value and each of what may come instead."""
    for place in _places(right):
        for odd in INSTEAD:
            spoiled = copy.deepcopy({"all": right})
            inner: Any = spoiled
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = odd
            yield spoiled["all"]


def _places(value: Any, above: tuple[Any, ...] = ("all",)) -> Iterator[tuple[Any, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield from _places(one, (*above, step))
