"""Rehearsal of calls: each request is built as it would go, and kept rather than sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from integrations.models import Connection
from klaviyo.api import scopes, transport
from klaviyo.api.answers import Answer
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation
from klaviyo.api.transport import Request


@dataclass(frozen=True)
class Planned:
    """One request that was not sent, the scopes that it lacks, and how long it would wait for its turn."""

    operation: Operation
    request: Request = field(repr=False)
    lacks: tuple[str, ...]
    wait: timedelta


def nothing(planned: Planned) -> Any:
    """An answer that tells of nothing: no things where many were asked for, else one without attributes."""
    is_of_many = planned.operation.method == "GET" and not planned.operation.path.endswith("}")
    return {"data": [] if is_of_many else {}}


class Rehearsal(Client):
    """A client that sends nothing, asks for no token and spends no budget: `planned` is what would be asked, in order.

    Whoever asks is told what `stand_in` says: with what was read for real, say, the rehearsal goes on from there.
    """

    def __init__(
        self, connection: Connection, *, is_backlog: bool = False, stand_in: Callable[[Planned], Any] = nothing
    ) -> None:
        super().__init__(connection, is_backlog=is_backlog)
        self.stand_in = stand_in
        self.planned: list[Planned] = []

    def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        is_anonymous: bool = False,
        **_of_sending: Any,
    ) -> Answer:
        request = transport.build(operation, path=path, query=query, body=body, headers=headers)
        lacks = () if is_anonymous else scopes.lacking(self.connection, operation)
        self.planned.append(Planned(operation, request, lacks, self.wait(operation, query)))
        return Answer(operation.success[0], self.stand_in(self.planned[-1]))
