"""The OAuth client against a real server: the form of each request, the checks of each answer, each refusal."""

import gzip
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.connections import oauth
from integrations.connections.grants import Grant
from integrations.errors import IntegrationError, OperatorRequired, PermanentError, ReconnectRequired, TemporaryError
from integrations.providers import Provider
from tests.integrations.teapot import CLIENT_SECRET, Misdeed, Teapot, breaking_off, saying

TOKEN, REVOKE = "/oauth/token", "/oauth/revoke"
GOOD = {"access_token": "a", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600, "scope": "tea:read"}


@pytest.fixture
def granted(teapot: Teapot, provider: Provider) -> Grant:
    return connect(teapot, provider)


def connect(teapot: Teapot, provider: Provider) -> Grant:
    verifier = oauth.new_verifier()
    url = oauth.authorize_url(provider, "state", oauth.challenge_of(verifier))
    return oauth.exchange(provider, teapot.consent(url)["code"], verifier)


def exchange(provider: Provider) -> Grant:
    return oauth.exchange(provider, "CANARY-code", oauth.new_verifier())


def refresh(provider: Provider) -> Grant:
    return oauth.refresh(provider, "CANARY-refresh")


def test_the_consent_screen_is_asked_for_everything_the_contract_wants(teapot: Teapot, provider: Provider) -> None:
    url = oauth.authorize_url(provider, "state", oauth.challenge_of("v" * 64))
    assert {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} == {
        "response_type": "code",
        "client_id": "teapot-app",
        "redirect_uri": "http://localhost:8000/admin/integrations/teapot/callback",
        "scope": "tea:read tea:write",
        "state": "state",
        "code_challenge_method": "S256",
        "code_challenge": oauth.challenge_of("v" * 64),
    }


def test_the_challenge_is_that_of_the_standard() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    assert oauth.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_verifiers_are_64_characters_and_never_the_same() -> None:
    assert {len(oauth.new_verifier()) for _ in range(20)} == {64}
    assert len({oauth.new_verifier() for _ in range(20)}) == 20


def test_an_exchange_sends_the_form_and_nothing_else(teapot: Teapot, granted: Grant) -> None:
    assert teapot.forms[0].keys() == {"grant_type", "code", "code_verifier", "redirect_uri"}
    assert granted.scopes == ("tea:read", "tea:write")
    assert granted.expires_in == timedelta(hours=1)


def test_fewer_scopes_than_asked_are_what_was_granted(teapot: Teapot, provider: Provider) -> None:
    teapot.grants = "tea:read"
    assert connect(teapot, provider).scopes == ("tea:read",)


def test_a_refresh_sends_the_form_and_nothing_else(teapot: Teapot, provider: Provider, granted: Grant) -> None:
    again = oauth.refresh(provider, granted.refresh_token)
    assert teapot.forms[-1] == {"grant_type": "refresh_token", "refresh_token": granted.refresh_token}
    assert again.access_token != granted.access_token
    assert again.refresh_token != granted.refresh_token


def test_a_refresh_token_that_is_not_sent_again_stays(teapot: Teapot, provider: Provider, granted: Grant) -> None:
    teapot.rotates = False
    assert oauth.refresh(provider, granted.refresh_token).refresh_token == granted.refresh_token


def test_scopes_that_are_not_named_are_as_asked_or_as_before(teapot: Teapot, provider: Provider) -> None:
    answer = {name: value for name, value in GOOD.items() if name != "scope"}
    teapot.will(TOKEN, *[saying(200, answer)] * 3)
    assert exchange(provider).scopes == ("tea:read", "tea:write")
    assert oauth.exchange(provider, "code", "v" * 64, ["tea:read", "tea:pour"]).scopes == ("tea:read", "tea:pour")
    assert refresh(provider).scopes is None


def test_a_revocation_sends_the_refresh_token(teapot: Teapot, provider: Provider, granted: Grant) -> None:
    oauth.revoke(provider, granted.refresh_token)
    assert teapot.forms[-1] == {"token": granted.refresh_token, "token_type_hint": "refresh_token"}
    assert not teapot.refreshing


def test_a_token_that_is_dead_already_counts_as_revoked(teapot: Teapot, provider: Provider) -> None:
    oauth.revoke(provider, "unknown")
    assert teapot.revoked == ["unknown"]


def test_a_grant_shows_no_token(granted: Grant) -> None:
    assert "CANARY" not in f"{granted!r}{granted}"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        *[(3600, 3600), ("3600", 3600), (1.5, 60), (-5, 60), (0, 60), (10**12, 86400), (1e308, 86400)],
        *[(True, 3600), ("soon", 3600), (None, 3600), ([], 3600), ("9" * 5000, 3600)],
    ],
)
def test_a_lifetime_is_kept_within_reason(teapot: Teapot, provider: Provider, said: Any, seconds: int) -> None:
    teapot.will(TOKEN, saying(200, GOOD | {"expires_in": said}))
    assert refresh(provider).expires_in == timedelta(seconds=seconds)


UNREADABLE: list[Any] = [
    b"",
    b"<html>Welcome to the hotel</html>",
    b'{"access_token": "CANARY-half',
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    {},
    {"error": "invalid_grant"},
    {**GOOD, "access_token": ""},
    {**GOOD, "access_token": 5},
    {**GOOD, "access_token": "CANARY with spaces"},
    {**GOOD, "access_token": "CANARY\r\nX: y"},
    {**GOOD, "access_token": "é"},
    {**GOOD, "access_token": "x" * 5000},
    {**GOOD, "refresh_token": ["CANARY"]},
    {**GOOD, "refresh_token": "\x00"},
    {**GOOD, "token_type": "mac"},
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_unreadable_success_is_tried_again_later(teapot: Teapot, provider: Provider, body: Any) -> None:
    teapot.will(TOKEN, saying(200, body), saying(200, body))
    assert refusal(exchange, provider) == (TemporaryError, "unreadable_answer")
    assert refusal(refresh, provider) == (TemporaryError, "refresh_uncertain")


def test_access_that_cannot_be_renewed_is_no_access(teapot: Teapot, provider: Provider) -> None:
    teapot.will(TOKEN, saying(200, {name: value for name, value in GOOD.items() if name != "refresh_token"}))
    assert refusal(exchange, provider) == (TemporaryError, "unreadable_answer")


HTML = "text/html"
REFUSALS: list[tuple[Misdeed, type[IntegrationError], str]] = [
    (saying(400, {"error": "invalid_grant"}), ReconnectRequired, "invalid_grant"),
    (saying(400, {"error": "invalid_grant_type"}), ReconnectRequired, "invalid_grant_type"),
    (saying(401, {"error": "invalid_client"}), OperatorRequired, "invalid_client"),
    (saying(400, {"error": "invalid_client"}), OperatorRequired, "invalid_client"),
    (saying(401, {}), OperatorRequired, "invalid_client"),
    (saying(401, b"<html>", HTML), OperatorRequired, "invalid_client"),
    (saying(400, {"error": "unauthorized_client"}), OperatorRequired, "unauthorized_client"),
    (saying(400, {"error": "invalid_request", "error_description": "CANARY"}), PermanentError, "refused"),
    (saying(400, b"<html>", HTML), TemporaryError, "http_400"),
    (saying(403, b"<html>", HTML), TemporaryError, "http_403"),
    (saying(404, b""), TemporaryError, "http_404"),
    (saying(429, {}), TemporaryError, "http_429"),
    (saying(500, {"error": "invalid_grant"}), TemporaryError, "http_500"),
    (saying(502, b"<html>", HTML), TemporaryError, "http_502"),
    (saying(503, b""), TemporaryError, "http_503"),
    (saying(302, b"", Location="http://127.0.0.1:1/"), TemporaryError, "redirected"),
]


@pytest.mark.parametrize(("misdeed", "kind", "code"), REFUSALS)
@pytest.mark.parametrize("call", [exchange, refresh])
def test_each_refusal_says_what_to_do_next(
    teapot: Teapot, provider: Provider, call: Any, misdeed: Misdeed, kind: type[IntegrationError], code: str
) -> None:
    teapot.will(TOKEN, misdeed)
    assert refusal(call, provider) == (kind, code)


@pytest.mark.parametrize(
    ("misdeed", "kind"),
    [
        (saying(503), TemporaryError),
        (saying(200, b"<html>", HTML), TemporaryError),
        (saying(300), TemporaryError),
        (saying(403, b"<html>", HTML), TemporaryError),
        (saying(401, {"error": "invalid_client"}), OperatorRequired),
    ],
)
def test_a_revocation_that_was_not_confirmed_is_not_done(
    teapot: Teapot, provider: Provider, misdeed: Misdeed, kind: type[IntegrationError]
) -> None:
    teapot.will(REVOKE, misdeed)
    with pytest.raises(kind):
        oauth.revoke(provider, "token")


def test_the_wish_to_wait_is_handed_on(teapot: Teapot, provider: Provider) -> None:
    teapot.will(TOKEN, saying(429, {}, Retry_After="7"))
    with pytest.raises(TemporaryError) as caught:
        refresh(provider)
    assert caught.value.retry_after == timedelta(seconds=7)


def test_an_answer_that_breaks_off_leaves_the_grant_uncertain(
    teapot: Teapot, provider: Provider, granted: Grant
) -> None:
    teapot.will(TOKEN, breaking_off)
    with pytest.raises(TemporaryError, match="refresh_uncertain"):
        oauth.refresh(provider, granted.refresh_token)


def test_a_server_that_is_not_there_was_never_asked(provider: Provider) -> None:
    gone = moved(provider, "http://127.0.0.1:1")
    assert refusal(refresh, gone) == (TemporaryError, "unreachable")
    assert refusal(exchange, gone) == (TemporaryError, "unreachable")


def test_plain_http_is_for_this_machine_only(provider: Provider) -> None:
    abroad = moved(provider, "http://teapot.example")
    assert refusal(refresh, abroad) == (OperatorRequired, "plain_http")
    with pytest.raises(OperatorRequired):
        oauth.authorize_url(abroad, "state", "challenge")
    with pytest.raises(OperatorRequired):
        oauth.revoke(abroad, "token")


def test_a_bomb_is_not_unpacked_for_ever(teapot: Teapot, provider: Provider) -> None:
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    teapot.will(TOKEN, saying(200, bomb, Content_Encoding="gzip"))
    assert refusal(exchange, provider) == (TemporaryError, "unreadable_answer")


def test_no_failure_tells_a_secret(teapot: Teapot, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    for misdeed, _kind, _code in REFUSALS:
        teapot.will(TOKEN, misdeed)
        with pytest.raises(IntegrationError) as caught:
            refresh(provider)
        assert "CANARY" not in f"{caught.value!r}{caught.value}{caught.value.__cause__!r}"
    assert "CANARY" not in caplog.text
    assert CLIENT_SECRET not in repr(provider.addresses())


def refusal(call: Any, provider: Provider) -> tuple[type[IntegrationError], str]:
    with pytest.raises(IntegrationError) as caught:
        call(provider)
    return type(caught.value), caught.value.code


def moved(provider: Provider, url: str) -> Provider:
    addresses = replace(
        provider.addresses(), authorize=f"{url}/authorize", token=f"{url}/oauth/token", revoke=f"{url}/oauth/revoke"
    )
    return replace(provider, addresses=lambda: addresses)
