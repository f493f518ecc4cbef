"""The review before a store is joined: what it shows, who may save it, and what saving comes to."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from integrations.models import Connection
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
