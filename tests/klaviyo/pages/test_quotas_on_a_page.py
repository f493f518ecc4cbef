"""How much of Klaviyo's limits an account has used: by operation, of the widest window, where that can be known."""

import pytest
from django.test import Client

from integrations import pacing
from integrations.models import Connection
from klaviyo.api import quotas
from klaviyo.models import StoreSetting


def test_used_operations_are_shown_and_the_others_named(
    setting: StoreSetting, connection: Connection, browser_of_the_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "is_shared", lambda: True)  # as with Redis, which all processes count in
    operation = quotas.operations()["create_event"]
    for _ in range(3):
        assert not pacing.take(f"{connection.pk}:create_event", operation.windows)
    known = quotas.of(connection)
    assert known
    assert (known[0].operation, known[0].used, known[0].limit) == ("create_event", 3, operation.steady)
    page = browser_of_the_operator.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert f"3 of {operation.steady:,} a minute" in page
    assert "Not asked lately" in page


def test_where_it_cannot_be_known_the_page_says_so(
    setting: StoreSetting, connection: Connection, browser_of_the_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "is_shared", lambda: False)
    page = browser_of_the_operator.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert "It cannot be told at the moment" in page
