"""API client of one connection: with its access, within its rate limits, and on the record."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from integrations import connections, pacing, shutdown
from integrations.connections.health_check import REFUSED
from integrations.connections.renewal import KEY_REFUSED
from integrations.errors import (
    IntegrationError,
    OperatorRequired,
    OutOfTime,
    ReconnectRequired,
    Throttled,
    without_message,
)
from integrations.models import Attempt, Connection, Delivery
from integrations.outbox import leasing
from integrations.providers import Access
from integrations.wire import attempts, http
from integrations.wire.attempts import LastLook
from integrations.wire.deadline import Deadline
from klaviyo.api import answers, bodies, partial_success, retirement, scopes, transport, values
from klaviyo.api.answers import SCOPE_MISSING, Answer, ResponseType, Unauthorized
from klaviyo.api.operation import Operation
from klaviyo.api.transport import Request

if TYPE_CHECKING:
    import requests

STEP_SECONDS = 0.25  # how soon somebody who waits sees that this process is asked to end

TOO_LATE_TO_ASK = http.TIMED_OUT.saying("The time given was over before it was its turn. Nothing was sent.")
TOO_LATE_TO_HEAR = http.TIMED_OUT.saying("The time given was over before Klaviyo had answered. Nothing was changed.")
TOO_LATE_TO_KNOW = http.TIMED_OUT.saying(
    "The time given was over before Klaviyo had answered. The request had been sent, and may have been carried out."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """One request as it went and what came of it; without an answer `status` is None, and `code` says why.

    It holds no authorization, but it may hold people.
    """

    operation: Operation
    request: Request = field(repr=False)
    status: int | None
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    request_id: str
    seconds: float
    code: str = ""


Observer = Callable[[Exchange], None]


class Client:
    """One connection's API client. Raises the errors of `answers` and `integrations.errors`.

    A backlog leaves a part of each budget to what has just happened. Until its `deadline` a `patient` client waits its
    turn, where any other raises Throttled at once. An `observer` is told each exchange, and attempts belong to `run`.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        is_backlog: bool = False,
        deadline: Deadline | None = None,
        patient: bool = False,
        observer: Observer | None = None,
        run: UUID | None = None,
    ) -> None:
        self.connection = connection
        self.is_backlog = is_backlog
        self.deadline = deadline
        self.patient = patient
        self.observer = observer
        self.run = run

    def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        response_type: ResponseType = "json",
        is_anonymous: bool = False,
        deliveries: Sequence[Delivery] = (),
        last_look: LastLook | None = None,
        is_told_with_outcome: bool = False,
    ) -> Answer:
        """Do one operation. Access that Klaviyo has just ceased to accept is renewed and the call made once more.

        `body` is JSON, or one of `bodies`. `last_look` comes when nothing but the request itself is left to do; it may
        raise CalledOff. Without one, what changes anything is called off when a delivery it is for was taken from us.
        For `is_told_with_outcome` see `attempts.on_record`.
        """
        if missing := () if is_anonymous else scopes.lacking(self.connection, operation):
            raise OperatorRequired(SCOPE_MISSING.about(scopes=" ".join(missing)))
        what: dict[str, Any] = {
            "path": path,
            "query": query,
            "body": bodies.of(body) if self.observer else body,
            "headers": headers,
        }
        send = partial(transport.send, operation, deadline=self.deadline, **what)
        request = transport.build(operation, **what) if self.observer else None
        asked = _Asked(operation, self._budgets(operation, query), send, request, response_type, is_told_with_outcome)
        once = partial(self._once, asked, deliveries, last_look)
        self._take_turn(asked)
        if is_anonymous:
            return once(None)
        access = connections.access(self.connection.pk)
        try:
            return once(access)
        except Unauthorized:
            access = connections.renew(self.connection.pk, access.generation)
            self._take_turn(asked)
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

    def wait(self, operation: Operation, query: Mapping[str, str] | None = None) -> timedelta:
        """Until the operation's budgets have room for a call with this query; zero where they have."""
        return pacing.wait_all(self._budgets(operation, query), is_backlog=self.is_backlog)

    def _once(
        self,
        asked: "_Asked",
        deliveries: Sequence[Delivery],
        last_look: LastLook | None,
        access: Access | None,
    ) -> Answer:
        if self.deadline and self.deadline.is_over:  # to renew a token takes its time, and is not cut short
            raise _out_of_time()
        try:
            return self._exchanged(asked, deliveries, last_look, access)
        except IntegrationError as error:
            error.may_have_happened &= asked.operation.method != "GET"
            if self.deadline and self.deadline.is_over and error.code in http.WITHOUT_ANSWER:
                raise _out_of_time(is_unasked=False, may_have_happened=error.may_have_happened) from error
            raise

    def _exchanged(
        self, asked: "_Asked", deliveries: Sequence[Delivery], last_look: LastLook | None, access: Access | None
    ) -> Answer:
        operation = asked.operation
        is_checked = bool(deliveries) and not last_look and operation.method != "GET"
        on_record = attempts.on_record(
            self.connection,
            operation.id,
            deliveries,
            run=self.run,
            write=leasing.record_while_ours if is_checked else None,
            is_told_with_outcome=asked.is_told_with_outcome,
        )
        with on_record as attempt:
            if last_look:
                last_look()
            response = self._sent(asked, access)
            _note(attempt, response)
            retirement.note(response)
            # A 429 has Retry-After alone: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
            if response.status_code == 429:
                for budget, _ in asked.budgets:
                    pacing.block(budget, http.retry_after(response))
            else:
                pacing.heed_all(asked.budgets, response.headers)
            with connections.learning_scopes(self.connection, operation.scopes if access else ""):
                answer = answers.read(operation, response, response_type=asked.response_type)
            if answer.ignored and operation.method != "GET":
                partial_success.warn(deliveries, answer.ignored)
            return answer

    def _sent(self, asked: "_Asked", access: Access | None) -> "requests.Response":
        if not self.observer or not asked.request:
            return asked.send(access)
        began = time.monotonic()
        tell = partial(self._tell, self.observer, asked, asked.request, began)
        try:
            response = asked.send(access)
        except IntegrationError as error:
            tell(None, error.code)
            raise
        tell(response, "")
        return response

    def _tell(
        self,
        observer: Observer,
        asked: "_Asked",
        request: Request,
        began: float,
        response: "requests.Response | None",
        code: str,
    ) -> None:
        """What an observer makes of it changes nothing about what was done."""
        told = answers.headers(response) if response is not None else {}
        exchange = Exchange(
            asked.operation,
            request,
            response.status_code if response is not None else None,
            told,
            response.content if response is not None else b"",
            told.get(answers.REQUEST_ID, ""),
            time.monotonic() - began,
            code,
        )
        try:
            observer(exchange)
        except Exception as error:
            log.error("An exchange could not be kept: %s", without_message(error))

    def _take_turn(self, asked: "_Asked") -> None:
        if self.deadline and self.deadline.is_over:
            raise _out_of_time()
        while wait := pacing.take_all(asked.budgets, is_backlog=self.is_backlog):
            if not self.patient:
                self._give_way(wait)
            self._sit_out(wait)

    def _sit_out(self, wait: timedelta) -> None:
        """Wait as long as pacing says; not at all where there is not so much time."""
        if self.deadline and wait.total_seconds() > self.deadline.left:
            raise _out_of_time(wait)
        ends_at = time.monotonic() + wait.total_seconds()
        while (left := ends_at - time.monotonic()) > 0:
            if shutdown.asked():
                self._give_way(timedelta(seconds=left))
            time.sleep(min(left, STEP_SECONDS))

    def _give_way(self, wait: timedelta) -> None:
        sentence = "It waits its turn within Klaviyo's rate limit."
        raise Throttled(sentence, retry_after=wait, backlog_only=self.is_backlog)

    def _budgets(self, operation: Operation, query: Mapping[str, str] | None) -> list[pacing.Budget]:
        """Of each connection, which is one account's: an app has a quota of its own, and all keys share another.

        https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
        """
        return [(f"{self.connection.pk}:{name}", windows) for name, windows in operation.counters(query)]


@dataclass(frozen=True)
class _Asked:
    """What one call asks for: what it is counted in, and how it is sent; `request` where somebody observes."""

    operation: Operation
    budgets: list[pacing.Budget]
    send: "Callable[..., requests.Response]"
    request: Request | None
    response_type: ResponseType
    is_told_with_outcome: bool


def _out_of_time(
    wait: timedelta | None = None, *, is_unasked: bool = True, may_have_happened: bool = False
) -> OutOfTime:
    reason = TOO_LATE_TO_ASK if is_unasked else TOO_LATE_TO_HEAR
    if may_have_happened:
        reason = TOO_LATE_TO_KNOW
    return OutOfTime(reason, retry_after=wait, may_have_happened=may_have_happened)


def _note(attempt: Attempt, response: "requests.Response") -> None:
    attempt.status = response.status_code
    attempt.request_id = values.text(response.headers.get("x-klaviyo-req-id", ""))[:64]
