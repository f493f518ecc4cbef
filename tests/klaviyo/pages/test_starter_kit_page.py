"""The starter kit's page: who may look sees it, who may run actions has it made, and the activity tells who did."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection
from klaviyo.models import FlowReading, StarterKit
from klaviyo.pages import operators
from klaviyo.sandbox import Sandbox
from klaviyo.starter_kit.plan import PLAN

MOST_QUERIES = 15


@pytest.fixture
def at(allowed: Connection) -> str:
    return f"/admin/klaviyo/accounts/{allowed.pk}/flows"


@pytest.fixture
def viewer(transactional_db: None) -> Client:
    operators.ensure_groups()
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name=operators.VIEWERS))
    browser = Client()
    browser.force_login(user)
    return browser


def wishes() -> list[str]:
    return list(StarterKit.objects.exclude(wish="").values_list("wish", flat=True))


def test_it_is_shown_before_it_is_made_and_made_once(
    at: str, browser_of_the_operator: Client, sandbox: Sandbox, allowed: Connection
) -> None:
    text = browser_of_the_operator.get(f"{at}/kit").content.decode()
    assert [one.name for one in PLAN if f"<b>{one.name}</b>" not in text] == []
    assert [one.purpose for one in PLAN if one.kind != "flow" and one.purpose.replace("'", "&#x27;") not in text] == []
    assert (wishes(), sandbox.requests()) == ([], [])
    for _ in range(2):  # a double click
        assert browser_of_the_operator.post(f"{at}/kit", {"act": "make"}).status_code == 302
    assert wishes() == ["make"]
    browser_of_the_operator.post(f"{at}/kit/remove")
    assert wishes() == ["make"]  # one thing after the other
    browser_of_the_operator.post(f"{at}/kit", {"act": "stop"})
    assert wishes() == []
    browser_of_the_operator.post(f"{at}/kit/remove")
    assert wishes() == ["remove"]
    told = LogEntry.objects.filter(object_id=str(allowed.pk)).order_by("pk").values_list("change_message", flat=True)
    assert list(told) == [
        "Asked for the starter kit to be made.",
        "Stopped what was under way with the starter kit.",
        "Asked for the starter kit to be removed.",
    ]
    assert sandbox.requests() == []  # workers ask


def test_a_viewer_looks_and_makes_nothing(at: str, viewer: Client) -> None:
    text = viewer.get(f"{at}/kit").content.decode()
    assert "Make the starter kit" not in text
    assert "Read again" not in viewer.get(at).content.decode()
    for address, about in ((f"{at}/kit", {"act": "make"}), (f"{at}/kit/remove", {}), (at, {"act": "read"})):
        assert viewer.post(address, about).status_code == 403
    assert viewer.get(f"{at}/kit/remove").status_code == 403
    assert not StarterKit.objects.exists()
    assert not FlowReading.objects.exists()


def test_without_the_scopes_it_says_which(browser_of_the_operator: Client, connection: Connection) -> None:
    at = f"/admin/klaviyo/accounts/{connection.pk}/flows/kit"
    text = browser_of_the_operator.get(at).content.decode()
    assert "<code>templates:write</code>" in text
    assert f"/admin/integrations/{connection.pk}/allow" in text
    assert "Make the starter kit" not in text
    answer = browser_of_the_operator.post(at, {"act": "make"}, follow=True)
    assert "These scopes are missing: flows:read" in answer.content.decode()
    assert wishes() == []


def test_the_pages_ask_the_database_a_few_times(at: str, browser_of_the_operator: Client) -> None:
    browser_of_the_operator.post(f"{at}/kit", {"act": "make"})
    for address in (at, f"{at}/kit"):
        with CaptureQueriesContext(database) as asked:
            assert browser_of_the_operator.get(address).status_code == 200
        assert len(asked) <= MOST_QUERIES, address
