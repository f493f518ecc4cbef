"""Phone numbers by the numbering plans of the world; `phones` is the way in, as the plans take their time to load."""

import re
from collections.abc import Iterator
from functools import cache

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)  # some countries do not tell them apart
GUESSED = CountryCodeSource.FROM_DEFAULT_COUNTRY

Plan = tuple[re.Pattern[str], re.Pattern[str]]  # what stands before a number inside a country, and its mobile numbers


def e164(raw: str, country: str) -> str | None:
    """`+358401234567` for a number that can exist, and is certain.

    Without its country code it is read as a number of `country` (ISO 3166), but only a mobile number that nobody in
    the countries around would write alike: a wrong guess is somebody else's number.
    """
    number = _read(raw, country)
    return None if number is None or _is_guess(number, raw) else _formatted(number)


def of_country(raw: str, country: str) -> str | None:
    """Any number that can exist, of the country that somebody has said it is of.

    Not where it would be another number of that country if only its + was lost.
    """
    number = _read(raw, country)
    with_plus = _read(f"+{phonenumbers.normalize_digits_only(raw)}", "")
    if number is None:
        return None
    made = _formatted(number)
    is_of_two = with_plus and with_plus.country_code == number.country_code and _formatted(with_plus) != made
    return None if is_of_two else made


def is_guess(raw: str, country: str) -> bool:
    """Whether it would be a number of that country, if only it were certain that it is one of this country."""
    number = _read(raw, country)
    return number is not None and _is_guess(number, raw)


def gets_texts(number: str) -> bool:
    """Whether text messages may reach a number in E.164: none reach a land line or a service."""
    read = _read(number, "")
    return read is not None and phonenumbers.number_type(read) in MOBILE


def _read(raw: str, country: str) -> PhoneNumber | None:
    if _has_words_within(raw):
        return None
    try:
        number = phonenumbers.parse(raw, country or None, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _has_words_within(raw: str) -> bool:
    """Whether words follow, such as "mum", which would be read as the digits of their keys."""
    first = re.search(r"[+\uff0b\d]", raw)
    return first is not None and phonenumbers.is_alpha_number(raw[first.start() :])


def _is_guess(number: PhoneNumber, raw: str) -> bool:
    if number.country_code_source != GUESSED:
        return False
    if phonenumbers.number_type(number) not in MOBILE:
        return True
    digits, code = phonenumbers.normalize_digits_only(raw), number.country_code or 0
    with_plus = _read(f"+{digits}", "")
    if with_plus and gets_texts(f"+{digits}") and _zone(with_plus.country_code or 0) == _zone(code):
        return True
    return any(_is_written_so(digits, plan) for plan in _around(code))


def _is_written_so(digits: str, plan: Plan) -> bool:
    prefix, mobile = plan
    before = prefix.match(digits)
    return bool(mobile.fullmatch(digits) or (before and mobile.fullmatch(digits, before.end())))


@cache
def _around(code: int) -> tuple[Plan, ...]:
    """The other countries of the same part of the world, whose people are the likeliest to be a store's customers."""
    others = (other for other in phonenumbers.COUNTRY_CODE_TO_REGION_CODE if other != code)
    return tuple(plan for other in others if _zone(other) == _zone(code) for plan in _plans(other))


def _plans(code: int) -> Iterator[Plan]:
    # https://github.com/daviddrysdale/python-phonenumbers: metadata of countries, by the region a code is mainly for
    plan = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(code))
    if plan and plan.mobile and plan.mobile.national_number_pattern:
        prefix, mobile = plan.national_prefix_for_parsing or "(?!)", plan.mobile.national_number_pattern
        yield re.compile(prefix), re.compile(mobile)


def _zone(code: int) -> str:
    """The part of the world: the first digit of a country code, of which Europe has two."""
    # https://www.itu.int/rec/T-REC-E.164
    first = str(code)[:1]
    return "3" if first == "4" else first


def _formatted(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
