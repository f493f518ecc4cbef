"""Endpoints: one address and method each, with the function that answers, and the call that it is given."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from pydantic import BaseModel

from integrations.api import idempotency, reading, tokens
from integrations.api.answers import JSON, Answer
from integrations.api.idempotency import OfRun, Work
from integrations.api.outcome import Outcome
from integrations.api.refusals import Refused, refused
from integrations.models import ApiToken, Connection

LARGEST = 7 * 1024 * 1024  # bytes of a body
MULTIPART = "multipart/form-data"
MOST_DIGITS = 18

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """A call that may be answered: whose it is, its parts of the path, and its body, which is empty for multipart."""

    request: HttpRequest
    token: ApiToken
    parts: Mapping[str, str]
    body: bytes = b""
    began: float = field(default_factory=time.monotonic)

    def read(self, model: type[Model]) -> Model:
        """The body as that model; `Refused` with 400 where it is no JSON object, with 422 where fields are wrong."""
        found = reading.checked(model, self.body)
        if isinstance(found, Outcome):
            raise Refused(400 if found.code == reading.BROKEN else 422, found)
        return found

    def connection(self, part: str = "connection") -> Connection:
        """The connection of the path, if the token is for it."""
        text = self.parts[part]
        pk = int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0
        found = Connection.look(pk)
        if found is None and self.token.is_for_all_connections:
            raise refused(404, "no_such_connection", "There is no such connection.")
        tokens.must_reach(self.token, found or pk)
        if found is None:
            raise refused(404, "no_such_connection", "There is no such connection.")
        return found

    def must_be_allowed(self, abilities: str | Iterable[str], what: str = "") -> None:
        """`Refused` with 403, and on record, unless the token holds one of these abilities."""
        tokens.must_do(self.token, abilities, what)

    def once(self, work: Work, *, of_run: OfRun = lambda _: None) -> Answer:
        """Do the work once for the call's idempotency key, if it has one; see `idempotency.once`."""
        body = _form(self.request) if self.request.content_type == MULTIPART else self.body
        digest = idempotency.digest(self.request.method or "", self.request.get_full_path(), body)
        return idempotency.once(self.token, self.idempotency_key, digest, work, of_run=of_run)

    @cached_property
    def idempotency_key(self) -> str:
        return idempotency.key_of(self.request.headers.get(idempotency.HEADER))

    @property
    def wants_no_wait(self) -> bool:
        """`Prefer: respond-async`: https://www.rfc-editor.org/rfc/rfc7240#section-4.1"""
        wishes = self.request.headers.get("Prefer", "").split(",")
        return any(wish.partition(";")[0].strip().lower() == "respond-async" for wish in wishes)


def _form(request: HttpRequest) -> bytes:
    """What a form says, whatever marks its parts: https://www.rfc-editor.org/rfc/rfc7578#section-4.1"""
    said: list[tuple[str, str]] = [(name, value) for name, values in request.POST.lists() for value in values]
    for name, files in request.FILES.lists():
        for one in files:
            said.append((name, f"{one.name}\n{one.content_type}\n{hashlib.sha256(one.read()).hexdigest()}"))
            one.seek(0)
    return json.dumps(sorted(said)).encode()


View = Callable[[Call], Answer | HttpResponseBase]


@dataclass(frozen=True)
class Endpoint:
    """`path` is below /api/v1, and each `{part}` of it is one text. `view` answers, or raises `Refused`.

    Literal parts go before others: `/things/all` before `/things/{thing}`.
    """

    method: str
    path: str
    view: View
    largest: int = LARGEST
    content_types: tuple[str, ...] = (JSON,)
    query: tuple[str, ...] = ()  # the parameters that it takes after the ?

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The parts of a path that is one of this endpoint's."""
        if len(segments) != len(self.segments):
            return None
        parts = {}
        for mine, given in zip(self.segments, segments, strict=True):
            if mine.startswith("{"):
                if not given:
                    return None
                parts[mine.strip("{}")] = given
            elif mine != given:
                return None
        return parts

    def must_take(self, request: HttpRequest) -> None:
        """`Refused` with 400 for a parameter that would have no effect."""
        for name in request.GET:
            if name not in self.query:
                sentence = "This address takes no parameters after the ?. Put what you want to say into the body."
                raise refused(400, "unknown_parameter", sentence, parameter=name[:100])

    @property
    def rank(self) -> tuple[bool, ...]:
        return tuple(segment.startswith("{") for segment in self.segments)
