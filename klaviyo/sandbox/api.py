"""API call of the sandbox, step by step: route, credential, fault, scopes, rate limit, and then the operation."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from klaviyo.sandbox import routes
from klaviyo.sandbox.http.wire import JSON_API, Reply, Request, json_reply
from klaviyo.sandbox.protocol import faults, scopes
from klaviyo.sandbox.protocol.calls import Call
from klaviyo.sandbox.protocol.errors import (
    REQUEST_ID,
    Problem,
    Refusal,
    bad_credential,
    errors_reply,
    invalid_parameter,
    missing_scopes,
    no_credential,
    not_entitled,
    throttled,
)
from klaviyo.sandbox.protocol.faults import Fault
from klaviyo.sandbox.protocol.journal import Entry, Exchange
from klaviyo.sandbox.protocol.queries import Query
from klaviyo.sandbox.routes import Route
from klaviyo.sandbox.state import identifiers, private_keys, token_store
from klaviyo.sandbox.state.token_store import Access
from klaviyo.sandbox.world import World

REVISIONS = ("2026-07-15", "2026-10-15")  # where both serve an operation, they differ in a single place: `event_shapes`
RETIREMENT = "X-Klaviyo-Api-Retirement-Date"
_SYSTEMIC = {
    403: ("permission_denied", "You do not have permission to perform this action."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    410: ("gone", "Gone."),
}
_EVERY_SCOPE = frozenset(scopes.ALL)
_log = logging.getLogger(__name__)


@dataclass
class _Visit:
    """The route, the access and the fault of a request, as far as they are known when it is answered."""

    route: Route | None = None
    access: Access | None = None
    fault: Fault | None = None

    @property
    def operation(self) -> str | None:
        return self.route.operation.id if self.route else None

    @property
    def account(self) -> str | None:
        return self.access.account if self.access else None


def answer(world: World, request: Request) -> Reply:
    """Answers one call to /api; whatever happens is an answer in Klaviyo's form."""
    visit = _Visit()
    try:
        reply = _answer(world, request, visit)
    except Refusal as refusal:
        reply = refusal.reply()
    except Exception:
        _log.exception("The sandbox failed on %s %s", request.method, request.path)
        reply = errors_reply([Problem(500, "error", "A server error occurred.", "The sandbox failed.")])
    request_id = reply.headers.get(REQUEST_ID) or str(uuid.uuid4())
    revision = request.headers.get("revision", "")
    served = revision if revision in REVISIONS else REVISIONS[0]
    headers = {REQUEST_ID: request_id, "x-klaviyo-api-revision": served, "cid": visit.account or ""}
    if world.settings.retires_on:
        headers[RETIREMENT] = world.settings.retires_on
    reply = reply.with_headers(headers)
    _remember(world, request, visit, reply, request_id)
    return reply.later(world.settings.latency_ms / 1000)


def _answer(world: World, request: Request, visit: _Visit) -> Reply:
    visit.route = routes.find(request.method, request.path)
    operation = visit.route.operation
    _check_revision(request, operation.revisions, is_retired=world.settings.revision_sunset)
    visit.access = _authenticate(world, request)
    _refuse_systemically(world.settings.refused, operation.id)
    visit.fault = world.faults.take(operation.id, visit.access.account)
    if visit.fault and (bad := faults.instead(visit.fault, operation.id, operation.scopes)):
        return bad
    if visit.access.is_key and operation.needs_an_app:
        raise Refusal(not_entitled())
    missing = [scope for scope in operation.scopes if scope not in visit.access.scopes]
    if missing:
        raise Refusal(missing_scopes(missing, of_a_key=visit.access.is_key))
    query = Query.of(request.query_pairs(), operation.rules)
    spent = world.windows.spend(
        visit.access.quota,
        operation.counters(query),
        enforce=world.settings.limits,
        aligned=world.settings.aligned_windows,
    )
    if spent.retry_after is not None:
        raise Refusal(throttled(spent.retry_after), headers={"Retry-After": str(spent.retry_after)})
    try:
        reply = _work(world, request, visit.route, visit, query)
    except Refusal as refusal:
        reply = refusal.reply()
    reply = reply.with_headers(spent.headers)
    return faults.afterwards(visit.fault, reply) if visit.fault else reply


def _work(world: World, request: Request, route: Route, visit: _Visit, query: Query) -> Reply:
    _check_body(request, route.operation.media_type)
    with world.database.when_needed() as session:
        call = Call(
            session,
            visit.account or "",
            route.ids,
            query,
            request.body,
            f"http://{request.host}",
            request.path,
            world.settings,
            visit.fault,
            request.headers["revision"],
            request.headers.get("content-type", ""),
        )
        done = route.operation.handler(call)
    if route.operation.may_change_consent:
        world.webhook_sender.wake()
    if done.document is None:
        return Reply(done.status).with_headers(done.headers)
    return json_reply(done.status, done.document, JSON_API).with_headers(done.headers)


def _check_revision(request: Request, revisions: tuple[str, ...], *, is_retired: bool) -> None:
    revision = request.headers.get("revision")
    if not revision:
        raise Refusal(invalid_parameter("A revision header is required.", "revision"))
    if revision not in revisions or is_retired:
        served = " and ".join(revisions)
        detail = f"The revision {revision} is not served" + ("." if is_retired else f"; these are: {served}.")
        raise Refusal(Problem(410, "gone", "Gone.", detail, parameter="revision"))


def _refuse_systemically(refused: Mapping[str, int], operation: str) -> None:
    """What every account is told, because something about the operation itself has changed."""
    status = refused.get(operation) or refused.get("*")
    if status:
        code, title = _SYSTEMIC.get(status, ("invalid", "Invalid input."))
        raise Refusal(Problem(status, code, title, f"The operation {operation} is not served like this any more."))


def _authenticate(world: World, request: Request) -> Access:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    is_key = scheme.lower() == "klaviyo-api-key"
    if not is_key and scheme.lower() != "bearer":
        raise no_credential()
    with world.database.transaction() as sql:
        if is_key:
            found = private_keys.access(sql, secret.strip(), _EVERY_SCOPE)
        else:
            found = token_store.access(sql, secret.strip())
    if found is None:
        raise no_credential() if is_key else Refusal(bad_credential())
    return found


def _check_body(request: Request, media_type: str) -> None:
    if request.too_large:
        detail = "The request body may have at most 5 MB."
        raise Refusal(Problem(413, "payload_too_large", "Payload too large.", detail))
    carries_body = request.method in ("POST", "PATCH") or request.body
    if carries_body and request.media_type != media_type:
        detail = f'Unsupported media type "{request.media_type}" in request.'
        raise Refusal(Problem(415, "unsupported_media_type", "Unsupported media type.", detail))


def _remember(world: World, request: Request, visit: _Visit, reply: Reply, request_id: str) -> None:
    if world.observer is not None:
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        world.observe(
            Exchange(
                visit.operation,
                request.method,
                request.path,
                request.query,
                headers,
                request.body,
                reply.status,
                visit.account,
                reply.body,
                request_id,
                request.headers.get("authorization", "").partition(" ")[0],
            )
        )
    world.journal.write(
        Entry(
            identifiers.now(),
            visit.operation or "unknown",
            request.method,
            request.path,
            visit.account,
            reply.status,
            request_id,
            visit.fault.kind if visit.fault else None,
        )
    )
