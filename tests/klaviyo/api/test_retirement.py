"""The end of our revision: heard from Klaviyo's answers, kept once, and warned of a year ahead."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import requests
from django.core import checks
from django.db import DatabaseError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Connection, Retirement
from klaviyo.api import lists, retirement
from klaviyo.api.client import Client
from klaviyo.api.operation import REVISION
from klaviyo.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _nothing_noted() -> Iterator[None]:
    retirement.forget()
    yield
    retirement.forget()


def answer(said: str) -> requests.Response:
    made = requests.Response()
    made.headers["X-Klaviyo-Api-Retirement-Date"] = said
    return made


def warnings() -> list[str]:
    return [found.msg for found in checks.run_checks() if found.id == "klaviyo.W001"]


def test_an_answer_names_the_day_and_the_system_check_warns(sandbox: Sandbox, connection: Connection) -> None:
    day = timezone.now().date() + timedelta(days=200)
    sandbox.settings(retires_on=day.isoformat())
    assert list(lists.all_of(Client(connection))) == []
    assert retirement.ends_on() == day
    [warning] = warnings()
    assert REVISION in warning
    assert "in 200 days" in warning


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "told"), [(366, ""), (365, "ends in 365 days"), (1, "ends tomorrow"), (0, "has ended"), (-40, "has ended")]
)
def test_it_warns_a_year_ahead_and_ever_after(days: int, told: str) -> None:
    retirement.note(answer((timezone.now().date() + timedelta(days=days)).isoformat()))
    found = warnings()
    assert bool(found) == bool(told)
    assert told in " ".join(found)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "said",
    [
        "2028-07-15",
        "2028-07-15T00:00:00+00:00",
        "2028-07-15T00:00:00Z",
        "Sat, 15 Jul 2028 00:00:00 GMT",
        " 2028-07-15 ",
    ],
)
def test_a_day_is_read_however_it_is_written(said: str) -> None:
    retirement.note(answer(said))
    assert retirement.ends_on() == date(2028, 7, 15)


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["", "soon", "2028", "99999-01-01", "2028-13-40", "\x00", "1" * 5000])
def test_what_is_no_day_says_nothing(said: str) -> None:
    retirement.note(answer(said))
    assert not Retirement.objects.exists()
    assert warnings() == []


@pytest.mark.django_db
def test_the_same_day_is_written_once_and_another_takes_its_place() -> None:
    retirement.note(answer("2028-07-15"))
    with CaptureQueriesContext(database) as asked:
        retirement.note(answer("2028-07-15"))
    assert len(asked) == 0
    retirement.note(answer("2029-01-15"))
    assert [one.retires_on for one in Retirement.objects.all()] == [date(2029, 1, 15)]


@pytest.mark.django_db
def test_a_database_that_cannot_keep_it_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(type(Retirement.objects), "update_or_create", refuse)
    retirement.note(answer("2028-07-15"))
    assert retirement.ends_on() is None


@pytest.mark.django_db
def test_a_database_without_the_table_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatabaseError("no such table")

    monkeypatch.setattr(retirement, "ends_on", refuse)
    assert retirement.is_near() == []
