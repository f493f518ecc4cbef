"""Tokens: who holds one may do what it says and nothing else; what is refused is on record, and secrets are nowhere."""

import hashlib
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from integrations.api import tokens
from integrations.models import ApiToken, Connection, RefusedCall
from integrations.outbox import retention
from tests.faults import stored
from tests.integrations.api.conftest import Ask
from tests.integrations.api.kitchen import Kitchen
from tests.integrations.api.test_endpoint import ORDER, code, outcome
from tests.integrations.kettle import connected

pytestmark = pytest.mark.usefixtures("open_kitchen")


def brew(connection: Connection, authorization: str) -> Any:
    headers = {"authorization": authorization} if authorization else {}
    address = f"/api/v1/connections/{connection.pk}/brew"
    return Client().post(address, ORDER, content_type="application/json", headers=headers)


def on_record() -> list[tuple[str, str, str, str]]:
    return list(RefusedCall.objects.order_by("pk").values_list("code", "method", "route", "what"))


def test_a_secret_is_long_and_only_its_digest_is_stored(made: tuple[ApiToken, str]) -> None:
    token, secret = made
    assert secret.startswith("sorae_")
    assert len(secret) == 6 + 43
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert token.prefix == secret[:12]
    assert tokens.make("Other", None, abilities=[])[1] != secret
    assert secret[12:] not in str(stored.tables())


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", "no_token"),
        ("Bearer", "unknown_token"),
        ("Bearer sorae_", "unknown_token"),
        ("Bearer sorae_" + "A" * 43, "unknown_token"),
        ("Bearer sorae_" + "A" * 5000, "unknown_token"),
        ("Basic c3RhZmY6eA==", "unknown_token"),
        ("Bearer sorae_" + "é" * 43, "unknown_token"),
        ("Bearer \x00", "unknown_token"),
    ],
)
def test_without_a_token_that_is_known(
    tea_room: Connection, open_kitchen: Kitchen, authorization: str, expected: str
) -> None:
    answer = brew(tea_room, authorization)
    assert code(answer, 401) == expected
    assert answer["WWW-Authenticate"].startswith('Bearer realm="Sorae"')
    assert open_kitchen.brewed == []
    assert on_record() == [(expected, "POST", "/connections/{connection}/brew", "")]


def test_the_word_bearer_may_be_small(tea_room: Connection, secret: str) -> None:
    outcome(brew(tea_room, f"bearer  {secret}"), 200)


def test_tokens_that_have_ended(tea_room: Connection, made: tuple[ApiToken, str], open_kitchen: Kitchen) -> None:
    token, secret = made
    mine = ApiToken.objects.filter(pk=token.pk)
    mine.update(expires_at=timezone.now() + timedelta(hours=1))
    outcome(brew(tea_room, f"Bearer {secret}"), 200)
    mine.update(expires_at=timezone.now())
    assert code(brew(tea_room, f"Bearer {secret}"), 401) == "expired_token"
    mine.update(expires_at=None)
    User.objects.filter(pk=token.created_by_id or 0).update(is_active=False)
    assert code(brew(tea_room, f"Bearer {secret}"), 401) == "orphaned_token"
    assert tokens.revoke(token)
    assert not tokens.revoke(token)
    assert code(brew(tea_room, f"Bearer {secret}"), 401) == "revoked_token"
    assert len(open_kitchen.brewed) == 1
    assert [row.token for row in RefusedCall.objects.order_by("pk")] == [token] * 3


def test_another_connection_and_one_that_is_not_there_are_the_same(tea_room: Connection, staff: User) -> None:
    other = connected("A2")
    token, secret = tokens.make("Till", staff, abilities=["brew"], connections=[tea_room])
    outcome(brew(tea_room, f"Bearer {secret}"), 200)
    nobodys = Connection(pk=99_999)
    for one in (other, nobodys):
        answer = brew(one, f"Bearer {secret}")
        assert code(answer, 403) == "connection_not_allowed"
        assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert [what for *_, what in on_record()] == [f"connection {other.pk}", "connection 99999"]
    assert not tokens.may(token, "brew", other)


def test_another_ability(ask: Ask, tea_room: Connection, made: tuple[ApiToken, str], open_kitchen: Kitchen) -> None:
    token, _ = made
    ApiToken.objects.filter(pk=token.pk).update(abilities=["read", "raw"])
    assert code(ask(body=ORDER), 403) == "ability_not_allowed"
    outcome(ask(f"/api/v1/connections/{tea_room.pk}"), 200)
    assert open_kitchen.brewed == []
    assert on_record() == [("ability_not_allowed", "POST", "/connections/{connection}/brew", "brew")]
    ApiToken.objects.filter(pk=token.pk).update(abilities=["kitchen"])
    outcome(ask(body=ORDER), 200)


def test_use_is_noted_once_a_minute(ask: Ask, made: tuple[ApiToken, str]) -> None:
    token, _ = made
    outcome(ask("/api/v1/ready"), 200)
    token.refresh_from_db()
    first = token.last_used_at
    assert first
    outcome(ask("/api/v1/ready"), 200)
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(seconds=61))
    outcome(ask("/api/v1/ready"), 200)
    token.refresh_from_db()
    assert token.last_used_at
    assert token.last_used_at >= first


def test_a_token_has_a_rate_of_its_own(tea_room: Connection, staff: User, ask: Ask) -> None:
    _, secret = tokens.make("Slow", staff, abilities=["brew"], per_minute=4)
    answers = [brew(tea_room, f"Bearer {secret}") for _ in range(5)]
    assert code(answers[-1], 429) == "too_many_calls"
    assert 0 < int(answers[-1]["Retry-After"]) <= 62
    assert outcome(answers[-1], 429)["outcome"] == "error"
    outcome(ask(body=ORDER), 200)


def test_a_flood_of_refused_calls_does_not_fill_the_record(tea_room: Connection) -> None:
    for _ in range(70):
        brew(tea_room, "")
    assert 30 <= RefusedCall.objects.count() <= 60


def test_no_log_and_no_row_holds_a_secret(
    tea_room: Connection, ask: Ask, secret: str, staff: User, caplog: pytest.LogCaptureFixture
) -> None:
    _, other = tokens.make("Ends", staff, abilities=[])
    with caplog.at_level(logging.DEBUG):
        ask(body=ORDER, idempotency_key="k")
        brew(tea_room, f"Bearer {other}")
        brew(tea_room, "Bearer sorae_" + "B" * 43)
    said = caplog.text + str(stored.tables())
    for word in (secret[12:], other[12:], "B" * 43):
        assert word not in said
    assert "ann@example.com" not in said


def test_old_refusals_are_deleted(tea_room: Connection) -> None:
    brew(tea_room, "")
    brew(tea_room, "")
    first = RefusedCall.objects.earliest("pk")
    RefusedCall.objects.filter(pk=first.pk).update(at=timezone.now() - timedelta(days=400))
    retention.forget()
    assert RefusedCall.objects.count() == 1


def test_the_command_makes_lists_and_revokes(
    tea_room: Connection, capsys: pytest.CaptureFixture[str], open_kitchen: Kitchen
) -> None:
    call_command("api_token", "make", "Till", "--ability", "brew", "--connection", str(tea_room.pk), "--days", "30")
    secret = capsys.readouterr().out.strip().splitlines()[-1]
    outcome(brew(tea_room, f"Bearer {secret}"), 200)
    token = ApiToken.objects.get()
    assert token.expires_at
    call_command("api_token", "list")
    listed = capsys.readouterr().out
    assert "Till" in listed
    assert secret not in listed
    call_command("api_token", "revoke", str(token.pk))
    assert code(brew(tea_room, f"Bearer {secret}"), 401) == "revoked_token"
