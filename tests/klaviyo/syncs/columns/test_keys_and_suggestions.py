"""Keys are text with all their digits; suggestions know headers in five languages, and never swap a day and a month."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.syncs.columns import header_words
from klaviyo.syncs.columns.keys import key_of
from klaviyo.syncs.columns.mapped import Refused
from klaviyo.syncs.columns.suggest import Proposal, suggest
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import UNHURRIED, problems

HEADERS = {
    "Email": "email",
    "E-Mail": "email",
    "email_address": "email",
    "Correo electrónico": "email",
    "First Name": "first_name",
    "firstName": "first_name",
    "VORNAME": "first_name",
    "Prénom": "first_name",
    "Last Name": "last_name",
    "Nachname": "last_name",
    "Cognome": "last_name",
    "Company": "organization",
    "Company Name": "organization",
    "Firma": "organization",
    "Tel.": "phone_number",
    "Phone Number": "phone_number",
    "Numéro de téléphone": "phone_number",
    "Customer ID": "external_id",
    "Kunden-Nr.": "external_id",
    "Default Address Country Code": "location.country",
    "Default Address Address1": "location.address1",
    "Billing Zip": "location.zip",
    "Straße": "location.address1",
    "PLZ": "location.zip",
    "Provincia": "location.region",
    "Città": "location.city",
    "lat": "location.latitude",
    "Time Zone": "location.timezone",
    "Language": "locale",
}
NO_FIELDS = [
    "Accepts Email Marketing",
    "Email Status",
    "Emails sent",
    "Name",
    "Billing Name",
    "Billing Company",
    "Status",
    "Total Spent",
    "Note",
    "Tags",
    "id",
    "",
    "☎",
]


@pytest.mark.parametrize(("header", "field"), HEADERS.items())
def test_a_header_of_the_table_is_its_field(header: str, field: str) -> None:
    (one,) = suggest([header])
    assert (one.field, one.is_known) == (field, True)


@pytest.mark.parametrize("header", NO_FIELDS)
def test_a_header_that_only_looks_alike_is_none_of_klaviyos_fields(header: str) -> None:
    (one,) = suggest([header])
    assert not one.is_known
    assert one.field in (f"properties.{header}", "")


def test_the_table_is_large_enough_and_says_nothing_twice() -> None:
    for table in (header_words.HEADERS, header_words.OF_EVENTS):
        meanings: dict[str, set[str]] = {}
        for field, words in table.items():
            for word in words.split(";"):
                meanings.setdefault(header_words.fold(word), set()).add(field)
        assert {word: fields for word, fields in meanings.items() if len(fields) > 1} == {}
        assert "" not in meanings
    assert len(header_words._table(False)) >= 150


def test_one_field_is_proposed_once() -> None:
    assert [one.field for one in suggest(["Email", "E-Mail", "Mail"])] == [
        "email",
        "properties.E-Mail",
        "properties.Mail",
    ]


@pytest.mark.parametrize("header", ["$consent", "sorae_code", "Sorae_Code", "a\u200bb", "x" * 300, " "])
def test_no_property_is_proposed_that_is_closed(header: str) -> None:
    assert [one.field for one in suggest([header])] == [""]


@pytest.mark.parametrize(
    ("header", "cells", "type", "form", "decimal"),
    [
        ("a", ["1", "2.5"], "number", "", "."),
        ("a", ["1", "2"], "number", "", ""),
        ("a", ["1", "2,5"], "number", "", ","),
        ("a", ["1.234,50", "12,00"], "number", "", ","),
        ("a", ["1,234", "2,500"], "number", "", ""),
        ("a", ["007", "8"], "text", "", ""),
        ("a", ["123456789012"], "text", "", ""),
        ("a", ["+4915123456789"], "text", "", ""),
        ("a", ["1", "x"], "text", "", ""),
        ("a", ["yes", "No", ""], "yes_no", "", ""),
        ("a", ["1", "0"], "number", "", ""),
        ("a", ["2026-03-29", "2026-03-30"], "date", "iso", ""),
        ("a", ["2026-03-29T10:00Z"], "moment", "iso", ""),
        ("a", ["13/04/2026"], "date", "dd/mm/yyyy", ""),
        ("a", ["03/04/2026"], "date", "ambiguous", ""),
        ("a", ["46110", "46111"], "number", "", ""),
        ("Tags", ["vip, tea", "new"], "list", "", ""),
        ("a", ["[1]", "[]"], "list", "", ""),
        ("a", ['{"a": 1}'], "json", "", ""),
        ("a", [True, None, False], "yes_no", "", ""),
        ("a", [1, Decimal("2.50"), 0.5], "number", "", ""),
        ("a", [date(2026, 3, 29)], "date", "iso", ""),
        ("a", [[1], []], "list", "", ""),
        ("a", [{"a": 1}, [1]], "json", "", ""),
        ("a", [1, "1"], "text", "", ""),
        ("a", [None, ""], "text", "", ""),
    ],
)
def test_a_type_is_proposed_of_what_is_seen(
    header: str, cells: list[object], type: str, form: str, decimal: str
) -> None:
    (one,) = suggest([header], [(cell,) for cell in cells])
    assert (one.type, one.form, one.decimal) == (type, form, decimal)


def test_of_the_shop_export_each_column_is_what_it_says() -> None:
    columns = ["Customer ID", "Email", "Accepts Email Marketing", "Phone", "Accepts SMS Marketing", "Total Orders"]
    rows = [("'7001", "a@tea.test", "yes", "'+442079460018", "no", "3"), ("'7002", "", "no", "", "yes", "0")]
    assert suggest(columns, rows) == [
        Proposal("Customer ID", "external_id", True),
        Proposal("Email", "email", True),
        Proposal("Accepts Email Marketing", "properties.Accepts Email Marketing", False, "yes_no"),
        Proposal("Phone", "phone_number", True),
        Proposal("Accepts SMS Marketing", "properties.Accepts SMS Marketing", False, "yes_no"),
        Proposal("Total Orders", "properties.Total Orders", False, "number"),
    ]
    proposed = {one.field: one for one in suggest(columns, rows, destination="subscriptions")}
    assert proposed["consent.email"].yes == ("yes",)
    assert proposed["consent.sms"].yes == ("yes",)


def test_words_of_consent_are_proposed_as_they_are_written() -> None:
    words = ["yes", "TRUE", "1", "Subscribed", "no", "0", "never", "unsubscribed", "double opt-in?"]
    (one,) = suggest(["Newsletter"], [(word,) for word in words], destination="subscriptions")
    assert one.yes == ("yes", "TRUE", "1", "Subscribed")


def test_of_an_events_table_value_currency_time_and_metric_are_proposed() -> None:
    columns = ["Event", "Total", "Currency", "Created at", "Email", "Gift"]
    found = suggest(columns, [("Ordered", "12,50", "EUR", "2026-03-29T10:00Z", "a@t.test", "no")], destination="events")
    assert [one.field for one in found] == ["metric", "value", "value_currency", "time", "email", "properties.Gift"]
    assert found[1].as_json() == {"field": "value", "column": "Total", "type": "number", "decimal": ","}
    assert found[3].form == "iso"


@UNHURRIED
@given(st.lists(st.text(max_size=12) | st.sampled_from([*HEADERS, *NO_FIELDS]), min_size=1, max_size=6, unique=True))
def test_what_is_proposed_is_a_mapping_that_holds(columns: list[str]) -> None:
    fields: list[dict[str, Any]] = [one.as_json() for one in suggest(columns) if one.field]
    identity = {"kind": "id", "column": "id of Klaviyo's"}
    assert problems({"identity": identity, "fields": fields}, [*columns, "id of Klaviyo's"]) == {}


@pytest.mark.parametrize(
    ("cells", "places", "key"),
    [
        ((" 4",), [0], "4"),
        (("05",), [0], "05"),
        (("5",), [0], "5"),
        (("'7001",), [0], "7001"),
        ((9007199254740993,), [0], "9007199254740993"),
        ((1001.0,), [0], "1001"),
        ((Decimal("5.00"),), [0], "5.00"),
        ((date(2026, 3, 29),), [0], "2026-03-29"),
        ((False, 0), [0], "false"),
        (("a", "b"), [1, 0], '["b","a"]'),
        (('a","b', "c"), [0, 1], '["a\\",\\"b","c"]'),
        (("Köln", 5), [0, 1], '["Köln","5"]'),
    ],
)
def test_a_key_is_text(cells: tuple[object, ...], places: list[int], key: str) -> None:
    assert key_of(Row(2, cells), places) == key


@pytest.mark.parametrize(
    ("cells", "places", "why"),
    [
        (("",), [0], "customer_id: is empty: each row needs a key of its own"),
        ((None, "x"), [0, 1], "customer_id: is empty"),
        (("x", " "), [0, 1], "shop: is empty"),
        (("x",), [0, 1], "shop: is empty"),
        (("f\ud83d",), [0], "customer_id: half of a character"),
        ((float("nan"),), [0], "customer_id: NaN is no number"),
        (("a" * 501,), [0], "customer_id: is longer than 500 characters"),
        (("a" * 300, "b" * 300), [0, 1], "shop: is longer than 500 characters"),
        ((b"raw",), [0], "customer_id: holds bytes"),
    ],
)
def test_a_row_without_a_key_is_refused(cells: tuple[object, ...], places: list[int], why: str) -> None:
    found = key_of(Row(2, cells), places, ["customer_id", "shop"])
    assert isinstance(found, Refused)
    assert f"{found.field}: {found.reason}".startswith(why)


def test_a_key_has_a_column() -> None:
    with pytest.raises(ValueError, match="key column"):
        key_of(Row(2, ("a",)), [])
    assert key_of(Row(2, ("",)), [0]) == Refused("key column 1", "is empty: each row needs a key of its own")


@UNHURRIED
@given(*[st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=2)] * 2)
def test_two_keys_of_several_columns_are_never_one(one: list[str], other: list[str]) -> None:
    keys = [key_of(Row(2, tuple(cells)), [0, 1]) for cells in (one, other)]
    trimmed = [[cell.strip() for cell in cells] for cells in (one, other)]
    if all(isinstance(key, str) for key in keys) and not any("'" in cell for cell in (*one, *other)):
        assert (keys[0] == keys[1]) == (trimmed[0] == trimmed[1])
