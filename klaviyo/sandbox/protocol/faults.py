"""Faults on request: what goes wrong, with which operation, how many times."""

import gzip
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import cache

from klaviyo.sandbox.http.wire import JSON_API, Delivery, Reply, html_reply, json_reply, redirect
from klaviyo.sandbox.protocol.errors import (
    Problem,
    bad_credential,
    errors_reply,
    forbidden,
    missing_scopes,
    not_entitled,
    throttled,
)

OAUTH_OPERATIONS = ("oauth_token", "oauth_revoke")
KINDS = (
    "429",
    "500",
    "502",
    "503",
    "504",
    "524",
    "html_403",
    "unauthorized",
    "missing_scope",
    "forbidden",
    "not_entitled",
    "partial_failure",
    "list_vanished",
    "invalid_grant",
    "not_json",
    "wrong_success",
    "redirect",
    "huge",
    "reset",
    "lost",
    "slow",
    "drip",
    "truncated",
    "accept_then_drop",
    "accept_and_lose",
    "empty_list",
    "gzip_bomb",
    "no_pointer",
    "import_cancelled",
    "import_forgotten",
    "import_errors",
    "import_status",
)
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>cloudflare</body></html>"


@dataclass(frozen=True)
class Fault:
    """One scripted fault.

    `operation` is an operation's id, `oauth_token`, `oauth_revoke`, or `*` for every API operation.
    It happens to the next `count` matching calls after `skip` of them went well; `account` narrows it.
    `retry_after` (429 and 5xx): whole seconds as text, `date` for an HTTP date two seconds ahead, `missing` for
    no such header, or any other text, which is sent as it is. `delay`: seconds, for `slow` and `drip`. `pace`:
    seconds between single bytes of a `drip`, instead of twenty pieces in `delay` seconds. `html`: an HTML body
    instead of a JSON one for 5xx and 429. `location`: where `redirect` points.

    `accept_and_lose` answers 202 and forgets the event, of a bulk job `items` events; `import_errors` makes so
    many people of a bulk import fail. None means all of them; they are the first ones, or with a `seed` others.
    `import_cancelled` and `import_forgotten` import nobody: the job ends cancelled, or is a 404. `import_status`
    ends it with the word `status`. `partial_failure` takes a request without the phone numbers in it, and says so in a
    header. `not_entitled` is a 403 about a product that the account has not got, with the code of a missing scope. A
    524 is the edge's own and always HTML. `no_pointer` takes the source out of every error of a 400, if there is one.
    """

    operation: str
    kind: str
    count: int = 1
    account: str | None = None
    skip: int = 0
    retry_after: str | None = None
    delay: float = 1.0
    html: bool = False
    location: str = "https://elsewhere.example/"
    pace: float = 0.0
    items: int | None = None
    seed: int | None = None
    status: str = "on_hold"
    happened: int = 0

    @property
    def is_over(self) -> bool:
        return self.happened >= self.count


class Faults:
    """The faults that wait for their calls, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"'{fault.kind}' is not a fault. Use one of: {', '.join(KINDS)}.")
        with self._lock:
            self._faults.append(fault)

    def all(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, operation: str, account: str | None) -> Fault | None:
        """The fault that happens to this call, counted as having happened."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.is_over or not _concerns(fault, operation, account):
                    continue
                if fault.skip:
                    self._faults[index] = replace(fault, skip=fault.skip - 1)
                    return None
                self._faults[index] = replace(fault, happened=fault.happened + 1)
                return fault
        return None


def chosen(fault: Fault | None, kind: str, number: int) -> frozenset[int]:
    """Which of so many items a fault of that kind concerns."""
    if fault is None or fault.kind != kind:
        return frozenset()
    wanted = number if fault.items is None else min(fault.items, number)
    if fault.seed is None:
        return frozenset(range(wanted))
    return frozenset(random.Random(fault.seed).sample(range(number), wanted))  # noqa: S311 - a dice, no secret


def instead(fault: Fault, operation: str, scopes: tuple[str, ...] = ()) -> Reply | None:
    """The answer that comes instead of the work; None when the work is done all the same."""
    if fault.kind.isdecimal():
        return _by_status(fault, int(fault.kind), is_oauth=operation in OAUTH_OPERATIONS)
    make = _INSTEAD.get(fault.kind)
    return make(fault, scopes) if make else None


def afterwards(fault: Fault, reply: Reply) -> Reply:
    """The real answer, spoiled on its way."""
    if fault.kind == "no_pointer" and reply.status == 400:
        return _without_sources(reply)
    spoiled = {
        "slow": Delivery(wait=fault.delay),
        "drip": Delivery(drip=fault.delay, pace=fault.pace),
        "truncated": Delivery(truncate=True),
        "accept_then_drop": Delivery(drop=True),
    }.get(fault.kind)
    return replace(reply, delivery=spoiled) if spoiled else reply


def _without_sources(reply: Reply) -> Reply:
    document = json.loads(reply.body)
    for error in document["errors"]:
        error["source"] = {}
    return replace(reply, body=json.dumps(document).encode())


def _concerns(fault: Fault, operation: str, account: str | None) -> bool:
    if fault.account is not None and fault.account != account:
        return False
    return fault.operation == operation or (fault.operation == "*" and operation not in OAUTH_OPERATIONS)


def _by_status(fault: Fault, status: int, *, is_oauth: bool) -> Reply:
    headers = _retry_after(fault, default="1" if status == 429 else None)
    if fault.html or status == 524:
        return html_reply(status, _HTML.format(f"{status} from the edge")).with_headers(headers)
    if is_oauth:
        # Klaviyo's form here is not documented; OAuth's own is the likely one.
        body = {"error": "too_many_requests" if status == 429 else "server_error"}
        return json_reply(status, body).with_headers(headers)
    if status == 429:
        return errors_reply([throttled(1)]).with_headers(headers)
    problem = Problem(status, "error", "A server error occurred.", "Something went wrong on our side.")
    return errors_reply([problem]).with_headers(headers)


def _retry_after(fault: Fault, default: str | None) -> dict[str, str]:
    asked = fault.retry_after if fault.retry_after is not None else default
    if asked is None or asked == "missing":
        return {}
    return {"Retry-After": formatdate(time.time() + 2, usegmt=True) if asked == "date" else asked}


@cache
def _bomb() -> bytes:
    """A gigabyte of blanks in a megabyte: a gzip stream may be many, one after the other."""
    return gzip.compress(b" " * 16 * 1024 * 1024) * 64


def _html_403(fault: Fault, scopes: tuple[str, ...]) -> Reply:  # noqa: ARG001
    return html_reply(403, _HTML.format("Just a moment...")).with_headers({"cf-mitigated": "challenge"})


def _list_vanished(fault: Fault, scopes: tuple[str, ...]) -> Reply:  # noqa: ARG001
    return errors_reply([Problem(404, "not_found", "Not found.", "A list with this id does not exist.")])


def _invalid_grant(fault: Fault, scopes: tuple[str, ...]) -> Reply:  # noqa: ARG001
    return json_reply(400, {"error": "invalid_grant", "error_description": "The grant is not valid."})


_INSTEAD: dict[str, Callable[[Fault, tuple[str, ...]], Reply]] = {
    "html_403": _html_403,
    "list_vanished": _list_vanished,
    "invalid_grant": _invalid_grant,
    "unauthorized": lambda _fault, _scopes: errors_reply([bad_credential()]),
    "missing_scope": lambda _fault, scopes: errors_reply([missing_scopes(scopes)]),
    "forbidden": lambda _fault, _scopes: errors_reply([forbidden()]),
    "not_entitled": lambda _fault, _scopes: errors_reply([not_entitled()]),
    "not_json": lambda _fault, _scopes: Reply(200, b'{"data": [', {"Content-Type": JSON_API}),
    "wrong_success": lambda _fault, _scopes: html_reply(200, _HTML.format("Welcome")),
    "redirect": lambda fault, _scopes: redirect(fault.location),
    "huge": lambda _fault, _scopes: Reply(200, b" " * 64 * 1024 * 1024, {"Content-Type": JSON_API}),
    "empty_list": lambda _fault, _scopes: Reply(200, b"[]", {"Content-Type": JSON_API}),
    "gzip_bomb": lambda _fault, _scopes: Reply(200, _bomb(), {"Content-Type": JSON_API, "Content-Encoding": "gzip"}),
    "reset": lambda _fault, _scopes: Reply(500, delivery=Delivery(reset=True)),
    "lost": lambda _fault, _scopes: Reply(202),
}
