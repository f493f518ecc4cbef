"""Whose access it is: what Klaviyo says of an account is read with caution, and never taken for another account."""

import json
from typing import Any

import pytest

from integrations import connections
from integrations.models import Connection
from tests.conftest import Connect
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

HALF = "\ud83d"
UNREADABLE: list[Any] = [
    {},
    {"data": None},
    {"data": {}},
    {"data": "x"},
    {"data": []},
    {"data": [None]},
    {"data": ["x"]},
    {"data": [{}]},
    *({"data": [{"id": odd, "attributes": {}}]} for odd in (None, "", 7, True, [TEA], {"a": 1}, HALF, "x" * 500)),
]
ODD_ATTRIBUTES: list[Any] = [
    None,
    "x",
    [1],
    {"contact_information": "x"},
    {"contact_information": [1]},
    {"contact_information": {"organization_name": 5}, "timezone": 5, "preferred_currency": ["E"]},
]


def as_ids(value: Any) -> str:
    return json.dumps(value)[:60]


@pytest.mark.parametrize("document", UNREADABLE, ids=as_ids)
def test_an_account_that_cannot_be_read_is_not_another_one(connection: Connection, spoil: Spoil, document: Any) -> None:
    spoil("get_accounts", lambda _: document)
    assert connections.probe(connection).code == "unreadable_answer"
    assert Connection.objects.get().is_connected


@pytest.mark.parametrize("document", UNREADABLE, ids=as_ids)
def test_nobody_is_connected_to_an_account_that_cannot_be_read(connect: Connect, spoil: Spoil, document: Any) -> None:
    spoil("get_accounts", lambda _: document)
    assert connect().status_code < 500
    assert not Connection.objects.filter(state=Connection.State.CONNECTED).exists()


@pytest.mark.parametrize("attributes", ODD_ATTRIBUTES, ids=as_ids)
def test_a_consent_is_kept_whatever_the_account_says_of_itself(connect: Connect, spoil: Spoil, attributes: Any) -> None:
    spoil("get_accounts", lambda _: {"data": [{"type": "account", "id": TEA, "attributes": attributes}]})
    assert connect().status_code == 302
    connection = Connection.objects.get()
    assert connection.is_connected
    assert (connection.account_id, connection.account_name) == (TEA, TEA)
    assert (connection.timezone, connection.currency) == ("", "")


def test_a_name_that_no_database_takes_is_cleaned(connect: Connect, spoil: Spoil) -> None:
    attributes = {"contact_information": {"organization_name": f"Tea\0 {HALF}House"}, "timezone": HALF}
    spoil("get_accounts", lambda _: {"data": [{"type": "account", "id": TEA, "attributes": attributes}]})
    connect()
    assert Connection.objects.get().account_name == "Tea ?House"
