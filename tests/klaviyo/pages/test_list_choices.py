"""The lists of an account are offered as far as they can be read; nothing in an answer breaks the page."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection
from klaviyo.api.lists import List
from klaviyo.models import StoreSetting
from klaviyo.pages import list_choices
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


def as_ids(value: Any) -> str:
    return json.dumps(value)[:60]


def test_every_page_is_read(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.put_lists(TEA, [SeedList(f"List {number:02}") for number in range(25)])
    offer = list_choices.of(connection)
    assert {f"List {number:02}" for number in range(25)} <= {item.name for item in offer.lists}
    assert offer.problem == ""


@pytest.mark.parametrize("document", UNREADABLE, ids=as_ids)
def test_an_answer_that_cannot_be_read_is_a_sentence_on_the_page(
    setting: StoreSetting, spoil: Spoil, browser_of_the_operator: Client, document: Any
) -> None:
    spoil("get_lists", lambda _: document)
    page = browser_of_the_operator.get(reverse("klaviyo:settings_edit", args=[setting.pk]))
    assert page.status_code == 200
    assert "The lists cannot be shown" in page.content.decode()


def test_odd_items_are_passed_over(connection: Connection, spoil: Spoil) -> None:
    spoil("get_lists", lambda _: {"data": [*ODD_ITEMS, NEWS]})
    assert list_choices.of(connection) == list_choices.Offer((NEWSLETTER,))


@pytest.mark.parametrize("attributes", [None, "x", [1], {}, {"name": 5, "opt_in_process": ["x"]}], ids=as_ids)
def test_a_list_without_a_name_can_be_chosen_all_the_same(
    connection: Connection, spoil: Spoil, attributes: Any
) -> None:
    spoil("get_lists", lambda _: {"data": [{"type": "list", "id": "NwsLtr", "attributes": attributes}]})
    assert list_choices.of(connection).lists == (List("NwsLtr", "", ""),)


@pytest.mark.parametrize("links", ODD_LINKS, ids=as_ids)
def test_odd_links_lead_nowhere(connection: Connection, spoil: Spoil, links: Any) -> None:
    spoil("get_lists", lambda _: {"data": [NEWS], "links": links})
    assert list_choices.of(connection) == list_choices.Offer((NEWSLETTER,))


def test_a_next_page_without_an_address_is_said_to_be_missing(connection: Connection, spoil: Spoil) -> None:
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": "http://[bad"}})
    offer = list_choices.of(connection)
    assert offer.lists == (NEWSLETTER,)
    assert offer.problem.startswith("Only the first 1 lists are shown")


def test_a_page_that_leads_to_itself_is_asked_for_once(sandbox: Sandbox, connection: Connection, spoil: Spoil) -> None:
    again = "https://elsewhere.test/api/lists?page%5Bsize%5D=10"
    spoil("get_lists", lambda _: {"data": [NEWS], "links": {"next": again}})
    assert list_choices.of(connection).lists == (NEWSLETTER,)
    assert len(sandbox.requests("get_lists")) == 1
