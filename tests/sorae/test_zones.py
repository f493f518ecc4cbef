"""Time zones of the admin's pages: the browser's, or UTC where its user asks for that; nothing else is touched."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from integrations.models import Connection
from integrations.pages import filtering

AT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)


@pytest.fixture
def page(admin_user: User, client: Client) -> str:
    connection = Connection.objects.create(
        provider="klaviyo", account_id="A1", account_name="Tea", state="connected", connected_at=AT
    )
    client.force_login(admin_user)
    return f"/admin/integrations/{connection.pk}/"


def shown(client: Client, page: str) -> str:
    return client.get(page).content.decode()


def test_times_are_in_the_zone_that_the_browser_tells(client: Client, page: str) -> None:
    assert "1 Jul 2026, 22:30 UTC" in shown(client, page)
    client.cookies["zone"] = "Europe/Berlin"
    assert "2 Jul 2026, 00:30 CEST" in shown(client, page)
    assert "Show UTC" in shown(client, page)


def test_whoever_chooses_utc_has_it_until_they_choose_otherwise(client: Client, page: str) -> None:
    client.cookies["zone"] = "Asia/Kolkata"
    assert client.post("/admin/times", {"times": "utc", "next": page})["Location"] == page
    assert "1 Jul 2026, 22:30 UTC" in shown(client, page)
    assert "Show Asia/Kolkata" in shown(client, page)
    client.post("/admin/times", {"times": "own", "next": page})
    assert "2 Jul 2026, 04:00 IST" in shown(client, page)


@pytest.mark.parametrize("told", ["Mars/Olympus", "../../etc/passwd", "", "\x00", "Europe/Berlin; x", "W" * 9000])
def test_what_is_no_zone_is_not_believed(client: Client, page: str, told: str) -> None:
    client.cookies["zone"] = told
    assert "1 Jul 2026, 22:30 UTC" in shown(client, page)


@pytest.mark.parametrize(
    "back", ["https://elsewhere.test/admin/", "//elsewhere.test", "/u/x", "", "javascript:alert(1)"]
)
def test_the_switch_leads_nowhere_else(client: Client, page: str, back: str) -> None:
    assert client.post("/admin/times", {"times": "utc", "next": back})["Location"] == "/admin/"


def test_a_stranger_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert "/login/" in client.post("/admin/times", {"times": "utc"})["Location"]
    assert client.get("/admin/times").status_code in (302, 405)


def test_a_day_of_a_filter_begins_where_its_user_is() -> None:
    with timezone.override(ZoneInfo("America/New_York")):
        began, ended = filtering.starts("2026-11-01"), filtering.starts("2026-11-01", filtering.DAY)
    assert began
    assert ended
    assert ended.timestamp() - began.timestamp() == 25 * 3600  # the clocks go back that night
