"""Task of one run: the connection's client with the run's patience, and what there is to say besides the answer."""

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from integrations.api.outcome import SUCCESS, Outcome, Problem
from integrations.errors import IntegrationError, OperatorRequired, PermanentError
from integrations.models import Connection
from integrations.outcomes import CalledOff
from integrations.wire.deadline import Deadline
from klaviyo.actions import dry_run, reading, rests, retries
from klaviyo.actions.exchanges import Exchanges
from klaviyo.actions.guard import Guard
from klaviyo.actions.inputs import Reading
from klaviyo.actions.refusals import Refused as Refused
from klaviyo.actions.retries import Patience
from klaviyo.actions.turns import Turn, is_harmless_again
from klaviyo.api import answers, paging, partial_success, published, scopes
from klaviyo.api.answers import SCOPE_MISSING, Answer
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation
from klaviyo.api.rehearsal import Rehearsal

OBEYED_FOR = 0.5  # seconds: what waits for its turn for longer looks once more whether it may still go
OVER_THIS_MANY = 10  # requests a run makes way for what has just happened


@dataclass
class Task:
    """What an action's function works with.

    `call` makes a request; what it says besides its answer goes to `warn`. `is_known` turns False where something that
    was asked may have been done although no answer says so.
    """

    connection: Connection
    client: Client
    patience: Patience
    deadline: Deadline
    is_dry: bool = False
    warnings: list[Problem] = field(default_factory=list)
    exchanges: Exchanges = field(default_factory=Exchanges)
    requests: int = 0
    is_known: bool = True
    learn: Callable[[set[str]], None] | None = None  # is told of people whom the run turns out to be about
    obeyed_at: float = 0.0  # when it was last seen that the account may be asked
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.connection, self.is_dry)

    @classmethod
    def over(
        cls,
        connection: Connection,
        patience: Patience,
        deadline: Deadline,
        *,
        is_backlog: bool = False,
        run: uuid.UUID | None = None,
        dry: bool = False,
    ) -> "Task":
        """A task of one run over a connection; `dry`, nothing is sent."""
        if dry:
            rehearsal = Rehearsal(connection, is_backlog=is_backlog, stand_in=dry_run.stand_in)
            return cls(connection, rehearsal, patience, deadline, is_dry=True)
        exchanges = Exchanges()
        client = Client(
            connection, is_backlog=is_backlog, deadline=deadline, patient=True, observer=exchanges.note, run=run
        )
        return cls(connection, client, patience, deadline, exchanges=exchanges)

    @property
    def request_ids(self) -> list[str]:
        """Klaviyo's ids of the requests, to ask its support about."""
        return self.exchanges.request_ids

    def must_be_allowed(self, operations: Sequence[str]) -> None:
        """Raises OperatorRequired where a scope is known to be missing, before anything is sent."""
        missing = {
            scope: None for id in operations for scope in scopes.lacking(self.connection, published.operation(id))
        }
        if missing and not self.is_dry:
            raise OperatorRequired(SCOPE_MISSING.about(scopes=" ".join(missing)))

    def dry_outcome(self) -> Outcome:
        """What a dry run tells: the requests as they would go."""
        planned = self.client.planned if isinstance(self.client, Rehearsal) else []
        return Outcome(SUCCESS, "Nothing was sent.", dry_run.told(planned))

    def call(
        self,
        operation: Operation | str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        is_repeatable: bool | None = None,
        **more: Any,
    ) -> Answer:
        """One request, and again as often as the run's patience says. Raises IntegrationError."""
        asked = published.operation(operation) if isinstance(operation, str) else operation
        look = partial(self._last_look, asked, body)

        def ask() -> Answer:
            return self.client.call(asked, path=path, query=query, body=body, last_look=look, **more)

        while True:  # each time somebody has said something new, which is then known
            self.guard.before(self, asked, body)
            before = self.requests
            try:
                answer: Answer = self._patiently(asked, ask, is_repeatable=is_repeatable)
            except CalledOff:
                continue
            finally:
                if self.requests > before:
                    self.guard.after(asked, body)
            for name in sorted(answer.ignored) if asked.method != "GET" else ():
                self.warn("partly_taken", partial_success.warning(name))
            return answer

    def doing(self, operation: Operation, ask: Callable[[Client], Any], *, is_repeatable: bool | None = None) -> Any:
        """As `call`, for a function of `klaviyo.api` that only asks."""
        if operation.method != "GET":
            raise TypeError(f"{operation.id} changes something, so the guard must see its body: use call.")
        return self._patiently(operation, lambda: ask(self.client), is_repeatable=is_repeatable)

    def pages(
        self, operation: Operation | str, path: Mapping[str, str] | None, query: Mapping[str, str]
    ) -> Iterator[tuple[list[Any], str | None]]:
        """The pages of a list from a query on: what is on each, and where the next one begins (None at the end)."""
        asked = published.operation(operation) if isinstance(operation, str) else operation

        def ask(one: paging.Query) -> paging.Document:
            return self.call(asked, path=path, query=one).document

        for document in paging.walk(ask, dict(query), asked.id):
            items = document.get("data")
            if not isinstance(items, list):
                raise answers.Unreadable(asked.id)
            yield items, cursor(document, asked.id)

    def got(self, operation: str, id: str, given: Reading) -> Any:
        """One thing by its id, as Klaviyo sends it."""
        query = reading.query(given, published.find(operation))
        return self.call(operation, path=self.place(operation, id), query=query).data

    def made(self, operation: str, type: str, attributes: Mapping[str, Any], id: str = "", **relationships: Any) -> Any:
        """A new thing, as Klaviyo sends it back; `id` is of what it is made from."""
        return self.call(operation, body=resource(type, attributes, id, **relationships)).data

    def changed(self, operation: str, type: str, id: str, attributes: Mapping[str, Any]) -> Any:
        """A changed thing, as Klaviyo sends it back."""
        return self.call(operation, path=self.place(operation, id), body=resource(type, attributes, id)).data

    def deleted(self, operation: str, id: str) -> dict[str, Any]:
        """That it is deleted; on a second try it is not there any more, which is the same."""
        before = self.requests
        try:
            self.call(operation, path=self.place(operation, id))
        except PermanentError as error:
            if error.code != "not_found" or self.requests - before < 2:
                raise
        return {"id": id, "accepted": True}

    def place(self, operation: str, id: str) -> dict[str, str]:
        """The values in an operation's path, which has one."""
        (name,) = re.findall(r"{(\w+)}", published.operation(operation).path)
        return {name: id}

    def pause(self, seconds: float) -> None:
        """Wait before another look. Raises OutOfTime."""
        retries.sleep(self.deadline, seconds)

    def warn(self, code: str, sentence: str, **meta: Any) -> None:
        self.warnings.append(Problem(code, sentence, meta=meta))

    def _say_how_to_look(self, asked: Operation, *, is_repeatable: bool | None) -> None:
        if look_by := retries.LOOK_BY.get(asked.id):
            sentence = f"Klaviyo may have done it all the same: look with {look_by} before you run this again."
            self.warn("may_have_happened", sentence, look_by=look_by)
        elif is_repeatable is False:
            self.warn("may_have_happened", "Klaviyo may have done it all the same: look there before you run it again.")

    def _last_look(self, asked: Operation, body: Any) -> None:
        """Whatever is called off by it is asked anew, and then refused or said otherwise."""
        if not self.is_dry and time.monotonic() > self.obeyed_at + OBEYED_FOR:
            rests.look(self.connection, asked)
        self.guard.look(asked, body)

    def _patiently(self, asked: Operation, ask: Callable[[], Any], *, is_repeatable: bool | None) -> Any:
        rests.obey(self.connection, asked, is_dry=self.is_dry)
        self.obeyed_at = time.monotonic()
        if self.learn and (learnt := self.guard.new_ones()):
            self.learn(learnt)
        if isinstance(self.deadline, Turn) and (is_repeatable is False or not is_harmless_again(asked)):
            self.deadline.go_through()
        if self.requests >= OVER_THIS_MANY:
            self.client.is_backlog = True
        try:
            answer, took = retries.patiently(ask, asked, self.patience, self.deadline, is_repeatable=is_repeatable)
        except CalledOff as error:
            self.requests += getattr(error, "attempts", 0)
            raise
        except IntegrationError as error:
            self.requests += getattr(error, "attempts", 1)
            if error.may_have_happened and self.is_known:
                self.is_known = False
                self._say_how_to_look(asked, is_repeatable=is_repeatable)
            raise
        self.requests += took
        return answer


def cursor(document: Mapping[str, Any], about: str) -> str | None:
    """Where the next page begins, as `links.next` says; its query alone is ever followed."""
    following = paging.next_query(dict(document), about)
    return None if following is None else following.get("page[cursor]")


def resource(type: str, attributes: Mapping[str, Any] | None, id: str = "", **relationships: Any) -> dict[str, Any]:
    """The body of a request about one thing; of each relationship its type and the id or ids."""
    data: dict[str, Any] = {"type": type} | ({"id": id} if id else {})
    if attributes is not None:
        data["attributes"] = dict(attributes)
    if relationships:
        data["relationships"] = {
            name.replace("_", "-"): {"data": _related(*about)} for name, about in relationships.items()
        }
    return {"data": data}


def _related(type: str, ids: str | Sequence[str]) -> Any:
    if isinstance(ids, str):
        return {"type": type, "id": ids}
    return [{"type": type, "id": id} for id in ids]
