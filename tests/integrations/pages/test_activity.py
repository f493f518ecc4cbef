"""Activity: everything that somebody does is listed, with who and when, to be filtered and exported."""

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.models import StoreSetting
from klaviyo.pages import operators
from referrals.models import Advocate

ACTIVITY = "/admin/integrations/activity/"
POLICIES = {"invite_policy": "not_opted_out", "reminder_policy": "subscribed_only"}


@pytest.fixture
def browser(operator: User) -> Client:
    """Somebody who has signed in, as a person does."""
    client = Client()
    client.post("/admin/login/", {"username": "operator", "password": "operator"})
    return client


def listed(browser: Client, query: str = "") -> list[tuple[str, str]]:
    """What was done, and by whom."""
    page = browser.get(f"{ACTIVITY}?{query}").context["page"]
    return [(entry.what, entry.who) for entry in page.rows]


def exported(browser: Client, query: str = "") -> list[list[str]]:
    answer = browser.get(f"{ACTIVITY}export?{query}")
    return list(csv.reader(io.StringIO(b"".join(answer).decode())))


def test_what_operators_do_is_listed(browser: Client, ann: Advocate, connection: Connection) -> None:
    b"".join(browser.get("/admin/klaviyo/sends/export"))
    typed = {"email": ann.email, "again": ann.email}
    browser.post("/admin/klaviyo/people/erase", typed)
    browser.post(f"/admin/integrations/{connection.pk}/disconnect")
    setting = StoreSetting.objects.get()
    browser.post(f"/admin/klaviyo/settings/{setting.pk}/remove")
    done = [what for what, who in listed(browser) if who == "operator"]
    assert done == [
        "Tea House is no longer joined to Tea House Ltd.",
        "Tea House Ltd is disconnected.",
        "Erased a person, whom the receipt does not name.",
        "Exported sends, with people masked.",
        "Signed in.",
    ]
    assert "ann@example.com" not in browser.get(ACTIVITY).content.decode()


def test_it_is_filtered_and_exported(browser: Client, connection: Connection) -> None:
    browser.post(f"/admin/integrations/{connection.pk}/disconnect")
    other = User.objects.create_superuser("other")
    LogEntry.objects.log_actions(other.pk, Connection.objects.all(), 2, "=cmd|nothing", single_object=True)
    LogEntry.objects.filter(change_message="Signed in.").update(action_time=timezone.now() - timedelta(days=9))
    assert [who for _, who in listed(browser, f"who={other.pk}")] == ["other"]
    assert len(listed(browser, f"since={timezone.now().date()}")) == 2
    assert len(listed(browser, "words=DISCONNECTED")) == 1
    kind = LogEntry.objects.filter(user=other).values_list("content_type", flat=True).get()
    assert len(listed(browser, f"kind={kind}")) == 2
    assert listed(browser, "who=x&kind=-1&since=2026-99-99") == listed(browser)
    header, *rows = exported(browser, f"who={other.pk}")
    assert header == ["when", "who", "what", "about", "kind"]
    assert [(row[1], row[2]) for row in rows] == [("other", "'=cmd|nothing")]
    assert listed(browser)[0] == ("Exported the activity.", "operator")


def test_viewers_look_and_do_not_touch(connection: Connection, setting: StoreSetting) -> None:
    operators.ensure_groups()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name=operators.VIEWERS))
    client = Client()
    client.force_login(viewer)
    for page in (ACTIVITY, "/admin/integrations/", f"/admin/integrations/{connection.pk}/", "/admin/klaviyo/sends/"):
        assert client.get(page).status_code == 200
    page = client.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert "Disconnect<" not in page
    for act in (f"integrations/{connection.pk}/disconnect", f"integrations/{connection.pk}/reconnect"):
        assert client.post(f"/admin/{act}").status_code == 403
    client.post(f"/admin/klaviyo/settings/{setting.pk}/", {"is_enabled": ""})
    assert StoreSetting.objects.get().is_enabled


def test_a_connections_tab_has_its_settings_and_deliveries_and_no_others(
    browser: Client, ann: Advocate, connection: Connection
) -> None:
    other = Connection.objects.create(provider="klaviyo", account_id="Oth123", account_name="Other")
    setting = StoreSetting.objects.get()
    elsewhere = StoreSetting.objects.create(store=setting.store, connection=other)
    for one in (setting, elsewhere):
        browser.post(f"/admin/klaviyo/settings/{one.pk}/", {"is_enabled": "on", "behaviour": "create"} | POLICIES)
    failed = Delivery.objects.filter(connection=connection).earliest("pk")
    Delivery.objects.filter(pk=failed.pk).update(state="failed", settled_at=timezone.now())
    browser.post("/admin/integrations/deliveries/retry", {"delivery": failed.pk})
    browser.post(f"/admin/integrations/{connection.pk}/pause")
    browser.post(f"/admin/klaviyo/settings/{setting.pk}/remove")
    found = [what for what, _ in listed(browser, f"connection={connection.pk}")]
    assert found[:2] == ["Tea House is no longer joined to Tea House Ltd.", "Paused."]
    assert found[2].startswith("Tried again.")
    assert len(listed(browser, f"connection={other.pk}")) == 1
    assert len(exported(browser, f"connection={connection.pk}")) == 1 + len(found)
