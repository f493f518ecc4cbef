"""A phone number is an identifier and a way to write to somebody: only one that is certainly theirs is taken."""

import pytest

from referrals import phones

READ = [
    ("+49 30 901820", "FI", "+4930901820"),
    ("0044 20 7946 0958", "DE", "+442079460958"),
    ("011 49 151 23456789", "US", "+4915123456789"),
    ("+49 (0)151 23456789", "AT", "+4915123456789"),
    ("\uff0b436641234567", "DE", "+436641234567"),
    ("040 123 4567", "FI", "+358401234567"),
    ("0151 23456789", "DE", "+4915123456789"),
    ("0664 1234567", "AT", "+436641234567"),
    ("07911 123456", "GB", "+447911123456"),
    ("(207) 555-0123", "US", "+12075550123"),
    ("1-617-555-0123", "US", "+16175550123"),
    ("Tel. +49 151 23456789", "FI", "+4915123456789"),
    ("+1 617 555 0123 ext. 5", "US", "+16175550123"),
]
GUESSES = [
    pytest.param("0664 1234567", "DE", id="an Austrian mobile number, a German land line"),
    pytest.param("0664/1234567", "DE", id="the same with a slash"),
    pytest.param("٠٦٦٤ ١٢٣٤٥٦٧", "DE", id="the same in other digits"),
    pytest.param("0676 1234567", "DE", id="another Austrian"),
    pytest.param("07911 123456", "DE", id="a British one"),
    pytest.param("347 1234567", "DE", id="an Italian one"),
    pytest.param("512 345 678", "DE", id="a Polish one"),
    pytest.param("030 123456", "DE", id="a land line of the country's own"),
    pytest.param("43 664 1234567", "DE", id="a country code without its plus"),
    pytest.param("49 151 23456789", "DE", id="the country's own code without its plus"),
    pytest.param("06 12 34 56 78", "NL", id="French or Dutch"),
    pytest.param("06 12 34 56 78", "FR", id="Dutch or French"),
    pytest.param("41 23 45 67", "NO", id="Danish or Norwegian"),
    pytest.param("41 23 45 67", "DK", id="Norwegian or Danish"),
    pytest.param("079 123 45 67", "CH", id="French, Swedish or Swiss"),
]
NONE = [
    pytest.param("+43 664 123456 abc", id="words that would be read as the digits of their keys"),
    pytest.param("+62 812 34567 ibu", id="somebody's mother"),
    pytest.param("Tel. +39 312 345 casa", id="with a word before"),
    "call me",
    "12",
    "",
    "9" * 300,
    "+",
    "+999 123",
    "+358 40 123",
    "\0",
    "☎",
]


@pytest.mark.parametrize(("raw", "country", "number"), READ)
def test_a_number_that_is_certain_is_read(raw: str, country: str, number: str) -> None:
    assert phones.e164(raw, country) == number
    assert not phones.is_guess(raw, country)


@pytest.mark.parametrize(("raw", "country"), GUESSES)
def test_a_country_code_is_never_guessed(raw: str, country: str) -> None:
    assert phones.e164(raw, country) is None
    assert phones.is_guess(raw, country)


@pytest.mark.parametrize("raw", NONE)
def test_what_is_no_number_is_none(raw: str) -> None:
    assert phones.e164(raw, "FI") is None
    assert not phones.is_guess(raw, "FI")


def test_without_a_country_no_number_is_read_as_a_countrys_own() -> None:
    assert phones.e164("040 123 4567", "") is None
    assert phones.e164("040 123 4567", "XX") is None
    assert phones.e164("+358 40 123 4567", "") == "+358401234567"


@pytest.mark.parametrize("number", ["+4915123456789", "+436641234567", "+12075550123", "+4520123456"])
def test_a_mobile_number_gets_texts(number: str) -> None:
    assert phones.gets_texts(number)


@pytest.mark.parametrize(
    "number", ["+4930901820", "+496641234567", "+442079460958", "+498001234567", "+4932221234", ""]
)
def test_a_land_line_or_a_service_gets_none(number: str) -> None:
    assert not phones.gets_texts(number)
