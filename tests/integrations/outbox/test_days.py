"""Days that are over are counted once each, whatever else there is, and shown as a picture with its words."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations.models import Connection, Day, Delivery
from integrations.outbox import days
from integrations.tasks import count_days

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


def ended(account: Connection, state: str, days_ago: int, number: int = 1, code: str = "") -> None:
    noon = timezone.now().replace(hour=12, minute=0) - timedelta(days=days_ago)
    made = {"connection": account, "kind": "event", "occurred_at": noon, "settled_at": noon, "reason_code": code}
    Delivery.objects.bulk_create(Delivery(key=str(uuid.uuid4()), state=state, **made) for _ in range(number))


def counted(account: Connection, days_ago: int) -> tuple[int, int, int]:
    day = Day.objects.get(connection=account, day=days.last() - timedelta(days=days_ago - 1))
    return day.delivered, day.held_back, day.failed


@pytest.fixture
def old_account(account: Connection) -> Connection:
    Connection.objects.update(created_at=timezone.now() - timedelta(days=90))
    account.refresh_from_db()
    return account


def test_each_day_is_counted_once(old_account: Connection) -> None:
    ended(old_account, State.ACCEPTED, 2, 3)
    ended(old_account, State.CONFIRMED, 2, 2)
    ended(old_account, State.SKIPPED, 2, 4, "unsubscribed")
    ended(old_account, State.SKIPPED, 2, 1, "superseded")
    ended(old_account, State.FAILED, 5)
    ended(old_account, State.ACCEPTED, 0, 7)
    ended(old_account, State.ACCEPTED, 40)
    Day.objects.create(
        connection=old_account, day=days.last() - timedelta(days=100), delivered=1, held_back=0, failed=0
    )
    count_days()
    assert (counted(old_account, 2), counted(old_account, 5)) == ((5, 4, 0), (0, 0, 1))
    assert Day.objects.count() == days.SHOWN - 1
    ended(old_account, State.FAILED, 2)
    assert days.count() == 0
    assert counted(old_account, 2) == (5, 4, 0)


def test_it_goes_on_where_it_was_stopped(old_account: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "SECONDS", -1.0)
    assert days.count() == 0
    Day.objects.create(connection=old_account, day=days.last() - timedelta(days=3), delivered=9, held_back=0, failed=0)
    monkeypatch.undo()
    assert days.count() == days.SHOWN - 2
    assert counted(old_account, 4) == (9, 0, 0)


def test_an_account_of_today_is_done_at_once(account: Connection) -> None:
    assert (days.count(), days.count()) == (1, 0)


def test_with_all_counted_a_look_costs_next_to_nothing(
    old_account: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    days.count()
    with django_assert_max_num_queries(4):
        days.count()


def test_the_page_shows_it_and_says_what_is_not_counted(browser: Client, old_account: Connection) -> None:
    ended(old_account, State.ACCEPTED, 2, 1234)
    page = f"/admin/integrations/{old_account.pk}/"
    assert "Some days are still being counted" in browser.get(page).content.decode()
    days.count()
    ended(old_account, State.FAILED, 0, 2)
    Delivery.objects.filter(state=State.FAILED).update(settled_at=timezone.now())
    said = browser.get(page).content.decode()
    assert "1,234 delivered, 0 not sent, 0 failed</title>" in said
    assert "<td>1,234</td><td>0</td><td>0</td>" in said
    assert "<td>0</td><td>0</td><td>2</td></tr>\n    </tbody>" in said
    assert "still being counted" not in said
