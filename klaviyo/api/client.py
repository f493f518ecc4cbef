"""API client of one connection: with its access, within its rate limits, and on the record."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations import connections, pacing
from integrations.connections.health_check import REFUSED
from integrations.connections.renewal import KEY_REFUSED
from integrations.errors import ReconnectRequired, Throttled
from integrations.models import Attempt, Connection, Delivery
from integrations.outbox import leasing
from integrations.providers import Access
from integrations.wire import attempts, http
from integrations.wire.attempts import LastLook
from klaviyo.api import answers, partial_success, retirement, transport, values
from klaviyo.api.answers import Answer, Unauthorized
from klaviyo.api.operation import Operation

if TYPE_CHECKING:
    import requests


class Client:
    """One connection's API client. Raises the errors of `answers` and `integrations.errors`.

    A backlog leaves a part of each budget to what has just happened.
    """

    def __init__(self, connection: Connection, *, is_backlog: bool = False) -> None:
        self.connection = connection
        self.is_backlog = is_backlog

    def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        deliveries: Sequence[Delivery] = (),
        last_look: LastLook | None = None,
    ) -> Answer:
        """Do one operation. Access that Klaviyo has just ceased to accept is renewed and the call made once more.

        `last_look` comes when nothing but the request itself is left to do; it may raise CalledOff. Without one, what
        changes anything is called off when a delivery it is for was taken from us.
        """
        send = partial(transport.send, operation, path=path, query=query, body=body)
        once = partial(self._once, operation, send, deliveries, last_look)
        self._take_turn(operation)
        access = connections.access(self.connection.pk)
        try:
            return once(access)
        except Unauthorized:
            access = connections.renew(self.connection.pk, access.generation)
            self._take_turn(operation)
        try:
            return once(access)
        except Unauthorized as error:
            reason = KEY_REFUSED
            if access.is_renewable:
                reason = REFUSED.saying(
                    "Klaviyo no longer accepts our access. The app may have been removed from the account."
                )
            connections.mark_reconnect(self.connection, reason, generation=access.generation)
            raise ReconnectRequired(reason) from error

    def wait(self, operation: Operation) -> timedelta:
        """Until the operation's budget has room; zero where it has."""
        return pacing.wait(self._budget(operation), operation.windows, is_backlog=self.is_backlog)

    def _once(
        self,
        operation: Operation,
        send: "Callable[..., requests.Response]",
        deliveries: Sequence[Delivery],
        last_look: LastLook | None,
        access: Access,
    ) -> Answer:
        with attempts.on_record(self.connection, operation.id, deliveries) as attempt:
            if last_look:
                last_look()
            elif operation.method != "GET":
                leasing.check(deliveries)
            response = send(access)
            _note(attempt, response)
            retirement.note(response)
            # A 429 has Retry-After alone: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
            if response.status_code == 429:
                pacing.block(self._budget(operation), http.retry_after(response))
            else:
                pacing.heed(self._budget(operation), operation.windows, response.headers)
            with connections.learning_scopes(self.connection, operation.scopes):
                answer = answers.read(operation, response)
            if answer.ignored and operation.method != "GET":
                partial_success.warn(deliveries, answer.ignored)
            return answer

    def _take_turn(self, operation: Operation) -> None:
        wait = pacing.take(self._budget(operation), operation.windows, is_backlog=self.is_backlog)
        if wait:
            sentence = "It waits its turn within Klaviyo's rate limit."
            raise Throttled(sentence, retry_after=wait, backlog_only=self.is_backlog)

    def _budget(self, operation: Operation) -> str:
        """One for each connection, which is one account's: an app has a quota of its own, and all keys share another.

        https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
        """
        return f"{self.connection.pk}:{operation.id}"


def _note(attempt: Attempt, response: "requests.Response") -> None:
    attempt.status = response.status_code
    attempt.request_id = values.text(response.headers.get("x-klaviyo-req-id", ""))[:64]
