"""Phone numbers in E.164, the only form that Klaviyo takes."""

import phonenumbers


def e164(raw: str, country: str) -> str | None:
    """`+358401234567` for a number that can exist, read as a number of `country` (ISO 3166) where it has no +."""
    try:
        number = phonenumbers.parse(raw, country or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
