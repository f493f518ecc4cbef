"""One row stepped through: for each field its column, its value, and what becomes of it or why not."""

from typing import Any

from klaviyo.syncs.columns.explaining import CLEARED, LEFT_ALONE, Step
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import mapping

COLUMNS = ["email", "first", "last", "mobile", "land", "score", "at"]
FIELDS: list[dict[str, Any]] = [
    {"field": "first_name", "column": "first", "when_empty": "clear"},
    {"field": "last_name", "column": "last", "transforms": ["trim"]},
    {"field": "phone_number", "column": "mobile", "country_column": "land"},
    {"field": "properties.score", "column": "score", "type": "number", "empty_words": ["-"]},
    {"field": "properties.at", "column": "at", "type": "moment"},
    {"field": "properties.name", "template": "{first} {last}"},
    {"field": "properties.source", "constant": "shop"},
]


def steps(*cells: object) -> dict[str, Step]:
    return {step.field: step for step in mapping(COLUMNS, *FIELDS).explain(Row(2, cells))}


def test_each_field_shows_its_column_its_value_and_what_becomes_of_it() -> None:
    found = steps(" Ann@tea.test", "Ann", "Lee", "0151 23456789", "DE", "1e2", "2026-10-25T02:30")
    assert list(found.values()) == [
        Step("email", "email", " Ann@tea.test", "ann@tea.test"),
        Step("properties.source", "", "shop", "shop", "It is the same in every row."),
        Step("first_name", "first", "Ann", "Ann"),
        Step("last_name", "last", "Lee", "Lee"),
        Step("phone_number", "mobile", "0151 23456789", "+4915123456789"),
        Step("properties.score", "score", "1e2", 100),
        Step(
            "properties.at",
            "at",
            "2026-10-25T02:30",
            "2026-10-25T00:30:00Z",
            "at: this hour came twice in Europe/Berlin; the first is taken.",
        ),
        Step("properties.name", "properties.name", "Ann Lee", "Ann Lee"),
    ]


def test_what_is_left_out_says_why() -> None:
    found = steps("ann@tea.test", "", " ", None, "DE", "-", None)
    assert (found["first_name"].note, found["first_name"].becomes) == (CLEARED, None)
    assert {name for name, step in found.items() if step.note == LEFT_ALONE} == {
        "last_name",
        "phone_number",
        "properties.score",
        "properties.at",
        "properties.name",
    }
    assert not any(step.is_refused for step in found.values())


def test_all_troubles_of_a_row_are_shown_at_once() -> None:
    found = steps("ann@", b"raw", "Lee", "0151 23456789", "Germany", "NaN", "03/04/2026")
    troubles = {name: step.note for name, step in found.items() if step.is_refused}
    assert troubles == {
        "email": "email: is malformed; correct it in the source.",
        "first_name": "first: holds bytes, which are no text: choose another column, or make text of it in the query.",
        "phone_number": "land: is no country in two letters, like DE (ISO 3166).",
        "properties.score": "score: NaN is no number.",
        "properties.at": "at: 03/04/2026 is not written like 2026-03-29: choose the form in which it is written.",
        "properties.name": "properties.name: holds bytes, which are no text: choose another column, or make text of it "
        "in the query.",
    }


def test_a_row_about_nobody_says_so() -> None:
    assert steps(None)["email"] == Step("email", "email", None, None, "email: is empty.", is_refused=True)
