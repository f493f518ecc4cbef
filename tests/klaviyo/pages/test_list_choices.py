"""A worker reads the lists of an account as far as it can; nothing in an answer breaks it, or the page."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection
from klaviyo import account_lists
from klaviyo.api.lists import List
from klaviyo.models import AccountLists, StoreSetting
from klaviyo.pages import list_choices
from klaviyo.pages.list_choices import KnownLists
from klaviyo.sandbox import Sandbox, SeedList
from tests import budgets
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

UNREADABLE: list[Any] = [{}, {"data": None}, {"data": {"a": 1}}, {"data": "xy"}, {"data": 5}]
ODD_ITEMS: list[Any] = [
    None,
    "x",
    5,
    [],
    {},
    {"id": 5},
    {"id": None, "attributes": None},
    {"id": "x" * 65, "attributes": {}},
    {"id": "../profiles", "attributes": {"name": "Odd"}},
    {"id": "\ud83d"},
]
ODD_LINKS: list[Any] = [None, "x", 5, [], {"next": None}, {"next": 5}, {"next": ["x"]}, {"next": ""}, {"next": "x"}]
NEWS = {"type": "list", "id": "NwsLtr", "attributes": {"name": "Newsletter", "opt_in_process": "single_opt_in"}}
NEWSLETTER = List("NwsLtr", "Newsletter", "single_opt_in")


def as_ids(value: Any) -> str:
    return json.dumps(value)[:60]


def read(connection: Connection) -> KnownLists:
    """As the next worker reads it."""
    AccountLists.objects.update(next_look_at=None)
    account_lists.take_all()
    return list_choices.of(connection)


def test_every_page_is_read(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    known_lists = read(connection)
    assert {f"List {number:02}" for number in range(25)} <= {item.name for item in known_lists.lists}
    assert (known_lists.problem, known_lists.is_awaited) == ("", False)
    assert known_lists.read_at is not None
    assert timezone.now() - known_lists.read_at < timedelta(minutes=1)


def test_klaviyo_is_asked_by_workers_alone(
    sandbox: Sandbox, connection: Connection, second_connection: Connection
) -> None:
    Connection.objects.filter(pk=second_connection.pk).update(state=Connection.State.RECONNECT)
    assert list_choices.of(connection) == KnownLists(is_awaited=True)
    assert sandbox.requests("get_lists") == []
    account_lists.take_all()
    asked = len(sandbox.requests("get_lists"))
    assert asked == 1
    account_lists.take_all()  # it is not due again
    for _ in range(3):
        list_choices.of(connection)
    assert len(sandbox.requests("get_lists")) == asked
    assert not AccountLists.objects.filter(connection=second_connection).exists()


def test_whoever_asks_has_them_read_again_at_once_and_once(sandbox: Sandbox, connection: Connection) -> None:
    read(connection)
    sandbox.put_lists(TEA, [SeedList("A new one")])
    account_lists.ask(connection)
    account_lists.ask(connection)
    known_lists = list_choices.of(connection)
    assert (known_lists.is_awaited, "A new one" in {item.name for item in known_lists.lists}) == (True, False)
    account_lists.take_all()
    known_lists = list_choices.of(connection)
    assert (known_lists.is_awaited, "A new one" in {item.name for item in known_lists.lists}) == (False, True)
    account_lists.take_all()
    assert len(sandbox.requests("get_lists")) == 2


def test_whoever_asks_while_they_are_read_has_them_read_once_more(
    sandbox: Sandbox, connection: Connection, spoil: Spoil
) -> None:
    read(connection)

    def meanwhile(document: Any) -> Any:
        account_lists.ask(connection)
        sandbox.put_lists(TEA, [SeedList("A new one")])
        return document

    AccountLists.objects.update(next_look_at=None)
    spoil("get_lists", meanwhile, times=1)
    account_lists.take_all()
    assert list_choices.of(connection).is_awaited
    account_lists.take_all()
    known_lists = list_choices.of(connection)
    assert (known_lists.is_awaited, "A new one" in {item.name for item in known_lists.lists}) == (False, True)


def test_they_are_read_again_some_hours_later(sandbox: Sandbox, connection: Connection) -> None:
    read(connection)
    AccountLists.objects.update(next_look_at=F("next_look_at") - account_lists.EVERY)
    account_lists.take_all()
    assert len(sandbox.requests("get_lists")) == 2


def test_what_was_read_stays_when_klaviyo_fails_later(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    before = read(connection)
    sandbox.fault("get_lists", "503", count=10, skip=1)
    known_lists = read(connection)
    assert (known_lists.lists, known_lists.read_at, known_lists.is_awaited) == (before.lists, before.read_at, False)
    assert known_lists.problem.startswith("The lists could not be read again:")
    assert not known_lists.is_certain
    copy = AccountLists.objects.get()
    assert copy.next_look_at is not None
    assert copy.next_look_at - timezone.now() <= account_lists.AFTER_TROUBLE


@pytest.mark.parametrize("is_first", [True, False])
def test_a_budget_that_is_used_up_lets_it_go_on_where_it_was(
    sandbox: Sandbox, connection: Connection, is_first: bool
) -> None:
    if not is_first:
        read(connection)
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    sandbox.fault("get_lists", "429", count=1, skip=1, retry_after="1")
    asked = len(sandbox.requests("get_lists"))
    known_lists = read(connection)
    assert known_lists.problem == ""
    assert known_lists.is_awaited is is_first
    assert len(known_lists.lists) == (10 if is_first else 0)
    budgets.forget()
    known_lists = read(connection)
    assert {f"List {number:02}" for number in range(25)} <= {item.name for item in known_lists.lists}
    assert len(known_lists.lists) == 25
    assert known_lists.is_awaited is False
    assert len(sandbox.requests("get_lists")) == asked + 4  # three pages, and the refusal of one


def test_an_account_with_more_lists_than_a_turn_is_long_takes_several(
    sandbox: Sandbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    monkeypatch.setattr(account_lists, "_now", iter(range(0, 10_000, 4)).__next__)
    turns = 1
    while read(connection).is_awaited:
        turns += 1
    assert turns > 2
    assert len(list_choices.of(connection).lists) == 25


def test_what_is_odd_about_a_name_is_left_out(connection: Connection, spoil: Spoil) -> None:
    odd = {"name": "Tea\0 \ud83d" + "x" * 300, "opt_in_process": "y\0" * 100}
    spoil("get_lists", lambda _: {"data": [{"type": "list", "id": "NwsLtr", "attributes": odd}]})
    [item] = read(connection).lists
    assert item.name.startswith("Tea ?xxx")
    assert len(item.name) == 255
    assert len(item.opt_in_process) == 64


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["Friends of Tea", "IRMAK", "Straße", "Ünal"]),
        (" OF  tea ", ["Friends of Tea"]),
        ("strasse", ["Straße"]),
        ("u\u0308nal", ["Ünal"]),
        ("irmak", ["IRMAK"]),
        ("L2", ["Straße"]),
        (" \0 ", []),
        ("%", []),
    ],
)
def test_a_list_is_found_by_any_part_of_its_name_or_id(words: str, found: list[str]) -> None:
    names = ("Friends of Tea", "IRMAK", "Straße", "Ünal")
    known_lists = KnownLists(tuple(List(f"L{number}", name, "") for number, name in enumerate(names)))
    assert [item.name for item in known_lists.searched(words, "")] == found


def test_what_is_chosen_comes_first_and_then_the_likeliest() -> None:
    names = ("A tea", "Best tea", "Tea", "Tea club", "Water")
    known_lists = KnownLists(tuple(List(f"L{number}", name, "") for number, name in enumerate(names)))
    assert [item.name for item in known_lists.searched("tea", "L4")] == [
        "Water",
        "Tea",
        "Tea club",
        "A tea",
        "Best tea",
    ]
    assert [item.name for item in known_lists.searched("", "L3")] == ["Tea club", "A tea", "Best tea", "Tea", "Water"]


@pytest.mark.parametrize("document", UNREADABLE, ids=as_ids)
def test_an_answer_that_cannot_be_read_is_a_sentence_on_the_page(
    setting: StoreSetting, spoil: Spoil, browser_of_the_operator: Client, document: Any
) -> None:
    spoil("get_lists", lambda _: document)
    read(setting.connection)
    page = browser_of_the_operator.get(reverse("klaviyo:settings_edit", args=[setting.pk]))
    assert page.status_code == 200
    assert "The lists cannot be shown" in page.content.decode()


def test_odd_items_are_passed_over(connection: Connection, spoil: Spoil) -> None:
    spoil("get_lists", lambda _: {"data": [*ODD_ITEMS, NEWS]})
    assert read(connection).lists == (NEWSLETTER,)


@pytest.mark.parametrize("attributes", [None, "x", [1], {}, {"name": 5, "opt_in_process": ["x"]}], ids=as_ids)
def test_a_list_without_a_name_can_be_chosen_all_the_same(
    connection: Connection, spoil: Spoil, attributes: Any
) -> None:
    spoil("get_lists", lambda _: {"data": [{"type": "list", "id": "NwsLtr", "attributes": attributes}]})
    assert read(connection).lists == (List("NwsLtr", "", ""),)


@pytest.mark.parametrize("links", ODD_LINKS, ids=as_ids)
def test_odd_links_lead_nowhere(connection: Connection, spoil: Spoil, links: Any) -> None:
    spoil("get_lists", lambda _: {"data": [NEWS], "links": links})
    known_lists = read(connection)
    assert (known_lists.lists, known_lists.problem) == ((NEWSLETTER,), "")


def test_a_next_page_without_an_address_is_said_to_be_missing(connection: Connection, spoil: Spoil) -> None:
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": "http://[bad"}})
    known_lists = read(connection)
    assert known_lists.lists == (NEWSLETTER,)
    assert known_lists.problem.startswith("Only the first 1 lists are shown")


def test_a_page_that_leads_to_itself_is_asked_for_once(sandbox: Sandbox, connection: Connection, spoil: Spoil) -> None:
    again = "https://elsewhere.test/api/lists?page%5Bsize%5D=10"
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": again}})
    assert read(connection).lists == (NEWSLETTER,)
    assert len(sandbox.requests("get_lists")) == 1
