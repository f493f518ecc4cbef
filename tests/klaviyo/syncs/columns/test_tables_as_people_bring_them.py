"""Tables as people bring them: each cell is read right, or its row is refused with the reason."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from klaviyo.syncs.columns.keys import key_of
from klaviyo.syncs.columns.mapped import Mapped
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import mapping, refused


def outcomes(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *fields: dict[str, Any], first: int = 2, **more: Any
) -> tuple[dict[int, dict[str, Any]], dict[int, str], dict[int, tuple[str, ...]]]:
    """By line: what is told, why it is refused, and what is warned of."""
    made = mapping(columns, *fields, **more)
    told, why_not, warned = dict[int, dict[str, Any]](), dict[int, str](), dict[int, tuple[str, ...]]()
    for number, cells in enumerate(rows, first):
        one = made.apply(Row(number, tuple(cells)))
        if isinstance(one, Mapped):
            told[number] = one.payload
            if one.warnings:
                warned[number] = one.warnings
        else:
            why_not[number] = refused(one)
    return told, why_not, warned


def test_amounts_with_a_decimal_comma() -> None:
    columns = ["E-Mail", "Nachname", "Umsatz", "Notiz"]
    rows = [("ann@tea.test", "Müller", "1.234,50", "Zahlt mit € – „gern“"), ("ben@tea.test", "O’Neill", "12,00", "")]  # noqa: RUF001
    fields = [
        {"field": "last_name", "column": "Nachname"},
        {"field": "properties.Umsatz", "column": "Umsatz", "type": "number", "decimal": ","},
        {"field": "properties.Notiz", "column": "Notiz"},
    ]
    told, why_not, _ = outcomes(columns, rows, *fields, identity={"kind": "email", "column": "E-Mail"})
    assert [one["properties"]["Umsatz"] for one in told.values()] == [1234.5, 12.0]
    assert told[2]["properties"]["Notiz"] == "Zahlt mit € – „gern“"  # noqa: RUF001
    assert why_not == {}


def test_an_export_of_a_shop() -> None:
    columns = ["Customer ID", "Email", "Accepts Email Marketing", "Country", "Phone", "Accepts SMS Marketing", "Orders"]
    rows = [
        ("'7001", "ann@tea.test", "yes", "GB", "'+442079460018", "no", "3"),
        ("'7002", "ben@tea.test", "no", "US", "'(212) 555-0142", "yes", "0"),
        ("'7003", "", "no", "DE", "'+493012345678", "yes", "1"),
    ]
    fields = [
        {"field": "email", "column": "Email"},
        {"field": "phone_number", "column": "Phone", "country_column": "Country"},
        {"field": "properties.mail", "column": "Accepts Email Marketing", "type": "yes_no"},
        {"field": "properties.texts", "column": "Accepts SMS Marketing", "type": "yes_no"},
        {"field": "properties.orders", "column": "Orders", "type": "number"},
    ]
    told, why_not, _ = outcomes(columns, rows, *fields, identity={"kind": "external_id", "column": "Customer ID"})
    assert why_not == {}
    assert [one["external_id"] for one in told.values()] == ["7001", "7002", "7003"]
    assert [one["phone_number"] for one in told.values()] == ["+442079460018", "+12125550142", "+493012345678"]
    assert [one["properties"]["mail"] for one in told.values()] == [True, False, False]
    assert [one["properties"]["texts"] for one in told.values()] == [False, True, True]
    assert [one["properties"]["orders"] for one in told.values()] == [3, 0, 1]
    assert [one.get("email") for one in told.values()] == ["ann@tea.test", "ben@tea.test", None]


def test_dates_in_the_nights_when_clocks_change() -> None:
    cells = [
        "2026-03-29T01:30:00",
        "2026-03-29 02:30:00",
        "2026-03-29T03:30:00Z",
        "2026-03-29T03:30:00.123456+02:00",
        "2026-03-29",
        "20260329T033000Z",
        "2026-10-25T02:30:00",
        "2026-03-29T03:30:00+0200",
        "2026-02-30T10:00:00Z",
        "2026-03-29T24:00:00Z",
        "2026-03-29T03:30",
    ]
    rows = [("ann@tea.test", cell) for cell in cells]
    fields = {"field": "properties.at", "column": "at", "type": "moment"}
    told, why_not, warned = outcomes(["email", "at"], rows, fields, first=1)
    assert {number: one["properties"]["at"] for number, one in told.items()} == {
        1: "2026-03-29T00:30:00Z",
        3: "2026-03-29T03:30:00Z",
        4: "2026-03-29T01:30:00.123456Z",
        5: "2026-03-28T23:00:00Z",
        6: "2026-03-29T03:30:00Z",
        7: "2026-10-25T00:30:00Z",
        8: "2026-03-29T01:30:00Z",
        10: "2026-03-30T00:00:00Z",
        11: "2026-03-29T01:30:00Z",
    }
    assert why_not[2].startswith("at: this hour does not exist in Europe/Berlin")
    assert why_not[9] == "at: there is no 30 February"
    assert warned == {7: ("at: this hour came twice in Europe/Berlin; the first is taken",)}


def test_keys_and_people_that_stand_twice_have_one_form() -> None:
    rows = [
        ("1", "Ann@Tea.test"),
        ("2", "ann@tea.test "),
        ("3", "ben@tea.test"),
        ("3", "ben@tea.test"),
        ("", "cleo@tea.test"),
        (" 4", "dan@tea.test"),
        ("4", "eve@tea.test"),
        ("05", "finn@tea.test"),
        ("5", "gil@tea.test"),
    ]
    keys = [key_of(Row(number, row), [0], ["customer_id", "email"]) for number, row in enumerate(rows, 2)]
    assert [key if isinstance(key, str) else refused(key) for key in keys] == [
        "1",
        "2",
        "3",
        "3",
        "customer_id: is empty: each row needs a key of its own",
        "4",
        "4",
        "05",
        "5",
    ]
    told, _, _ = outcomes(["customer_id", "email"], rows)
    assert told[2] == told[3] == {"email": "ann@tea.test"}


def test_words_for_nothing() -> None:
    columns = ["id", "email", "city", "score"]
    rows = [
        ("1", "a@tea.test", "", "0"),
        ("2", "b@tea.test", "", ""),
        ("3", "c@tea.test", "NULL", "null"),
        ("4", "d@tea.test", "\\N", "NaN"),
        ("5", "e@tea.test", "N/A", "-"),
        ("6", "f@tea.test", "Null", "7"),
    ]
    city: dict[str, Any] = {"field": "location.city", "column": "city"}
    score: dict[str, Any] = {"field": "properties.score", "column": "score", "type": "number"}
    told, why_not, _ = outcomes(columns, rows, city, score, first=1)
    assert told == {
        1: {"email": "a@tea.test", "properties": {"score": 0}},
        2: {"email": "b@tea.test"},
        6: {"email": "f@tea.test", "location": {"city": "Null"}, "properties": {"score": 7}},
    }
    assert why_not == {
        3: "score: null is no number",
        4: "score: NaN is no number",
        5: "score: - is no number",
    }
    ticked = {"empty_words": ["NULL", "null", "\\N", "N/A", "NaN", "-"]}
    told, why_not, _ = outcomes(columns, rows, city | ticked, score | ticked, first=1)
    assert why_not == {}
    assert told[6]["location"] == {"city": "Null"}
    assert [one for one in told.values() if one.get("location")] == [told[6]]


def test_a_line_of_totals_is_about_nobody() -> None:
    rows = [("1", "a@tea.test", "10,00"), ("Total", "", "30,00")]
    _, why_not, _ = outcomes(["id", "email", "spent"], rows)
    assert list(why_not) == [3]
    assert why_not[3].startswith("email: is empty")


def test_events_of_json_lines() -> None:
    columns = ["order_id", "email", "total", "at", "items", "vip"]
    rows: list[tuple[object, ...]] = [
        (1001, "ann@tea.test", Decimal("49.90"), "2026-11-20T10:00:00Z", [{"sku": "A1", "qty": 2}], True),
        (9007199254740993, "ben@tea.test", Decimal("1E+2"), 1795687200, [], None),
        (1004, "dan@tea.test", 6, None, None, None),
        (1006, "f\ud83dx@tea.test", None, None, None, None),
    ]
    fields = [
        {"field": "value", "column": "total"},
        {"field": "properties.items", "column": "items", "type": "list"},
        {"field": "properties.vip", "column": "vip", "type": "yes_no"},
    ]
    assert [key_of(Row(1, row), [0]) for row in rows] == ["1001", "9007199254740993", "1004", "1006"]
    more: dict[str, Any] = {"destination": "events", "metric": {"name": "Ordered"}}
    told, why_not, _ = outcomes(columns, rows, *fields, first=1, **more)
    assert [one["value"] for one in told.values()] == [49.9, 100, 6]
    assert told[1]["properties"] == {"items": [{"sku": "A1", "qty": 2}], "vip": True}
    assert list(why_not) == [4]
    assert why_not[4].startswith("email: half of a character")
    _, why_not, _ = outcomes(columns, rows, *fields, first=1, **more, time={"column": "at"})
    assert why_not[2].startswith("at: 1795687200 is a number and no date: choose the form in which it is written")
    told, _, _ = outcomes(columns, rows[1:2], *fields, **more, time={"column": "at", "form": "unix"})
    assert told[2]["time"] == "2026-11-26T10:00:00Z"
