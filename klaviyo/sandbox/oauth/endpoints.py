"""OAuth 2.0 as Klaviyo does it: consent screen, code with PKCE, tokens, revocation."""

import base64
import binascii
import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from klaviyo.sandbox.http import addresses
from klaviyo.sandbox.http.wire import Reply, Request, html_reply, json_reply, redirect
from klaviyo.sandbox.oauth import consent_screen
from klaviyo.sandbox.protocol import faults, scopes
from klaviyo.sandbox.protocol.journal import Entry
from klaviyo.sandbox.state import accounts, identifiers, token_store
from klaviyo.sandbox.state.token_store import Code, Tokens
from klaviyo.sandbox.world import World

REQUIRED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge_method", "code_challenge")
_FORM = "application/x-www-form-urlencoded"
_VERIFIER = re.compile(r"[a-zA-Z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


class OAuthError(Exception):
    """A request that the token side refuses, in OAuth's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class _Form:
    """The fields of a form-encoded body, none of them twice."""

    fields: Mapping[str, str]

    def need(self, name: str) -> str:
        value = self.fields.get(name, "")
        if not value:
            raise OAuthError("invalid_request", f'Missing "{name}" in request.')
        return value


def authorize(world: World, request: Request) -> Reply:
    """GET: the consent screen. POST: what the person decided on it."""
    deciding = request.method == "POST"
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True) if deciding else None
    asked = dict(pairs if pairs is not None else request.query_pairs())
    if wrong := _wrong_client(world, asked):
        return html_reply(400, consent_screen.refused(wrong))
    if problem := _wrong_request(asked):
        error, description = problem
        return _back(asked, error=error, error_description=description)
    return _decide(world, asked) if deciding else _screen(world, asked)


def token(world: World, request: Request) -> Reply:
    return _guarded(world, request, "oauth_token")


def revoke(world: World, request: Request) -> Reply:
    return _guarded(world, request, "oauth_revoke")


def _screen(world: World, asked: Mapping[str, str]) -> Reply:
    with world.database.transaction() as sql:
        choices = [(one, token_store.installs(sql, one.id) > 0) for one in accounts.ACCOUNTS]
    allowed = scopes.granted(asked["scope"], world.settings.app_scopes)
    fields = {name: asked[name] for name in REQUIRED}
    return html_reply(200, consent_screen.page(world.app.name, choices, allowed.split(), fields))


def _decide(world: World, asked: Mapping[str, str]) -> Reply:
    if asked.get("decision") == "decline":
        return _back(asked, error="access_denied", error_description="The resource owner denied the request.")
    if asked.get("decision") != "allow":
        return html_reply(400, consent_screen.refused("Choose to allow or to decline."))
    account = asked.get("account", "")
    with world.database.transaction() as sql:
        if account not in accounts.ids(sql):
            return html_reply(400, consent_screen.refused("Choose one of your accounts."))
        allowed = scopes.granted(asked["scope"], world.settings.app_scopes)
        code = Code(account, asked["client_id"], asked["redirect_uri"], asked["code_challenge"], allowed)
        return _back(asked, code=token_store.give_code(sql, code))


def _back(asked: Mapping[str, str], **answer: str) -> Reply:
    if asked.get("state"):
        answer["state"] = asked["state"]
    joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return redirect(f"{asked['redirect_uri']}{joint}{urlencode(answer)}")


def _wrong_client(world: World, asked: Mapping[str, str]) -> str | None:
    """A fault that may not be told to the redirect address, because that one cannot be trusted."""
    if asked.get("client_id") != world.app.client_id:
        return "This app is not known: the client_id is missing or wrong."
    if not _is_registered(world, asked.get("redirect_uri", "")):
        return "The redirect_uri is not one of the app's registered addresses."
    return None


def _is_registered(world: World, address: str) -> bool:
    parts = addresses.split(address)
    return parts is not None and (addresses.is_loopback_http(parts) or address in world.app.redirect_uris)


def _wrong_request(asked: Mapping[str, str]) -> tuple[str, str] | None:
    for name in REQUIRED:
        if not asked.get(name):
            return "invalid_request", f'Missing "{name}" in request.'
    if asked["response_type"] != "code":
        return "unsupported_response_type", "The response_type must be code."
    if asked["code_challenge_method"] != "S256":
        return "invalid_request", "The code_challenge_method must be S256."
    if not _CHALLENGE.fullmatch(asked["code_challenge"]):
        return "invalid_request", 'Invalid "code_challenge".'
    return None


def _guarded(world: World, request: Request, operation: str) -> Reply:
    account = _account_named(world, request)
    fault = world.faults.take(operation, account)
    reply = faults.instead(fault, operation) if fault else None
    if reply is None:
        try:
            form = _form(world, request)
            reply = _token(world, form) if operation == "oauth_token" else _revoke(world, form)
        except OAuthError as error:
            reply = json_reply(error.status, {"error": error.error, "error_description": error.description})
            if error.status == 401:
                reply = reply.with_headers({"WWW-Authenticate": 'Basic realm="klaviyo"'})
    reply = reply.with_headers({"Cache-Control": "no-store", "Pragma": "no-cache"})
    entry = Entry(
        identifiers.now(),
        operation,
        request.method,
        request.path,
        account,
        reply.status,
        str(uuid.uuid4()),
        fault.kind if fault else None,
    )
    world.journal.write(entry)
    reply = faults.afterwards(fault, reply) if fault else reply
    return reply.later(world.settings.token_seconds) if operation == "oauth_token" else reply


def _account_named(world: World, request: Request) -> str | None:
    """Whose grant a call is about, as far as it can be told before the call is checked."""
    fields = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    with world.database.transaction() as sql:
        return token_store.account_of(sql, fields.get("refresh_token") or fields.get("token") or fields.get("code", ""))


def _form(world: World, request: Request) -> _Form:
    _check_client(world, request.headers.get("authorization", ""))
    if request.media_type != _FORM:
        raise OAuthError("invalid_grant_type", f"The body must be {_FORM}.")
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise OAuthError("invalid_request", "A parameter is repeated.")
    return _Form(dict(pairs))


def _check_client(world: World, header: str) -> None:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, _, secret = text.partition(":")
    right_secret = hmac.compare_digest(unquote_plus(secret).encode(), world.app.client_secret.encode())
    if scheme.lower() != "basic" or unquote_plus(client_id) != world.app.client_id or not right_secret:
        raise OAuthError("invalid_client", "Client authentication failed.", 401)


def _token(world: World, form: _Form) -> Reply:
    grant_type = form.need("grant_type")
    if grant_type == "authorization_code":
        tokens = _exchange(world, form)
    elif grant_type == "refresh_token":
        tokens = _refresh(world, form)
    else:
        raise OAuthError("invalid_grant_type", f'The grant_type "{grant_type}" is not supported.')
    return json_reply(200, {**vars(tokens), "token_type": "bearer"})


def _exchange(world: World, form: _Form) -> Tokens:
    code, verifier, redirect_uri = (form.need(name) for name in ("code", "code_verifier", "redirect_uri"))
    if not _VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_request", 'Invalid "code_verifier".')
    # A code is spent by the first try, also by one that fails: its own transaction.
    with world.database.transaction() as sql:
        given = token_store.use_code(sql, code)
    if given is None or given.client_id != world.app.client_id or given.redirect_uri != redirect_uri:
        raise OAuthError("invalid_grant", 'Invalid "code" in request.')
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(digest, given.challenge):
        raise OAuthError("invalid_grant", "Code challenge failed.")
    with world.database.transaction() as sql:
        seconds = world.settings.access_token_seconds
        return token_store.install(sql, given.account, given.client_id, given.scopes, seconds)


def _refresh(world: World, form: _Form) -> Tokens:
    refresh_token = form.need("refresh_token")
    settings = world.settings
    # Nothing may be raised inside: a reused token must end the install for good.
    with world.database.transaction() as sql:
        tokens = token_store.renew(
            sql,
            refresh_token,
            world.app.client_id,
            settings.access_token_seconds,
            rotate=settings.rotate_refresh_tokens,
        )
    if tokens is None:
        raise OAuthError("invalid_grant", 'Invalid "refresh_token" in request.')
    return tokens


def _revoke(world: World, form: _Form) -> Reply:
    dead = form.need("token")
    with world.database.transaction() as sql:
        token_store.revoke(sql, dead, world.app.client_id)
    return json_reply(200, {})
