"""Malformed answers of a provider: the result that we asked for, or an error of ours that says what to do next."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone
from requests.adapters import BaseAdapter

from integrations import connections, providers
from integrations.connections import oauth
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.providers import Access
from integrations.wire import http
from klaviyo.api import accounts, events, lists, privacy, profile_search, profiles, subscriptions, transport, webhooks
from klaviyo.api.client import Client
from klaviyo.api.subscriptions import Subscriber
from tests import budgets
from tests.faults import odd_answers

BEN, LIST_ID = "ben@friends.test", "Y6nRLr"
BODY = profiles.body_of({"email": BEN})
ACCESS = Access("Bearer token", 1)
Call = Callable[[Client], Any]
CALLS: dict[str, Call] = {
    "find people": lambda client: profile_search.find(client, [BEN, "cid@friends.test"]),
    "find phones": lambda client: profile_search.find_phones(client, ["+4930901820"]),
    "find by ids": lambda client: profiles.of_ids(client, ["01ABC"]),
    "one profile": lambda client: profiles.get(client, "01ABC"),
    "upsert": lambda client: profiles.upsert(client, BODY),
    "update": lambda client: profiles.update(client, "01ABC", BODY),
    "event": lambda client: events.create(client, {"data": {}}),
    "lists": lambda client: list(lists.all_of(client)),
    "one list": lambda client: lists.one(client, LIST_ID),
    "member": lambda client: lists.is_member(client, LIST_ID, BEN),
    "list add": lambda client: lists.add(client, LIST_ID, ["01ABC"]),
    "subscribe": lambda client: subscriptions.subscribe(client, [Subscriber(BEN, frozenset({"email"}))], None, "x"),
    "unsubscribe": lambda client: subscriptions.unsubscribe(client, BEN, LIST_ID),
    "suppressed": lambda client: list(profiles.suppressed_since(client, timezone.now())),
    "topics": webhooks.topics,
    "webhooks": webhooks.all_of,
    "new webhook": lambda client: webhooks.create(client, "n", "d", "https://x.example/", "s", ["t"]),
    "no webhook": lambda client: webhooks.delete(client, "01ABC"),
    "deletion": lambda client: privacy.request_deletion(client, BEN),
    "account": lambda _client: accounts.identify(ACCESS),
}
GRANT = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": 3600, "scope": "tea:read"}


def answer(status: int, body: bytes, headers: dict[str, str]) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, body
    made.headers.update(headers)
    made.url, made.request = "https://a.klaviyo.com/", requests.Request("POST", "https://a.klaviyo.com/").prepare()
    return made


def answers(bodies: list[bytes], number: int) -> Iterator[requests.Response]:
    """So many of them, each body with another status and other headers."""
    statuses, headers = itertools.cycle(odd_answers.STATUSES), itertools.cycle(odd_answers.HEADERS)
    for body in itertools.islice(itertools.cycle(bodies), number):
        yield answer(next(statuses), body, next(headers))


@pytest.fixture
def client(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    """An account whose access never ends, however often it is refused."""
    monkeypatch.setattr(connections, "access", lambda *_, **__: ACCESS)
    monkeypatch.setattr(connections, "renew", lambda *_: ACCESS)
    return Client(Connection.objects.create(provider="klaviyo", account_id="VxYz12", state=Connection.State.CONNECTED))


def outcome(call: Callable[[], Any]) -> str:
    """The name of the error that comes out, "done" for none; what comes out as a value can be stored."""
    kind, said = "done", ""
    try:
        said = repr(call())
    except IntegrationError as error:
        kind, said = type(error).__name__, f"{error.code} {error.sentence}"
    assert "\0" not in said.encode().decode()
    return kind


def test_there_are_hundreds_of_odd_answers() -> None:
    bodies = odd_answers.bodies()
    assert len(bodies) > 500
    assert len(set(bodies)) == len(bodies)


@pytest.mark.parametrize("name", CALLS)
def test_no_answer_of_klaviyos_surprises_us(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    seen: Counter[str] = Counter()
    current: list[requests.Response] = []
    monkeypatch.setattr(transport, "send", lambda *_, **__: current[0])
    offset = list(CALLS).index(name)
    bodies = odd_answers.bodies()[offset :: len(CALLS) // 2]
    for odd in answers(bodies + list(odd_answers.RAW), max(len(bodies), 220)):
        current[:] = [odd]
        budgets.forget()
        seen[outcome(lambda: CALLS[name](client))] += 1
    assert {"TemporaryError", "PermanentError", "OperatorRequired", "Throttled"} & set(seen)
    assert sum(seen.values()) > 200


class Canned(BaseAdapter):
    """Whatever is asked, this is the answer."""

    def __init__(self, said: requests.Response) -> None:
        super().__init__()
        self.said = said

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.said.request, self.said.url = request, str(request.url)
        return self.said

    def close(self) -> None: ...


@pytest.mark.parametrize("name", ["exchange", "refresh", "revoke"])
def test_no_answer_of_a_token_endpoint_surprises_us(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    klaviyo = providers.get("klaviyo")
    calls: dict[str, Callable[[], Any]] = {
        "exchange": lambda: oauth.exchange(klaviyo, "code", "v" * 64),
        "refresh": lambda: oauth.refresh(klaviyo, "refresh-token"),
        "revoke": lambda: oauth.revoke(klaviyo, "refresh-token"),
    }
    spoiled = [json.dumps(document).encode() for document in odd_answers.spoilings(GRANT)]
    refusals = [json.dumps(document).encode() for document in odd_answers.spoilings({"error": "invalid_grant"})]
    seen: Counter[str] = Counter()
    for odd in answers([*odd_answers.RAW, *spoiled, *refusals], 600):
        said = Canned(odd)

        def through(session: requests.Session, said: Canned = said) -> requests.Session:
            session.mount("http://", said)
            session.mount("https://", said)
            return session

        monkeypatch.setattr(http, "through_the_door", through)
        seen[outcome(calls[name])] += 1
    assert sum(seen.values()) == 600
    assert seen["TemporaryError"] > 100


@pytest.mark.parametrize("expires_in", [0, -1, "60", "soon", None, 1e308, 10**30, True, [], "²"])
def test_a_lifetime_is_between_a_minute_and_a_day_whatever_is_said(
    monkeypatch: pytest.MonkeyPatch, expires_in: object
) -> None:
    body = json.dumps(GRANT | {"expires_in": expires_in}).encode()

    def through(session: requests.Session) -> requests.Session:
        session.mount("http://", Canned(answer(200, body, {})))
        return session

    monkeypatch.setattr(http, "through_the_door", through)
    grant = oauth.refresh(providers.get("klaviyo"), "refresh-token")
    assert timedelta(minutes=1) <= grant.expires_in <= timedelta(days=1)
