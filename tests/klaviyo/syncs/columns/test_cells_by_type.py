"""Cells become what their type says, or are refused in words; nothing ambiguous is guessed."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.klaviyo.syncs.columns.rows import value, warned, why_not

TEXTS = [
    ("Köln", "Köln"),
    (" ", " "),
    ("0", "0"),
    ("false", "false"),
    ("line one\nline two", "line one\nline two"),
    ("'7001", "7001"),
    ("'+442079460018", "+442079460018"),
    ("'t Hooft", "'t Hooft"),
    ("''7", "''7"),
    ("'90s kid", "'90s kid"),
    (0, "0"),
    (False, "false"),
    (True, "true"),
    (9007199254740993, "9007199254740993"),
    (5.0, "5"),
    (0.1, "0.1"),
    (Decimal("49.90"), "49.90"),
    (Decimal("1E+2"), "100"),
    (Decimal("0.0000001"), "0.0000001"),
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (date(2026, 3, 29), "2026-03-29"),
    ({"a": [1, Decimal("0.10")]}, '{"a":[1,"0.10"]}'),
]
NO_TEXTS = [
    ("f\ud83dx", "x: half of a character"),
    ("a\0b", "x: a NUL character"),
    ("é" * 60_000, "x: is longer than 100000 bytes"),
    (b"raw", "x: holds bytes"),
    (float("nan"), "x: NaN is no number"),
]
NUMBERS = [
    ("0", None, 0),
    ("-0", None, 0),
    ("007", None, 7),
    ("3", ",", 3),
    ("149.90", None, 149.9),
    ("0.00", None, 0.0),
    ("-12.5", ".", -12.5),
    (" 12.5 ", None, 12.5),
    ("'12", None, 12),
    (".5", None, 0.5),
    ("1e2", None, 100),
    ("1.5E-3", None, 0.0015),
    ("1,234.50", None, 1234.5),
    ("1,234,567", None, 1234567),
    ("1,234", ".", 1234),
    ("1.234,50", ",", 1234.5),
    ("12,00", ",", 12.0),
    ("1.234", ",", 1234),
    ("1 234,50", ",", 1234.5),
    ("1\u202f234\u202f567,5", ",", 1234567.5),
    ("1'234.50", None, 1234.5),
    ("9007199254740992", None, 9007199254740992),
    (0, None, 0),
    (Decimal("49.90"), None, 49.9),
    (Decimal("25.0000000000000000"), None, 25.0),
    (Decimal("1E+2"), None, 100),
    (2.5, None, 2.5),
]
NO_NUMBERS = [
    ("NaN", None, "x: NaN is no number"),
    ("-", None, "x: - is no number"),
    ("null", None, "x: null is no number"),
    ("N/A", None, "x: N/A is no number"),
    (" ", None, "x: a blank is no number"),
    ("inf", None, "x: inf is no number"),
    ("Infinity", ",", "x: Infinity is no number"),
    ("1_000", None, "x: 1_000 is no number"),
    ("0x10", None, "x: 0x10 is no number"),
    ("١٢", None, "x: ١٢ is no number"),
    ("1,234", None, "x: 1,234 can be read in two ways"),
    ("12,50", None, "x: 12,50 is no number with a decimal point: choose the decimal comma"),
    ("1.234,50", None, "x: 1.234,50 is no number with a decimal point: choose the decimal comma"),
    ("12.50", ",", "x: 12.50 is no number with a decimal comma: choose the decimal point"),
    ("1,23,456.0", None, "x: 1,23,456.0 is no number"),
    ("1 23", None, "x: 1 23 is no number"),
    ("1,234 567", None, "x: 1,234 567 is no number"),
    ("€ 12", None, "x: € 12 has a currency sign"),
    ("12,50 €", ",", "x: 12,50 € has a currency sign"),
    ("$5", None, "x: $5 has a currency sign"),
    ("12 EUR", None, "x: 12 EUR is no number"),
    ("5%", None, "x: 5% has a per cent sign"),
    ("1e999999", None, "x: 1e999999 is too large"),
    ("1e400", None, "x: is too large for a number"),
    ("1" * 401, None, "x: 1111111111111111111111111111111111111111… is no number"),
    ("ann@tea.test", None, "x: the value is no number"),
    (True, None, "x: true is no number"),
    (float("nan"), None, "x: NaN is no number"),
    (Decimal("sNaN"), None, "x: NaN is no number"),
    (float("-inf"), None, "x: infinity is no number"),
    (date(2026, 1, 1), None, "x: 2026-01-01 is no number"),
]
BEYOND = "x: is beyond 2^53, where numbers lose digits; it is told as text"
MORE = "x: has more digits than a number keeps; the nearest number is told"


@pytest.mark.parametrize(("cell", "text"), TEXTS)
def test_text_stays_as_it_stands(cell: object, text: str) -> None:
    assert value(cell) == text
    assert warned(cell) == ()


@pytest.mark.parametrize(("cell", "why"), NO_TEXTS)
def test_what_is_no_text_is_refused(cell: object, why: str) -> None:
    assert why_not(cell).startswith(why)


@pytest.mark.parametrize(("cell", "decimal", "number"), NUMBERS)
def test_a_number_keeps_its_digits(cell: object, decimal: str | None, number: float) -> None:
    made = value(cell, type="number", decimal=decimal)
    assert (made, type(made)) == (number, type(number))
    assert warned(cell, type="number", decimal=decimal) == ()


@pytest.mark.parametrize(("cell", "decimal", "why"), NO_NUMBERS)
def test_what_is_no_number_or_could_be_two_is_refused(cell: object, decimal: str | None, why: str) -> None:
    assert why_not(cell, type="number", decimal=decimal).startswith(why)


@pytest.mark.parametrize(
    ("cell", "made", "warning"),
    [
        ("9007199254740993", "9007199254740993", BEYOND),
        (-9007199254740993, "-9007199254740993", BEYOND),
        (Decimal("9007199254740993.0"), "9007199254740993", BEYOND),
        ("12345678901234567890123", "12345678901234567890123", BEYOND),
        (Decimal("33.3333333333333333"), 33.333333333333336, MORE),
        ("0.12345678901234567890", 0.12345678901234568, MORE),
    ],
)
def test_digits_that_a_number_would_lose_are_told_of(cell: object, made: object, warning: str) -> None:
    assert value(cell, type="number") == made
    assert warned(cell, type="number") == (warning,)


def test_a_minus_before_nought_is_none() -> None:
    assert json.dumps([value(cell, type="number") for cell in ("-0", "-0.0", -0.0, Decimal("-0.00"))]) == (
        "[0, 0.0, 0.0, 0.0]"
    )


@pytest.mark.parametrize("cell", ["yes", "TRUE", " Ja ", "1", "VRAI", "sí", True, 1, Decimal(1), 1.0, "y"])
def test_what_can_only_be_a_yes_is_one(cell: object) -> None:
    assert value(cell, type="yes_no") is True


@pytest.mark.parametrize("cell", ["no", "False", "NEIN", "0", "falso", False, 0, Decimal(0), "n"])
def test_what_can_only_be_a_no_is_one(cell: object) -> None:
    assert value(cell, type="yes_no") is False


@pytest.mark.parametrize("cell", ["maybe", "2", 2, "x", "-", " ", "null"])
def test_everything_else_is_neither_yes_nor_no(cell: object) -> None:
    assert "is neither yes nor no" in why_not(cell, type="yes_no")


@pytest.mark.parametrize(
    ("cell", "more", "made"),
    [
        ("vip, london", {}, ["vip", "london"]),
        ("vip,, london ,", {}, ["vip", "london"]),
        ("vip|Köln", {"separator": "|"}, ["vip", "Köln"]),
        ("VIP, London", {"transforms": ["lower"]}, ["vip", "london"]),
        ('["a, b", 2, null]', {}, ["a, b", 2, None]),
        ([{"sku": "A1", "qty": 2}], {}, [{"sku": "A1", "qty": 2}]),
        (("a", "b"), {}, ["a", "b"]),
        ({"b", "a"}, {}, ["a", "b"]),
        (5, {}, [5]),
        ([], {}, []),
        (" , ", {}, None),
    ],
)
def test_a_list_is_json_or_what_stands_between_separators(cell: object, more: dict[str, Any], made: object) -> None:
    assert value(cell, type="list", **more) == made


@pytest.mark.parametrize(
    ("cell", "made"),
    [
        ('{"a": [1, 2.50, true, null]}', {"a": [1, 2.5, True, None]}),
        ("5", 5),
        ('"five"', "five"),
        ({"at": datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "on": date(2026, 3, 29)}, None),
        ("null", None),
    ],
)
def test_json_is_read_as_it_is(cell: object, made: object) -> None:
    if isinstance(cell, dict):
        made = {"at": "2026-03-29T01:30:00Z", "on": "2026-03-29"}
    assert value(cell, type="json") == made


@pytest.mark.parametrize(
    ("cell", "type", "why"),
    [
        ("[1, 2", "list", "x: [1, 2 is no JSON"),
        ("{", "json", "x: { is no JSON"),
        ("[NaN]", "json", "x: NaN is no number that JSON has"),
        ("[1e999999999999]", "json", "x: "),
        ("[" * 100_000, "json", "x: "),
        ("9" * 5_000, "json", "x: "),
        ('{"a": "\\ud83d"}', "json", "x: half of a character"),
        ('{"\\u0000": 1}', "json", "x: a NUL character"),
        (json.dumps([[[[[[[[[[[1]]]]]]]]]]]), "json", "x: is nested too deep"),
        (list(range(4001)), "list", "x: has 4001 items, and Klaviyo takes 4000"),
        (",".join("a" * 4001), "list", "x: has 4001 items, and Klaviyo takes 4000"),
    ],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(cell: object, type: str, why: str) -> None:
    assert why_not(cell, type=type).startswith(why)


def test_a_number_inside_json_that_would_lose_digits_is_text() -> None:
    assert value('{"id": 9007199254740993}', type="json") == {"id": "9007199254740993"}
    assert warned('{"id": 9007199254740993}', type="json") == (BEYOND,)


@pytest.mark.parametrize("type", ["text", "number", "yes_no", "date", "moment", "list", "json"])
@pytest.mark.parametrize("cell", [None, ""])
def test_only_the_empty_cell_is_empty(cell: object, type: str) -> None:
    assert value(cell, type=type) is None


@pytest.mark.parametrize(
    ("cell", "words", "made"),
    [
        ("NULL", [], "NULL"),
        ("NULL", ["NULL"], None),
        (" NULL ", ["NULL"], None),
        ("Null", ["NULL"], "Null"),
        ("\\N", ["NULL", "\\N"], None),
        ("-", ["-"], None),
        (" ", [" "], None),
        (-1, ["-1"], None),
        (False, ["0"], "false"),
    ],
)
def test_other_words_are_empty_only_where_they_are_ticked(cell: object, words: list[str], made: str | None) -> None:
    assert value(cell, empty_words=words) == made


def test_a_word_for_empty_is_none_for_a_number_either() -> None:
    assert value("NaN", type="number", empty_words=["NaN"]) is None
    assert value(float("nan"), type="number", empty_words=["nan"]) is None
    assert why_not("null", type="number").startswith("x: null is no number")


@pytest.mark.parametrize(
    ("cell", "transforms", "made"),
    [
        (" Ann ", ["trim"], "Ann"),
        ("  ", ["trim"], None),
        ("ANN-MARIE O'NEILL", ["title"], "Ann-Marie O'Neill"),
        ("it's", ["title"], "It's"),
        ("ÉMILE d'angelo", ["title"], "Émile D'Angelo"),
        (" Köln", ["trim", "upper"], "KÖLN"),
        ("ŁÓDŹ", ["lower"], "łódź"),
    ],
)
def test_transforms_are_done_in_their_order(cell: str, transforms: list[str], made: str | None) -> None:
    assert value(cell, transforms=transforms) == made


def test_a_blank_that_is_trimmed_is_empty_for_every_type() -> None:
    for type in ("number", "yes_no", "date", "moment", "json"):
        assert value("  ", type=type, transforms=["trim"]) is None
