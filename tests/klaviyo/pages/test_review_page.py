"""The review before a store is joined: what it shows, who may save it, and what saving comes to."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from integrations.models import Connection
from klaviyo.delivery import stored_since
from klaviyo.models import Backfill, StoreSetting
from klaviyo.pages.settings_form import SettingsForm
from referrals import lifecycle
from referrals.models import Program, Store

CHOICES = {"is_enabled": "on", "behaviour": "create", "invite_policy": "not_opted_out", "save": "1"}
CHOICES |= {"reminder_policy": "subscribed_only", "list_id": "", "newsletter_list_id": ""}


def at(connection: Connection, store: Store | None = None) -> str:
    return f"/admin/klaviyo/accounts/{connection.pk}/review" + (f"?store={store.pk}" if store else "")


def save(client: Client, connection: Connection, store: Store, **more: str) -> Any:
    return client.post(at(connection), CHOICES | {"store": str(store.pk)} | more, follow=True)


def test_it_says_which_account_came_back(
    browser_of_the_operator: Client, connection: Connection, spring: Program
) -> None:
    lifecycle.join(spring, "ann@example.com")
    page = browser_of_the_operator.get(at(connection)).content.decode()
    for words in ("Tea House Ltd", "VxYz12", "Europe/Helsinki", "EUR", "Choose another account", "the 1 advocate of"):
        assert words in page
    assert "You have connected this account before" not in page
    connection.is_test_account = True
    connection.save()
    Connection.objects.update(created_at="2026-01-01T00:00:00Z")
    page = browser_of_the_operator.get(at(connection)).content.decode()
    assert "You have connected this account before, on 1 Jan 2026" in page
    assert "Test account" in page


def test_an_account_without_a_store_is_not_called_well_on_the_first_page(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    integrations = "/admin/integrations/"
    page = browser_of_the_operator.get(integrations).content.decode()
    assert "No store joined" in page
    assert "Fix<" in page
    save(browser_of_the_operator, connection, tea_house)
    page = browser_of_the_operator.get(integrations).content.decode()
    assert "1 account connected" in page
    assert "Manage<" in page


def test_everybody_is_told_of_only_where_that_is_ticked(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    save(browser_of_the_operator, connection, tea_house)
    setting = StoreSetting.objects.get()
    assert (setting.creates_profiles, setting.facts_since is not None) == (True, True)
    assert not Backfill.objects.exists()
    setting.delete()
    save(browser_of_the_operator, connection, tea_house, tell_everybody="on")
    assert Backfill.objects.get().setting.store == tea_house


def test_where_the_account_is_away_it_says_what_is_not_done(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    Connection.objects.update(state=Connection.State.RECONNECT)
    answer = save(browser_of_the_operator, connection, tea_house, tell_everybody="on")
    assert StoreSetting.objects.exists()
    assert "The advocates who are there already are not told of" in answer.content.decode()


def test_two_saves_at_once_are_one_join(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SettingsForm.is_valid

    def and_somebody_else_is_as_quick(form: SettingsForm) -> bool:
        StoreSetting.objects.create(store=tea_house, connection=connection)
        return real(form)

    monkeypatch.setattr(SettingsForm, "is_valid", and_somebody_else_is_as_quick)
    answer = save(browser_of_the_operator, connection, tea_house, tell_everybody="on")
    assert "is joined to Tea House Ltd already" in answer.content.decode()
    assert StoreSetting.objects.count() == 1


def test_a_further_store_of_an_old_connection_begins_now(
    browser_of_the_operator: Client, setting: StoreSetting, connection: Connection
) -> None:
    coffee = Store.objects.create(slug="coffee", name="Coffee", url="https://coffee.example/", currency="EUR")
    Connection.objects.update(connected_at="2026-01-01T00:00:00Z")
    save(browser_of_the_operator, connection, coffee)
    assert StoreSetting.objects.get(store=coffee).facts_since is None


def test_whoever_may_connect_alone_looks_and_cannot_save(connection: Connection, tea_house: Store) -> None:
    user = User.objects.create_user("connector", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="connect"))
    client = Client()
    client.force_login(user)
    assert b"Ask somebody who may change store settings" in client.get(at(connection)).content
    assert client.post(at(connection), CHOICES | {"store": str(tea_house.pk)}).status_code == 403
    assert not StoreSetting.objects.exists()


@pytest.mark.parametrize("given", ["x", "9" * 30, "\x00", ""])
def test_an_odd_store_is_none(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store, given: str
) -> None:
    page = browser_of_the_operator.get(at(connection), {"store": given}).content.decode()
    assert "What is sent of" in page


@pytest.mark.parametrize("given", ["x", "9" * 30, "", "0"])
def test_what_names_no_store_joins_none(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store, given: str
) -> None:
    answer = browser_of_the_operator.post(at(connection), CHOICES | {"store": given}, follow=True)
    assert "That store is gone. Nothing was saved" in answer.content.decode()
    assert not StoreSetting.objects.exists()


def promise_of(client: Client, connection: Connection, store: Store) -> str:
    return str(client.get(at(connection, store)).context["promise"])


def test_what_a_page_promised_is_kept_whatever_happened_since(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    """Two tabs, and another consent to the same account before the save."""
    coffee = Store.objects.create(slug="coffee", name="Coffee", url="https://coffee.example/", currency="EUR")
    allowed = timezone.now() - timedelta(days=2)
    Connection.objects.update(allowed_at=allowed)
    promises = {store: promise_of(browser_of_the_operator, connection, store) for store in (tea_house, coffee)}
    for store, promise in promises.items():
        save(browser_of_the_operator, connection, store, promise=promise)
    since = [setting.facts_since for setting in StoreSetting.objects.all()]
    assert since == [allowed - stored_since.MARGIN] * 2


def test_a_promise_of_another_store_is_none(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    coffee = Store.objects.create(slug="coffee", name="Coffee", url="https://coffee.example/", currency="EUR")
    promise = promise_of(browser_of_the_operator, connection, coffee)
    save(browser_of_the_operator, connection, tea_house, promise=promise)
    assert StoreSetting.objects.get().facts_since is None


def test_nobody_expects_what_is_older_than_a_month(
    browser_of_the_operator: Client, connection: Connection, tea_house: Store
) -> None:
    Connection.objects.update(allowed_at="2025-01-01T00:00:00Z")
    save(browser_of_the_operator, connection, tea_house)
    since = StoreSetting.objects.get().facts_since
    assert since is not None
    assert timezone.now() - since < timedelta(days=31)
