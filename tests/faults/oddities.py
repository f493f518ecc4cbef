"""What comes in that nobody meant: words for addresses, forms and headers, and values for code."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

HUGE = 70_000
LONGEST_IN_AN_ADDRESS = 4_000  # gunicorn refuses more
TOO_MANY_DIGITS = "9" * 5_000  # more than Python makes a number of
BEYOND_ANY_COLUMN = "99999999999999999999"

WORDS = (
    "", " ", "0", "-1", "1", "2.5", "1e309", "NaN", "Infinity", "0x10", "٣", "²", "½", "1_000", BEYOND_ANY_COLUMN,
    "9223372036854775807", "-9223372036854775809", TOO_MANY_DIGITS, "None", "null", "true", "[]", "{}", "on", "all",
    "\0", "a\0b", "\r\nX-Injected: 1", "\t", "\u202egnp.exe", "\ufeff", "e\u0301", "😀" * 50, "ﷺ" * 20, "İ", "ß",
    "<script>alert(1)</script>", "' OR 1=1 --", "\"><img src=x>", "{{ 7*7 }}", "{% debug %}", "%s%n",
    "../../etc/passwd",
    "//evil.example/", "https://evil.example/", "javascript:alert(1)", "\\\\evil\\share", "a@b", "ann@example.com",
    "ann@example.com\nBcc: x@evil.example", '"a b"@example.com', "a" * 300 + "@example.com", "x@" + "b." * 200 + "c",
    "2026-13-45", "0001-01-01", "9999-12-31T23:59:59Z", "2026-02-30", "tomorrow", "failed", "queued,failed",
    "a" * LONGEST_IN_AN_ADDRESS,
)  # fmt: skip
RAW = ("%", "%zz", "%00", "%ff%fe", "%ed%a0%80", "%C0%AF", "+", "%2e%2e%2f", "a%0d%0ab", "%u0041")
QUOTED = tuple(quote(word, safe="") for word in WORDS) + RAW  # as they may stand in an address

FIELDS = (
    "state",
    "kind",
    "connection",
    "store",
    "program",
    "reason",
    "code",
    "error",
    "error_description",
    "iss",
    "q",
    "p",
    "o",
    "e",
    "all",
    "after",
    "before",
    "from",
    "to",
    "days",
    "person",
    "friend",
    "channel",
    "delivery",
    "send",
    "email",
    "confirm",
    "choice",
    "waiting",
    "action",
    "_selected_action",
    "select_across",
    "post",
    "next",
    "back",
    "search",
    "list_id",
    "newsletter_list_id",
    "behaviour",
    "is_enabled",
    "username",
    "password",
    "old_password",
    "first_name",
    "email_wording",
    "newsletter",
    "website",
    "phone",
    "unsubscribe",
    "List-Unsubscribe",
    "scope",
    "_popup",
    "_facets",
    "pk__in",
    "id__exact",
    "advocate__email__startswith",
    "app_label",
    "model_name",
    "field_name",
    "term",
)  # fmt: skip  (not _to_field: where it is empty Django's own admin breaks)

HEADERS = (
    {"host": "evil.example"}, {"host": "[::1"}, {"host": "a" * 300}, {"x-forwarded-for": "1.2.3"},
    {"x-forwarded-for": ", ,::::,999.999.999.999"}, {"x-forwarded-proto": "gopher"},
    {"x-forwarded-host": "evil.example"},
    {"accept-language": "xx;q=NaN,,,;"}, {"accept-language": "a" * 600}, {"accept": "\x7f"},
    {"accept-encoding": "gzip;q="},
    {"cookie": "sessionid=\x01; csrftoken=;;=; a"}, {"cookie": "sessionid=" + "z" * 4000}, {"cookie": "messages=!!!"},
    {"referer": "http://[broken"}, {"referer": "\xff" * 100}, {"user-agent": "\xf0\x9f"}, {"user-agent": ""},
    {"if-modified-since": "yesterday"}, {"if-none-match": '"'}, {"range": "bytes=9-1"}, {"origin": "null"},
    {"content-length": "nine"}, {"content-length": "-1"}, {"content-type": "application/json; charset=klingon"},
    {"content-type": "text/html; charset=utf-16"}, {"x-csrftoken": "\x00"}, {"authorization": "Basic ="},
    {"x-http-method-override": "DELETE"}, {"transfer-encoding": "chunked"}, {"x-requested-with": "XMLHttpRequest"},
    {"klaviyo-signature": "z", "klaviyo-timestamp": "-1", "klaviyo-webhook-id": "\x01"}, {"sec-purpose": "prefetch"},
)  # fmt: skip

BODIES = (
    (b"", ""), (b"", "application/json"), (b"{", "application/json"), (b"[" * 5_000, "application/json"),
    (b"\xff\xfe\x00", "application/x-www-form-urlencoded"), (b"a=%", "application/x-www-form-urlencoded"),
    (b"&&&==;", "application/x-www-form-urlencoded"), (b"a=1&" * 2_000, "application/x-www-form-urlencoded"),
    (b"email=%ed%a0%80&send=%00", "application/x-www-form-urlencoded; charset=utf-7"),
    (b"--x\r\nContent-Disposition: form-data; name=\"", "multipart/form-data; boundary=x"),
    (b"--x--", "multipart/form-data"), (b"--x--", "multipart/form-data; boundary=" + "y" * 500),
    (b"--x\r\nContent-Disposition: form-data; name=\"email\"; filename=\"\x00\"\r\n\r\n\xff\r\n--x--\r\n",
     "multipart/form-data; boundary=x"),
    (b"--x\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=send\r\n\r\n!\r\n--x--\r\n",
     "multipart/form-data; boundary=x"),
    (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>", "application/xml"), (b"x" * HUGE, "text/plain"),
    (b'{"data": {"type": null}}', "application/vnd.api+json"), (b"\x1f\x8b\x08", "application/octet-stream"),
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


class Obstinate:
    """An object that will not even be looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)

NAIVE = (datetime(2026, 1, 1), datetime.min, datetime.max)  # noqa: DTZ001, DTZ901 (that is what is odd about them)
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**400, 1.5, float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"),
    Decimal("1e9999"), Decimal("-0"), b"bytes", b"\xff", [], (), {}, set(), object(), Obstinate, Obstinate(), ENDLESS,
    ["email", None], [[]], {"sku": float("nan")}, [{"sku": "\0"}], [{"price": 10**400}], range(3), iter([1]),
    lambda: None, type, *NAIVE, datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC), date(2026, 1, 1), "half \ud83d", "\udc00", "nul \0",
    "a" * HUGE, "😀" * HUGE, *WORDS[:-1],
)  # fmt: skip
