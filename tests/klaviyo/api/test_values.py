"""What cannot be sent is trimmed or refused before any request, with a reason."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.api import values

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(st.text(alphabet=st.characters()), ANYTHING, max_size=8))
def test_whatever_comes_in_goes_out_as_json_that_a_database_takes(raw: dict[str, Any]) -> None:
    kept, _ = values.properties(raw)
    as_json = json.dumps(kept, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in as_json
    as_json.encode("utf-8")
    assert values.properties(kept)[0] == kept


def test_what_says_nothing_is_left_out_but_zero_and_false_stay() -> None:
    kept, warnings = values.properties({"a": None, "b": "", "c": [], "d": 0, "e": False})
    assert kept == {"d": 0, "e": False}
    assert warnings == []


def test_not_a_number_is_left_out_with_a_warning() -> None:
    kept, warnings = values.properties({"total": float("nan"), "other": float("inf"), "fine": 1.5})
    assert kept == {"fine": 1.5}
    assert warnings == ["total was left out: it is not a number.", "other was left out: it is not a number."]


def test_a_huge_string_is_cut_at_a_whole_character() -> None:
    kept, warnings = values.properties({"note": "é" * 60_000})
    assert len(kept["note"].encode()) <= values.LONGEST_STRING
    assert kept["note"] == "é" * 50_000
    assert warnings == ["note was cut to 100000 bytes."]


def test_too_many_properties_and_items_are_cut() -> None:
    kept, warnings = values.properties({f"p{n}": n for n in range(500)})
    assert len(kept) == 400
    assert "400" in warnings[0]
    items, warnings = values.properties({"items": list(range(5000))})
    assert len(items["items"]) == 4000
    assert "items" in warnings[0]


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "@teahouse.test", "ann@tea house.test", "ann\n@teahouse.test", "a" * 95 + "@x.test"]
)
def test_a_malformed_address_is_named_as_such(email: str) -> None:
    assert values.email_problem(email).startswith("The e-mail address is ")


@pytest.mark.parametrize(
    "email",
    [None, 5, b"ann@x.test", "\u212aen@x.test", "\u017fam@x.test", "änn@x.test", "a\0n@x.test", "a\ud83d@x.test"],
)
def test_an_address_that_might_be_taken_for_another_is_malformed(email: Any) -> None:
    assert values.email_problem(email).startswith("The e-mail address is malformed")
    values.address(email).encode()


@pytest.mark.parametrize("email", ["ann@teahouse.test", "ANN+tea@TeaHouse.test", "ann@bücher.test", "o'neil@x.test"])
def test_an_unusual_address_is_fine(email: str) -> None:
    assert values.email_problem(email) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("49.90"), 49.9),
        (0, 0.0),
        ("5", 5.0),
        (None, None),
        ("12,5", None),
        ("", None),
        ([], None),
        (10**400, None),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), None),
        (Decimal("-Infinity"), None),
        (Decimal("1e400"), None),
    ],
)
def test_a_number_is_finite_or_none(value: Any, expected: float | None) -> None:
    assert values.number(value) == expected


def test_a_number_with_thousands_of_digits_costs_itself() -> None:
    kept, warnings = values.properties({"items": [{"sku": "T1", "quantity": 10**5000}]})
    assert kept == {"items": [{"sku": "T1", "quantity": None}]}
    assert warnings == ["items was left out: it is not a number."]


@pytest.mark.parametrize(
    "moment", [datetime(1990, 1, 1, tzinfo=UTC), NOW + timedelta(days=400), NOW.replace(tzinfo=None), None, "today"]
)
def test_a_time_far_off_is_refused(moment: Any) -> None:
    assert values.time_problem(moment, NOW)
