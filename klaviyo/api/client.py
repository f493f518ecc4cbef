"""Calls Klaviyo on behalf of a connection: with its access, within its budget, and on the record."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

import requests
from django.utils import timezone

from integrations import connections, http, pacing
from integrations.errors import IntegrationError, ReconnectRequired, Throttled
from integrations.models import Attempt, Connection, Delivery
from klaviyo.api import answers, transport
from klaviyo.api.answers import Answer, Unauthorized
from klaviyo.api.operation import Operation


class Client:
    """One connection's way to Klaviyo. Raises what `answers` and `integrations.errors` describe."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        deliveries: Sequence[Delivery] = (),
    ) -> Answer:
        """Do one operation. A token that Klaviyo has just ceased to accept is renewed and the call made once more."""
        request = {"path": path, "query": query, "body": body}
        self._take_turn(operation)
        access = connections.access_token(self.connection.pk)
        try:
            return self._once(operation, access.token, request, deliveries)
        except Unauthorized:
            self._take_turn(operation)
            access = connections.renew(self.connection.pk, access.generation)
        try:
            return self._once(operation, access.token, request, deliveries)
        except Unauthorized as error:
            sentence = "Klaviyo no longer accepts our access. The app may have been removed from the account."
            connections.mark_reconnect(self.connection, "access_refused", sentence, generation=access.generation)
            raise ReconnectRequired("access_refused", sentence) from error

    def _once(
        self, operation: Operation, token: str, request: dict[str, Any], deliveries: Sequence[Delivery]
    ) -> Answer:
        with self._on_record(operation, deliveries) as attempt:
            response = transport.send(operation, token, **request)
            _note(attempt, response)
            if response.status_code == 429:
                pacing.block(self._budget(operation), http.retry_after(response))
            return answers.read(operation, response)

    def _take_turn(self, operation: Operation) -> None:
        wait = pacing.take(self._budget(operation), operation.windows)
        if wait:
            raise Throttled("It waits its turn within Klaviyo's rate limit.", retry_after=wait)

    def _budget(self, operation: Operation) -> str:
        return f"{self.connection.pk}:{operation.id}"

    @contextmanager
    def _on_record(self, operation: Operation, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """Write the attempt before the call; what stays without `finished_at` is an outcome nobody knows."""
        attempt = Attempt.objects.create(connection=self.connection, operation=operation.id, started_at=timezone.now())
        attempt.deliveries.add(*deliveries)
        started = monotonic()
        try:
            yield attempt
        except Exception as error:
            attempt.code = error.code if isinstance(error, IntegrationError) else "internal_error"
            _finish(attempt, started)
            raise
        _finish(attempt, started)


def _finish(attempt: Attempt, started: float) -> None:
    attempt.duration_ms = round((monotonic() - started) * 1000)
    attempt.finished_at = timezone.now()
    attempt.save(update_fields=["status", "code", "request_id", "duration_ms", "finished_at"])


def _note(attempt: Attempt, response: requests.Response) -> None:
    attempt.status = response.status_code
    attempt.request_id = response.headers.get("x-klaviyo-req-id", "")[:64]
