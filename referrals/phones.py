"""Phone numbers as people write them, read as E.164: the one form that is the same in every country.

The plans of the world's numbers are loaded with the first number that is read.
"""


def e164(raw: str, country: str) -> str | None:
    """`+358401234567` for a number that can exist, and is certain.

    Without its country code it is read as a number of `country` (ISO 3166), but only a mobile number that nobody in
    the countries around would write alike: a wrong guess is somebody else's number.
    """
    from referrals import phone_plans

    return phone_plans.e164(raw, country)


def of_country(raw: str, country: str) -> str | None:
    """A number in E.164 of the country that somebody has said this very number is of: land lines as well."""
    from referrals import phone_plans

    return phone_plans.of_country(raw, country)


def is_guess(raw: str, country: str) -> bool:
    """Whether it would be a number of that country, if only it were certain that it is one of this country."""
    from referrals import phone_plans

    return phone_plans.is_guess(raw, country)


def gets_texts(number: str) -> bool:
    """Whether text messages may reach a number in E.164: none reach a land line or a service."""
    from referrals import phone_plans

    return phone_plans.gets_texts(number)
