"""A mapping says what Klaviyo is told of a row; what is wrong with it is said at its place, all at once."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.syncs.columns.mapped import Mapped, Mapping, MappingError, Refused, columns_used
from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import BERLIN, EMAIL, NOW, UNHURRIED, mapping, problems, refused, told

COLUMNS = ["id", "email", "First Name", "Last", "City", "Lat", "spent", "tier"]
FIELDS: list[dict[str, Any]] = [
    {"field": "external_id", "column": "id"},
    {"field": "first_name", "column": "First Name", "transforms": ["trim"], "when_empty": "clear"},
    {"field": "location.city", "column": "City", "when_empty": "clear"},
    {"field": "location.latitude", "column": "Lat"},
    {"field": "properties.spent", "column": "spent", "type": "number", "decimal": ",", "when_empty": "clear"},
    {"field": "properties.tier", "column": "tier", "empty_words": ["NULL"]},
    {"field": "properties.greeting", "template": "Dear {First Name} {Last}!"},
    {"field": "properties.source", "constant": "shop"},
    {"field": "properties.rank", "constant": 5},
]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=3)
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times()
    | st.uuids()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=8,
)
TYPES = ["text", "number", "yes_no", "date", "moment", "list", "json"]
FORMS = ["iso", "dd/mm/yyyy", "mm/dd/yyyy", "excel", "unix", "unix_ms"]


def test_a_row_becomes_the_attributes_of_a_profile() -> None:
    row = Row(2, ("'7001", "Ann@tea.test ", "Ann", "Lee", "Köln", "50.9", "1.234,50", "NULL"))
    assert mapping(COLUMNS, *FIELDS).apply(row) == Mapped(
        "ann@tea.test",
        {
            "email": "ann@tea.test",
            "external_id": "7001",
            "first_name": "Ann",
            "location": {"city": "Köln", "latitude": 50.9},
            "properties": {"spent": 1234.5, "greeting": "Dear Ann Lee!", "source": "shop", "rank": 5},
        },
        (),
        (),
    )


def test_what_is_empty_is_left_alone_or_cleared() -> None:
    made = told(mapping(COLUMNS, *FIELDS).apply(Row(2, ("7", "ann@tea.test", " ", None, "", None, None, ""))))
    assert made.clears == ("first_name", "location.city", "properties.spent")
    assert made.payload == {
        "email": "ann@tea.test",
        "external_id": "7",
        "properties": {"greeting": "Dear !", "source": "shop", "rank": 5},
    }


def test_nought_and_false_are_values() -> None:
    fields = [
        {"field": "properties.n", "column": "n", "type": "number", "when_empty": "clear"},
        {"field": "properties.b", "column": "b", "type": "yes_no", "when_empty": "clear"},
        {"field": "properties.t", "column": "t", "when_empty": "clear"},
    ]
    made = mapping(["email", "n", "b", "t"], *fields)
    for row in [("0", "false", "0"), (0, False, 0), (0.0, 0, "0")]:
        assert told(made.apply(Row(2, ("a@tea.test", *row)))) == (
            "a@tea.test",
            {"email": "a@tea.test", "properties": {"n": 0, "b": False, "t": "0"}},
            (),
            (),
        )


def test_a_short_row_has_empty_cells() -> None:
    assert told(mapping(COLUMNS, *FIELDS).apply(Row(2, ("7", "ann@tea.test")))).payload["external_id"] == "7"


def test_a_template_of_empty_columns_is_empty() -> None:
    fields = {"field": "properties.name", "template": "{a} {{{b}}} {c}", "when_empty": "clear"}
    made = mapping(["email", "a", "b", "c"], fields)
    assert told(made.apply(Row(2, ("a@tea.test", "1", "2", "3")))).payload["properties"] == {"name": "1 {2} 3"}
    assert told(made.apply(Row(2, ("a@tea.test", None, "2", "3")))).payload["properties"] == {"name": "{2} 3"}
    assert told(made.apply(Row(2, ("a@tea.test", "", "", None)))).clears == ("properties.name",)


def test_a_template_may_have_a_type() -> None:
    fields = {"field": "properties.on", "template": "{y}-{m}-{d}", "type": "date", "empty_words": ["0"]}
    made = mapping(["email", "y", "m", "d"], fields)
    assert told(made.apply(Row(2, ("a@tea.test", 2026, "03", "29")))).payload["properties"] == {"on": "2026-03-29"}
    assert refused(made.apply(Row(2, ("a@tea.test", "2026", "02", "30")))) == "properties.on: there is no 30 February"
    assert told(made.apply(Row(2, ("a@tea.test", "0", "", "0")))).payload == {"email": "a@tea.test"}


def test_the_first_trouble_refuses_the_row() -> None:
    made = mapping(COLUMNS, *FIELDS)
    row = ("7", "ann@tea.test", "Ann", "Lee", "Köln", "91", "12.50", "gold")
    assert refused(made.apply(Row(2, row))) == "Lat: 91 is no latitude: it lies between -90 and 90"


@pytest.mark.parametrize(
    ("field", "cell", "made"),
    [
        ("locale", "de_DE", "de-DE"),
        ("image", " https://tea.test/a.png", "https://tea.test/a.png"),
        ("location.timezone", "Europe/Berlin", "Europe/Berlin"),
        ("location.ip", " 203.0.113.7 ", "203.0.113.7"),
        ("location.ip", "2001:DB8::1", "2001:db8::1"),
        ("location.longitude", "-180", -180),
        ("title", "Dr.", "Dr."),
        ("location.zip", "01067", "01067"),
    ],
)
def test_a_standard_field_is_as_klaviyo_takes_it(field: str, cell: str, made: object) -> None:
    one = told(mapping(["email", "x"], {"field": field, "column": "x"}).apply(Row(2, ("a@tea.test", cell)))).payload
    assert one.get(field, one.get("location", {}).get(field.partition(".")[2])) == made


@pytest.mark.parametrize(
    ("field", "cell", "why"),
    [
        ("locale", "German", "x: German is no language"),
        ("image", "http://tea.test/a.png", "x: is no address of a picture"),
        ("location.timezone", "CEST time", "x: CEST time is no time zone"),
        ("location.ip", "203.0.113.777", "x: 203.0.113.777 is no IP address"),
        ("location.latitude", "-90.1", "x: -90.1 is no latitude"),
        ("location.longitude", "9007199254740993", "x: 9007199254740993 is no longitude"),
    ],
)
def test_what_klaviyo_would_refuse_is_refused_before(field: str, cell: str, why: str) -> None:
    made = mapping(["email", "x"], {"field": field, "column": "x"}).apply(Row(2, ("a@tea.test", cell)))
    assert refused(made).startswith(why)


@pytest.mark.parametrize(
    ("field", "where", "sentence"),
    [
        ({"field": "properties.$source", "column": "x"}, "field", "begin with $ are Klaviyo's own"),
        ({"field": "properties.sorae_code", "column": "x"}, "field", "belong to Sorae's referrals"),
        ({"field": "properties.Sorae_Code", "column": "x"}, "field", "belong to Sorae's referrals"),
        ({"field": "properties.", "column": "x"}, "field", "A property needs a name"),
        ({"field": "properties. tier", "column": "x"}, "field", "has no blanks around it"),
        ({"field": "properties.a\u200bb", "column": "x"}, "field", "no characters that nobody sees"),
        ({"field": "properties." + "a" * 256, "column": "x"}, "field", "up to 255 characters"),
        ({"field": "nickname", "column": "x"}, "field", "There is no field nickname"),
        ({"field": "location.planet", "column": "x"}, "field", "There is no field location.planet"),
        ({"field": "subscriptions", "column": "x"}, "field", "There is no field subscriptions"),
        ({"field": "value", "column": "x"}, "field", "There is no field value"),
        ({"column": "x"}, "field", "Choose a field"),
        ({"field": "email", "column": "x"}, "field", "email is what finds the person"),
        ({"field": "title", "column": "y"}, "column", "There is no column y in the source"),
        ({"field": "title"}, "", "Say one of column, template and constant"),
        ({"field": "title", "column": "x", "constant": "Dr."}, "", "Say one of column, template and constant"),
        ({"field": "title", "column": "x", "type": "number"}, "type", "title is a text at Klaviyo"),
        ({"field": "location.latitude", "column": "x", "type": "text"}, "type", "is a number at Klaviyo"),
        ({"field": "properties.a", "column": "x", "type": "integer"}, "type", "This must be one of text, number"),
        ({"field": "properties.a", "column": "x", "form": "excel"}, "form", "Only dates and moments have a form"),
        ({"field": "properties.a", "column": "x", "type": "date", "form": "yy"}, "form", "This must be one of iso"),
        ({"field": "properties.a", "column": "x", "decimal": ";"}, "decimal", "the decimal point or the decimal comma"),
        ({"field": "properties.a", "column": "x", "transforms": ["shout"]}, "transforms", "There is no shout"),
        ({"field": "properties.a", "column": "x", "transforms": "trim"}, "transforms", "must be a list of texts"),
        (
            {"field": "properties.a", "column": "x", "type": "number", "transforms": ["lower"]},
            "transforms",
            "Letters are changed in texts and lists only",
        ),
        ({"field": "title", "column": "x", "when_empty": "drop"}, "when_empty", "This must be one of leave, clear"),
        ({"field": "title", "column": "x", "at_noon": "yes"}, "at_noon", "This must be true or false"),
        ({"field": "title", "column": "x", "country": "de"}, "country", "two capital letters"),
        ({"field": "title", "template": "Dr. {y}"}, "template", "There is no column y in the source"),
        ({"field": "title", "template": "Dr. {x"}, "template", "A column stands in { and }"),
        ({"field": "title", "template": "Dr."}, "template", "There is no column in it"),
        ({"field": "title", "column": "x", "colour": "red"}, "colour", "There is no colour here"),
        ({"field": "title", "constant": ""}, "constant", "The constant is empty: give it a value."),
        ({"field": "external_id", "constant": "5"}, "constant", "the same address, number or id for everybody"),
        ({"field": "location.latitude", "constant": 91}, "constant", "The constant 91 is no latitude"),
        ({"field": "properties.a", "constant": "x", "type": "date"}, "constant", "is not written like 2026-03-29"),
        ("title", "", "This must be an object with names"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_at_its_place(field: object, where: str, sentence: str) -> None:
    found = problems({"identity": EMAIL, "fields": [field]})
    assert sentence in found[f"fields.0.{where}" if where else "fields.0"]


@pytest.mark.parametrize(
    ("document", "where", "sentence"),
    [
        (None, "identity", "Choose the column that says whom a row is about"),
        ([], "", "This must be an object with names"),
        ({"identity": {"kind": "name", "column": "x"}}, "identity.kind", "This must be one of email, phone_number"),
        ({"identity": {"kind": "email"}}, "identity.column", "Choose a column"),
        ({"identity": {"kind": "email", "column": "y"}}, "identity.column", "There is no column y in the source"),
        ({"identity": EMAIL | {"country": "Germany"}}, "identity.country", "two capital letters"),
        ({"identity": EMAIL | {"country_column": "y"}}, "identity.country_column", "There is no column y"),
        ({"identity": EMAIL, "fields": {"a": 1}}, "fields", "This must be a list"),
        ({"identity": EMAIL, "metric": {"name": "Bought"}}, "metric", "Only events have a metric"),
        ({"identity": EMAIL, "time": {"column": "x"}}, "time", "Only events have a time"),
        ({"identity": EMAIL, "consent": {}}, "consent", "only by a sync of subscriptions"),
        ({"identity": EMAIL, "mode": "mirror"}, "mode", "There is no mode here"),
        (
            {"identity": EMAIL, "fields": [{"field": f"properties.{n}", "constant": n} for n in range(401)]},
            "fields",
            "These are 401 properties, and Klaviyo takes 400",
        ),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said_at_its_place(document: object, where: str, sentence: str) -> None:
    assert sentence in problems(document)[where]


def test_two_columns_of_one_field_meet() -> None:
    fields = [{"field": "properties.Tier", "column": "x"}, {"field": "properties.Tier", "template": "{email}"}]
    found = problems({"identity": EMAIL, "fields": fields})
    assert found == {
        "fields.1.field": "properties.Tier is written twice, of x and of properties.Tier: leave one of them."
    }


def test_two_names_that_look_the_same_meet() -> None:
    fields = [{"field": "properties.Größe", "column": "x"}, {"field": "properties.Gro\u0308ße", "constant": 5}]
    assert list(problems({"identity": EMAIL, "fields": fields})) == ["fields.1.field"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    fields = [{"field": "nickname", "column": "y"}, {"field": "title", "column": "z"}]
    with pytest.raises(MappingError) as caught:
        Mapping.from_json({"fields": fields}, ["x"], destination="list", zone=BERLIN)
    assert [where for where, _ in caught.value.problems] == [
        "identity",
        "fields.0.field",
        "fields.0.column",
        "fields.1.column",
    ]
    assert "fields.1.column: There is no column z in the source" in str(caught.value)


def test_an_address_is_never_cleared() -> None:
    fields = [{"field": "email", "column": "x", "when_empty": "clear"}]
    found = problems({"identity": {"kind": "external_id", "column": "x"}, "fields": fields})
    assert "can be cleared: choose to leave it alone" in found["fields.0.when_empty"]


def test_nobody_syncs_to_nowhere() -> None:
    with pytest.raises(ValueError, match="segments"):
        Mapping.from_json({"identity": EMAIL}, ["email"], destination="segments", zone=BERLIN)


def test_a_mapping_names_the_columns_that_it_needs() -> None:
    document = {
        "identity": EMAIL | {"country_column": "land"},
        "fields": [*FIELDS, {"field": "properties.x", "constant": {"column": "none"}}],
        "time": {"column": "at"},
        "consent": {"email": {"column": "news", "yes": ["yes"]}},
    }
    assert columns_used(document) == [
        "email",
        "land",
        "id",
        "First Name",
        "City",
        "Lat",
        "spent",
        "tier",
        "Last",
        "at",
        "news",
    ]
    assert columns_used("nothing") == []


def test_who_makes_a_mapping_is_told_what_it_may_do() -> None:
    phone = {"field": "phone_number", "column": "x"}
    assert any("tie the two together" in note for note in mapping(["email", "x"], phone).notes)
    assert not any("tie the two together" in note for note in mapping(["email", "x"]).notes)
    assert any("second profile" in note for note in mapping(["email"]).notes)
    assert mapping(["x"], identity={"kind": "external_id", "column": "x"}).notes == ()


@UNHURRIED
@given(
    cells=st.lists(ANYTHING, min_size=3, max_size=3),
    type=st.sampled_from(TYPES),
    form=st.sampled_from(FORMS),
    decimal=st.sampled_from([None, ".", ","]),
    kind=st.sampled_from(["email", "phone_number", "external_id", "id"]),
)
def test_any_row_is_mapped_to_json_or_refused_in_words(
    cells: list[object], type: str, form: str, decimal: str | None, kind: str
) -> None:
    field = {"field": "properties.x", "column": "x", "type": type, "decimal": decimal}
    fields: list[dict[str, Any]] = [
        field | ({"form": form} if type in ("date", "moment") else {}),
        {"field": "properties.t", "template": "{x}-{y}"},
        {"field": "first_name", "column": "y", "transforms": ["trim", "title"], "when_empty": "clear"},
    ]
    identity = {"kind": kind, "column": "id", "country": "DE", "country_column": "y"}
    for columns in (["id", "x", "y"], ["x", "id", "y"]):
        made = mapping(columns, *fields, identity=identity).apply(Row(2, tuple(cells)))
        steps = mapping(columns, *fields, identity=identity).explain(Row(2, tuple(cells)))
        assert any(step.is_refused for step in steps) == isinstance(made, Refused)
        if isinstance(made, Refused):
            assert made.field in columns or made.field.startswith("properties.")
            assert made.reason.encode().decode().isprintable()
        else:
            text = json.dumps([made.identity, made.payload], allow_nan=False, ensure_ascii=False)
            assert "\\u0000" not in text
            assert text.encode()


@UNHURRIED
@given(st.from_regex(r"[+-]?[0-9]{1,20}([.][0-9]{1,12})?", fullmatch=True))
def test_no_number_is_told_as_another(text: str) -> None:
    fields = {"field": "properties.x", "column": "x", "type": "number"}
    made = told(mapping(["email", "x"], fields).apply(Row(2, ("a@tea.test", text))))
    number = made.payload["properties"]["x"]
    is_exact = Decimal(number if isinstance(number, str) else json.dumps(number)) == Decimal(text)
    assert is_exact == ("more digits" not in " ".join(made.warnings))
    assert is_exact or float(text) == number


def test_the_time_of_making_it_changes_nothing() -> None:
    row = Row(2, ("7", "ann@tea.test", "Ann", "Lee", "Köln", "50.9", "1", "gold"))
    document = {"identity": EMAIL, "fields": FIELDS}
    first = Mapping.from_json(document, COLUMNS, destination="profiles", zone=BERLIN, now=NOW)
    second = Mapping.from_json(json.loads(json.dumps(document)), COLUMNS, destination="profiles", zone=BERLIN)
    assert first.apply(row) == second.apply(row) == first.apply(row)
