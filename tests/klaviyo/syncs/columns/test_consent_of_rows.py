"""Who is to be subscribed: only a word that was ticked is a yes, and everything else is nothing at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo.syncs.sources.table import Row
from tests.klaviyo.syncs.columns.rows import EMAIL, UNHURRIED, mapping, problems, refused, told

COLUMNS = ["email", "mobile", "news", "texts", "since"]
CONSENT = {
    "email": {"column": "news", "yes": ["yes", "TRUE"]},
    "sms": {"column": "texts", "yes": ["1"]},
    "consented_at": {"column": "since"},
}
PHONE = {"field": "phone_number", "column": "mobile", "country": "DE"}


def subscriptions(consent: Any = CONSENT, *fields: dict[str, Any], **more: Any) -> Any:
    return mapping(COLUMNS, *(fields or (PHONE,)), destination="subscriptions", consent=consent, **more)


def row(
    news: object = "yes", texts: object = "1", since: object = "2024-05-01", mobile: object = "0151 23456789"
) -> Row:
    return Row(2, ("ann@tea.test", mobile, news, texts, since))


def test_a_row_becomes_what_somebody_said_yes_to() -> None:
    made = told(subscriptions().apply(row()))
    assert made.identity == "ann@tea.test"
    assert made.payload == {
        "phone_number": "+4915123456789",
        "email": True,
        "sms": True,
        "consented_at": "2024-04-30T22:00:00Z",
    }


@pytest.mark.parametrize("word", ["no", "true", "Yes", "y", "2", "", None, False, True, "unsubscribed", "yes, please"])
def test_every_other_word_is_nothing(word: object) -> None:
    made = told(subscriptions().apply(row(news=word, texts=word, since=None)))
    assert made.payload == {"phone_number": "+4915123456789", "email": False, "sms": False}


@UNHURRIED
@given(st.text(max_size=8) | st.booleans() | st.none() | st.integers() | st.floats() | st.binary(max_size=2))
def test_nothing_but_a_ticked_word_is_a_yes(word: object) -> None:
    ticked = isinstance(word, str) and (word.strip() in ("yes", "TRUE"))
    assert told(subscriptions().apply(row(news=word, texts=None))).payload["email"] is ticked


def test_a_ticked_word_may_be_a_value_of_python() -> None:
    consent = {"email": {"column": "news", "yes": ["true"]}, "sms": {"column": "texts", "yes": ["1"]}}
    made = told(subscriptions(consent).apply(row(news=True, texts=1)))
    assert (made.payload["email"], made.payload["sms"]) == (True, True)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"since": None}, "since: is empty: tell when they said yes"),
        ({"since": "2026-11-21"}, "since: lies in the future"),
        ({"since": "05/01/2024"}, "since: 05/01/2024 is not written like"),
        ({"mobile": ""}, "texts: says yes, but the row has no phone_number"),
        ({"mobile": "+493012345678"}, "texts: says yes, but no text messages reach this phone number"),
        ({"mobile": "12"}, "mobile: is no phone number"),
    ],
)
def test_a_yes_that_cannot_be_told_is_refused(changed: dict[str, Any], why: str) -> None:
    assert refused(subscriptions().apply(row(**changed))).startswith(why)


def test_the_time_of_no_yes_does_not_matter() -> None:
    assert told(subscriptions().apply(row(news="no", texts="0", since="never"))).payload["email"] is False


def test_by_phone_alone() -> None:
    consent = {"sms": {"column": "texts", "yes": ["1"]}}
    identity = {"kind": "phone_number", "column": "mobile", "country": "DE"}
    made = mapping(COLUMNS, destination="subscriptions", consent=consent, identity=identity)
    assert told(made.apply(row())) == ("+4915123456789", {"sms": True}, (), ())
    assert "no text messages reach" in refused(made.apply(row(mobile="+493012345678")))


def test_an_address_beside_a_phone_has_a_name_of_its_own() -> None:
    identity = {"kind": "phone_number", "column": "mobile", "country": "DE"}
    consent = {"email": {"column": "news", "yes": ["yes"]}}
    made = subscriptions(consent, {"field": "email", "column": "email"}, identity=identity)
    assert told(made.apply(row())).payload == {"email_address": "ann@tea.test", "email": True}
    nobody = Row(2, (None, "0151 23456789", "yes", None, None))
    assert refused(made.apply(nobody)).startswith("news: says yes, but the row has no email")


def test_who_is_found_by_an_id_may_have_address_and_number_at_klaviyo() -> None:
    made = mapping(COLUMNS, destination="subscriptions", consent=CONSENT, identity={"kind": "id", "column": "email"})
    cells = ("01HQ", None, "yes", "1", "2024-05-01")
    assert told(made.apply(Row(2, cells))).payload["sms"] is True


@pytest.mark.parametrize(
    ("consent", "where", "sentence"),
    [
        (None, "consent", "Choose the column that says yes"),
        ({"consented_at": {"column": "since"}}, "consent", "Choose the column that says yes"),
        ({"email": {"column": "news"}}, "consent.email.yes", "Tick the words that mean yes"),
        ({"email": {"column": "news", "yes": []}}, "consent.email.yes", "Tick the words that mean yes"),
        ({"email": {"column": "news", "yes": ["yes", " "]}}, "consent.email.yes", "An empty cell never means yes"),
        ({"email": {"column": "no", "yes": ["yes"]}}, "consent.email.column", "There is no column no"),
        ({"sms": {"column": "texts", "yes": ["1"]}}, "consent.sms", "Text messages need a number"),
        ({"whatsapp": {}}, "consent.whatsapp", "There is no whatsapp here"),
    ],
)
def test_what_is_wrong_with_consent_is_said(consent: object, where: str, sentence: str) -> None:
    given = {"identity": EMAIL, "consent": consent}
    assert sentence in problems(given, COLUMNS, "subscriptions")[where]


def test_subscriptions_write_nothing_else() -> None:
    given = {"identity": EMAIL, "consent": CONSENT, "fields": [{"field": "properties.a", "column": "news"}]}
    assert "does not write properties.a" in problems(given, COLUMNS, "subscriptions")["fields.0.field"]


def test_an_address_needs_its_column_where_a_number_finds_the_person() -> None:
    given = {"identity": {"kind": "phone_number", "column": "mobile"}, "consent": CONSENT}
    assert "map email as well" in problems(given, COLUMNS, "subscriptions")["consent.email"]


def test_a_row_stepped_through_says_what_a_word_means() -> None:
    steps = {step.field: step for step in subscriptions().explain(row(news="no"))}
    assert (steps["email"].becomes, steps["sms"].becomes) == (False, True)
    assert "no word that means yes" in steps["email"].note
