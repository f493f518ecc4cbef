"""Amounts: exact decimals in the currencies of ISO 4217, with as many decimals as each has."""

from decimal import Decimal, InvalidOperation

import iso4217
from django.core.exceptions import ValidationError

Amount = Decimal | int | str

# Fifteen digits are what SQLite keeps exactly; four decimals are the most that a currency has.
MAX_DIGITS = 15
DECIMAL_PLACES = 4
CEILING = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


def currency(code: object, field: str = "currency") -> str:
    """The ISO 4217 code of a currency that can be paid in; ValidationError for anything else."""
    text = code.strip().upper() if isinstance(code, str) else ""
    if _decimals(text) is None:
        raise ValidationError(
            {field: f"The currency ({field}) is not one of ISO 4217. Use three letters, such as EUR."},
            code="currency",
        )
    return text


def amount(value: object, currency_code: str, field: str = "amount") -> Decimal:
    """`value` (Decimal, int or decimal string) with the decimals of the currency.

    ValidationError when it is negative, not a finite number, too large, or finer than the currency.
    """
    number = _number(value, field)
    if number.is_signed() and number:
        raise _refused(field, "is negative. Give the size of it; a refund or a reversal is its own fact.")
    if number >= CEILING:
        raise _refused(field, f"is too large. The most that can be stored is below {CEILING:,}.")
    exact = rounded(number, currency_code)
    if exact != number:
        decimals = _decimals(currency_code)
        raise _refused(field, f"has more decimals than {currency_code}, which has {decimals}. Round it first.")
    return exact + 0  # minus nought becomes nought


def rounded(value: Decimal, currency_code: str) -> Decimal:
    """The amount with the currency's number of decimals: 25.0000 USD is 25.00, 500.0000 JPY is 500."""
    return value.quantize(Decimal(1).scaleb(-(_decimals(currency_code) or 0)))


def validate_currency(code: str) -> None:
    """For model fields: like `currency`, but the code has to be written exactly."""
    if _decimals(code) is None:
        raise ValidationError("This is not a code of ISO 4217. Use three capital letters such as EUR or USD.")


def _number(value: object, field: str) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        raise _refused(field, "is not exact. Give a Decimal, a whole number or a string such as “12.50”.")
    if isinstance(value, str) and len(value) > 40:
        raise _refused(field, "is not a number. Write it like “12.50”.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _refused(field, "is not a number. Write it like “12.50”.") from None
    if not number.is_finite():
        raise _refused(field, "is not a finite number. Leave the fact out or give its real amount.")
    return number


def _decimals(code: str) -> int | None:
    """None for what is no currency, and for metals and test codes, which have no decimals and no price."""
    try:
        exponent: int | None = iso4217.Currency(code).exponent
    except ValueError:
        return None
    return exponent


def _refused(field: str, reason: str) -> ValidationError:
    return ValidationError({field: f"The amount ({field}) {reason}"}, code="amount")
