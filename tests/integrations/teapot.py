"""Teapot: a small provider with a real OAuth server on this machine, strict, and able to misbehave on request."""

import base64
import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.db import connections as databases

from integrations import errors, reasons
from integrations.providers import Access, Account, Addresses, Provider, Scope

CLIENT_ID, CLIENT_SECRET = "teapot-app", "CANARY-client-secret"
BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
SCOPES = (Scope("tea:read", "to see the leaves"), Scope("tea:write", "to brew"))

Misdeed = Callable[["Handler"], bool]


@dataclass
class Teapot:
    """What the server knows and was asked. `misdeeds[path]` are done, one per request, before or instead."""

    rotates: bool = True
    grants: str = "tea:read tea:write"
    expires_in: Any = 3600
    names: dict[str, str] = field(default_factory=lambda: {"A1": "Tea House", "B2": "Coffee Corner"})
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    refreshing: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    forms: list[dict[str, str]] = field(default_factory=list)
    misdeeds: dict[str, deque[Misdeed]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def consent(self, authorize_url: str, account: str = "A1") -> dict[str, str]:
        """What a person's consent sends back: the parameters of the callback."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = f"CANARY-code-{len(self.codes)}"
        self.codes[code] = {"account": account, **asked}
        return {"code": code, "state": asked["state"]}

    def will(self, path: str, *misdeeds: Misdeed) -> None:
        self.misdeeds.setdefault(path, deque()).extend(misdeeds)

    def forget_access(self) -> None:
        """Every access token dies at once; refresh tokens live."""
        self.access.clear()

    def uninstall(self) -> None:
        self.access.clear()
        self.refreshing.clear()

    def tokens(self, account: str) -> dict[str, Any]:
        number = self.calls["/oauth/token"]
        pair = {
            "access_token": f"CANARY-access-{account}-{number}",
            "refresh_token": f"CANARY-refresh-{account}-{number}",
        }
        self.access[pair["access_token"]] = account
        self.refreshing[pair["refresh_token"]] = account
        return {**pair, "token_type": "bearer", "expires_in": self.expires_in, "scope": self.grants}

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        is_right = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        if not is_right or not 43 <= len(form["code_verifier"]) <= 128 or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_request", "error_description": "Code challenge failed."}
        return 200, self.tokens(asked["account"])

    def refresh(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        old = form.get("refresh_token", "")
        account = self.refreshing.get(old)
        if account is None:
            return 400, {"error": "invalid_grant"}
        answer = self.tokens(account)
        if self.rotates:
            del self.refreshing[old]
        else:
            del self.refreshing[answer.pop("refresh_token")]
        return 200, answer

    def revoke(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        token = form["token"]
        self.revoked.append(token)
        account = self.refreshing.get(token)
        if account is None:
            return 400, {"error": "invalid_grant"}
        for tokens in (self.access, self.refreshing):
            for known in [known for known, owner in tokens.items() if owner == account]:
                del tokens[known]
        return 200, {}

    def identify(self, access: Access) -> Account:
        response = requests.get(f"{self.url}/account", headers={"Authorization": access.authorization}, timeout=300)
        if response.status_code == 401:
            raise errors.ReconnectRequired(reasons.of("unauthorized", "The teapot does not know this token."))
        if not response.ok:
            raise errors.TemporaryError(reasons.of(f"http_{response.status_code}", "The teapot is not well."))
        account = response.json()["account"]
        return Account(account, self.names[account], "Europe/Berlin", "EUR")

    def provider(self) -> Provider:
        def addresses() -> Addresses:
            return Addresses(
                f"{self.url}/oauth/authorize",
                f"{self.url}/oauth/token",
                f"{self.url}/oauth/revoke",
                CLIENT_ID,
                CLIENT_SECRET,
            )

        def served(connections: Any) -> dict[int, list[str]]:
            return {connection.pk: ["Ann's shop"] for connection in connections}

        return Provider("teapot", "Teapot", SCOPES, addresses, self.identify, (), served)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    teapot: Teapot

    def log_message(self, *_args: Any) -> None: ...

    def handle(self) -> None:
        """A misdeed may ask the database, and each connection to the teapot has a thread of its own."""
        try:
            super().handle()
        finally:
            databases.close_all()

    def do_GET(self) -> None:
        self.begin()
        if self.misbehaves():
            return
        account = self.teapot.access.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        self.answer(200, {"account": account}) if account else self.answer(401, {"errors": []})

    def do_POST(self) -> None:
        self.begin()
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.teapot.forms.append(form)
        if self.misbehaves():
            return
        if self.headers.get("Authorization") != BASIC or "client_secret" in form:
            self.answer(401, {"error": "invalid_client"})
            return
        with self.teapot.lock:
            status, answer = self.carried_out(form)
        self.answer(status, answer)

    def carried_out(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.path == "/oauth/revoke":
            return self.teapot.revoke(form)
        if form.get("grant_type") == "authorization_code":
            return self.teapot.exchange(form)
        return self.teapot.refresh(form)

    def begin(self) -> None:
        with self.teapot.lock:
            self.teapot.calls[self.path] += 1

    def misbehaves(self) -> bool:
        with self.teapot.lock:
            waiting = self.teapot.misdeeds.get(self.path)
            misdeed = waiting.popleft() if waiting else None
        return misdeed is not None and misdeed(self)

    def answer(self, status: int, body: Any, content_type: str = "application/json", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


def saying(status: int, body: Any = b"", content_type: str = "application/json", **headers: str) -> Misdeed:
    """Answer this instead of doing anything."""

    def misdeed(handler: Handler) -> bool:
        handler.answer(status, body, content_type, **headers)
        return True

    return misdeed


def waiting_for(event: threading.Event, reached: threading.Event | None = None) -> Misdeed:
    """Do as asked, once `event` is set; `reached` is set on arrival."""

    def misdeed(_handler: Handler) -> bool:
        if reached:
            reached.set()
        assert event.wait(300)
        return False

    return misdeed


def breaking_off(handler: Handler) -> bool:
    """Do as asked, then break off in the middle of the answer: what it says is lost."""
    with handler.teapot.lock:
        _status, answer = handler.carried_out(handler.teapot.forms[-1])
    content = json.dumps(answer).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:20])
    handler.close_connection = True
    return True


def serve(teapot: Teapot) -> ThreadingHTTPServer:
    handler = type("TeapotHandler", (Handler,), {"teapot": teapot})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    teapot.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server
