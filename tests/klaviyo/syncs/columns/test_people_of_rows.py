"""Whom a row is about: one normal form of an address, a number or an id; what is cut or uncertain is refused."""

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.api import values
from klaviyo.syncs.columns import people
from klaviyo.syncs.columns.cells import Trouble
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import UNHURRIED, mapping, refused, told, value, why_not

PHONE = {"kind": "phone_number", "column": "phone", "country": "DE", "country_column": "country"}


def by_phone(number: object, country: object = None, default: str = "DE") -> Any:
    return mapping(["phone", "country"], identity=PHONE | {"country": default}).apply(Row(2, (number, country)))


@pytest.mark.parametrize(
    ("cell", "identity"),
    [
        ("ann@tea.test", "ann@tea.test"),
        (" Ann@Tea.Test\n", "ann@tea.test"),
        ("ann@Ko\u0308ln.example", "ann@xn--kln-sna.example"),
        ("ann@K\u00d6LN.example", "ann@xn--kln-sna.example"),
        ("ann+tea@tea.test", "ann+tea@tea.test"),
        ("o'neill@tea.test", "o'neill@tea.test"),
    ],
)
def test_an_address_is_compared_in_one_form(cell: str, identity: str) -> None:
    made = told(mapping(["email"]).apply(Row(2, (cell,))))
    assert (made.identity, made.payload) == (identity, {"email": identity})


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "email: is empty"),
        ("", "email: is empty"),
        ("  ", "email: is empty"),
        ("ann", "email: is malformed; correct it in the source"),
        ("Ann <ann@tea.test>", "email: is malformed"),
        ("ann@tea.test, ben@tea.test", "email: is malformed"),
        ("ann\u200b@tea.test", "email: is malformed"),
        ("f\ud83dx@tea.test", "email: half of a character"),
        ("ann@tea\0.test", "email: a NUL character"),
        ("a" * 95 + "@x.test", "email: is longer than 100 characters"),
        ("jörg@tea.test", "email: is malformed"),
        (5, "email: is malformed"),
        (b"ann@tea.test", "email: holds bytes"),
    ],
)
def test_what_is_no_address_is_refused(cell: object, why: str) -> None:
    assert refused(mapping(["email"]).apply(Row(2, (cell,)))).startswith(why)


@UNHURRIED
@given(st.from_regex(r"[ -~]{1,12}@[ -~]{1,20}", fullmatch=True) | st.emails())
def test_what_the_short_way_lets_through_is_an_address_for_the_product_as_well(text: str) -> None:
    if people._USUAL(text) and len(text) <= values.LONGEST_EMAIL:
        assert values.email_problem(text) == ""
        assert values.address(text).lower() == text


@UNHURRIED
@given(st.emails() | st.text(max_size=30))
def test_the_form_of_an_address_is_its_own_form(text: str) -> None:
    try:
        once = people.email(text)
    except Trouble:
        return
    assert people.email(once) == once == people.email(f" {unicodedata.normalize('NFD', text)} ") == once.lower()


@pytest.mark.parametrize(
    ("number", "country", "e164"),
    [
        ("'+442079460018", "GB", "+442079460018"),
        ("'(212) 555-0142", "US", "+12125550142"),
        ("'+493012345678", "DE", "+493012345678"),
        ("+49 (0)30 123456-78", None, "+493012345678"),
        ("0151 23456789", None, "+4915123456789"),
        ("0151 23456789", "", "+4915123456789"),
        ("0049 151 23456789", None, "+4915123456789"),
        ("07911 123456", "GB", "+447911123456"),
        ("07911 123456", "uk", "+447911123456"),
        ("+4915123456789.0", None, "+4915123456789"),
        ("015123456789.0", None, "+4915123456789"),
        ("+4915123456789", "Germany", "+4915123456789"),
    ],
)
def test_a_phone_number_is_read_as_e164(number: object, country: str | None, e164: str) -> None:
    made = told(by_phone(number, country))
    assert (made.identity, made.payload) == (e164, {"phone_number": e164})


@pytest.mark.parametrize(
    ("number", "country", "why"),
    [
        ("", None, "phone: is empty"),
        (" ", None, "phone: is empty"),
        ("4.91512E+12", None, "phone: a spreadsheet has cut its digits"),
        ("4,91512E+12", None, "phone: a spreadsheet has cut its digits"),
        ("'4.9E12", None, "phone: a spreadsheet has cut its digits"),
        ("call me", None, "phone: is no phone number that can exist in DE"),
        ("+999 123", None, "phone: is no phone number that can exist: correct it"),
        ("030 123456", None, "phone: may be a number of another country than DE"),
        (4915123456789, None, "phone: may be a number of another country than DE"),
        (4915123456789.0, None, "phone: may be a number of another country than DE"),
        (4915123456789.5, None, "phone: is a number, but no phone number"),
        (Decimal("49.5"), None, "phone: is a number, but no phone number"),
        (True, None, "phone: true is no phone number"),
        ("0151 23456789", "Germany", "country: is no country in two letters, like DE"),
        ("+4915123456789; +4915123456780", None, "phone: holds more than one phone number"),
        ("+4915123456789 +4915123456780", None, "phone: holds more than one phone number"),
        ("015123456789, 015123456780", None, "phone: holds more than one phone number"),
        ("f\ud83dx", None, "phone: half of a character"),
    ],
)
def test_a_number_that_is_cut_or_uncertain_is_refused(number: object, country: str | None, why: str) -> None:
    assert refused(by_phone(number, country)).startswith(why)


def test_without_any_country_a_number_needs_its_own_code() -> None:
    assert refused(by_phone("0151 23456789", None, default="")).startswith("phone: has no country code: write it like")
    assert told(by_phone("+4915123456789", None, default="")).identity == "+4915123456789"


@UNHURRIED
@given(st.text(max_size=25) | st.from_regex(r"[+0-9 ()./-]{3,20}", fullmatch=True))
def test_a_number_is_the_products_reading_of_it_or_refused(text: str) -> None:
    made = by_phone(text, "FR")
    if not hasattr(made, "reason"):
        assert values.phone(made.identity, "") == made.identity


def test_other_numbers_of_a_row_are_read_alike() -> None:
    fields = {"field": "phone_number", "column": "tel", "country_column": "land", "when_empty": "clear"}
    made = mapping(["email", "tel", "land"], fields)
    assert told(made.apply(Row(2, ("a@tea.test", "07911 123456", "GB")))).payload["phone_number"] == "+447911123456"
    assert told(made.apply(Row(2, ("a@tea.test", "", "GB")))).clears == ("phone_number",)
    assert refused(made.apply(Row(2, ("a@tea.test", "07911 123456", "England")))).startswith("land: is no country")


def test_a_number_and_an_address_may_be_empty_where_they_are_not_the_identity() -> None:
    fields = [{"field": "email", "column": "mail"}, {"field": "phone_number", "column": "tel"}]
    made = mapping(["id", "mail", "tel"], *fields, identity={"kind": "external_id", "column": "id"})
    assert told(made.apply(Row(2, (" 007 ", "", None)))) == ("007", {"external_id": "007"}, (), ())
    assert told(made.apply(Row(2, ("7", " B@Tea.test", None)))).payload == {"external_id": "7", "email": "b@tea.test"}
    assert refused(made.apply(Row(2, ("7", "b@", None)))).startswith("mail: is malformed")


@pytest.mark.parametrize(
    ("kind", "cell", "identity"),
    [
        ("external_id", "'7001", "7001"),
        ("external_id", 9007199254740993, "9007199254740993"),
        ("external_id", "05", "05"),
        ("external_id", "Gro\u0308ße 5", "Größe 5"),
        ("id", " 01HQ-a_9 ", "01HQ-a_9"),
    ],
)
def test_ids_are_text(kind: str, cell: object, identity: str) -> None:
    made = told(mapping(["x"], identity={"kind": kind, "column": "x"}).apply(Row(2, (cell,))))
    assert made.identity == identity
    assert made.payload == ({"external_id": identity} if kind == "external_id" else {})


@pytest.mark.parametrize(
    ("kind", "cell", "why"),
    [
        ("external_id", " ", "x: is empty"),
        ("external_id", "a" * 256, "x: is longer than 255 characters"),
        ("external_id", float("nan"), "x: NaN is no number"),
        ("id", "ann@tea.test", "x: can be no id of Klaviyo's: the id field takes only Klaviyo's own ids"),
        ("id", "", "x: is empty"),
    ],
)
def test_what_can_be_no_id_is_refused(kind: str, cell: object, why: str) -> None:
    assert refused(mapping(["x"], identity={"kind": kind, "column": "x"}).apply(Row(2, (cell,)))).startswith(why)


def test_nobodys_address_stands_in_a_reason() -> None:
    for type in ("number", "yes_no", "date", "moment", "json"):
        assert "ann" not in why_not("ann@tea.test", type=type)
    assert value("ann@tea.test") == "ann@tea.test"
