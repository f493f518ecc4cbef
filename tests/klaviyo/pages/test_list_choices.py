"""The lists of an account are offered as far as a worker could read them; no page asks Klaviyo for them."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection
from klaviyo.api.lists import List
from klaviyo.models import AccountLists, StoreSetting
from klaviyo.pages import list_choices
from klaviyo.profiles import account_lists
from klaviyo.sandbox import Sandbox, SeedList
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


def read(connection: Connection) -> list_choices.Offer:
    """What is offered once a worker has looked."""
    account_lists.ask(connection)
    account_lists.take_all()
    return list_choices.of(connection)


def as_ids(value: Any) -> str:
    return json.dumps(value)[:60]


def test_every_page_is_read(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    offer = read(connection)
    assert {f"List {number:02}" for number in range(25)} <= {item.name for item in offer.lists}
    assert offer.problem == ""


@pytest.mark.parametrize("document", UNREADABLE, ids=as_ids)
def test_an_answer_that_cannot_be_read_is_a_sentence_on_the_page(
    setting: StoreSetting, spoil: Spoil, browser_of_the_operator: Client, document: Any
) -> None:
    spoil("get_lists", lambda _: document)
    read(setting.connection)
    page = browser_of_the_operator.get(reverse("klaviyo:settings_edit", args=[setting.pk]))
    assert page.status_code == 200
    assert "The lists could not be read the last time" in page.content.decode()


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
    assert read(connection).lists == (NEWSLETTER,)


def test_a_next_page_without_an_address_is_said_to_be_missing(connection: Connection, spoil: Spoil) -> None:
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": "http://[bad"}})
    offer = read(connection)
    assert offer.lists == (NEWSLETTER,)
    assert "Only the first 1 lists could be read" in offer.problem


def test_a_page_that_leads_to_itself_is_asked_for_once(sandbox: Sandbox, connection: Connection, spoil: Spoil) -> None:
    again = "https://elsewhere.test/api/lists?page%5Bsize%5D=10"
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": again}})
    assert read(connection).lists == (NEWSLETTER,)
    assert len(sandbox.requests("get_lists")) == 1


def test_no_page_about_settings_asks_klaviyo(
    sandbox: Sandbox, setting: StoreSetting, browser_of_the_operator: Client
) -> None:
    read(setting.connection)
    asked = len(sandbox.requests())
    edit = reverse("klaviyo:settings_edit", args=[setting.pk])
    search = reverse("klaviyo:lists", args=[setting.connection_id]) + "?name=list_id"
    for address in (edit, search, reverse("klaviyo:settings")):
        assert browser_of_the_operator.get(address).status_code == 200
    assert "being read again" in browser_of_the_operator.post(edit, {"read": "1"}).content.decode()
    assert len(sandbox.requests()) == asked
    account_lists.take_all()
    assert len(sandbox.requests()) > asked


def test_a_list_is_found_by_a_part_of_its_name_however_many_there_are(
    setting: StoreSetting, browser_of_the_operator: Client
) -> None:
    lists = [{"id": f"L{number:05}", "name": f"List {number:05}", "opt_in_process": ""} for number in range(1_000)]
    AccountLists.objects.create(connection=setting.connection, lists=lists, read_at=timezone.now())
    address = reverse("klaviyo:lists", args=[setting.connection_id])
    for words, count in (("ist 00999", 1), ("LIST 0099", 10), ("", 50), ("nowhere", 0)):
        found = browser_of_the_operator.get(address, {"name": "list_id", "words": words}).content.decode()
        assert found.count("<label") == count
    chosen = {"name": "list_id", "words": "", "chosen": "L00999"}
    assert 'value="L00999" checked' in browser_of_the_operator.get(address, chosen).content.decode()
    assert browser_of_the_operator.get(address, {"name": "state"}).status_code == 404
    typed = {"search": "list_id", "list_id_words": "ist 00998", "behaviour": "create"}
    page = browser_of_the_operator.post(reverse("klaviyo:settings_edit", args=[setting.pk]), typed)
    assert "List 00998" in page.content.decode()


def test_what_was_read_before_is_offered_while_klaviyo_fails(
    sandbox: Sandbox, connection: Connection, spoil: Spoil
) -> None:
    sandbox.put_lists(TEA, [SeedList("Friends of tea")])
    known = read(connection)
    assert [item.name for item in known.lists] == ["Friends of tea"]
    assert known.problem == ""
    spoil("get_lists", lambda _: {"data": None})
    offer = read(connection)
    assert (offer.lists, offer.read_at) == (known.lists, known.read_at)
    assert "could not be read the last time" in offer.problem
