"""Amounts: exact decimals in the currencies of ISO 4217, with as many decimals as each has."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.utils import timezone

from referrals.past_currencies import PAST

Amount = Decimal | int | str

# Fifteen digits are what SQLite keeps exactly; four decimals are the most that a currency has.
MAX_DIGITS = 15
DECIMAL_PLACES = 4
CEILING = Decimal(10) ** (MAX_DIGITS - DECIMAL_PLACES)


def currency(code: object, field: str = "currency", at: datetime | None = None) -> str:
    """The ISO 4217 code of a currency that is paid in then (now when not given); ValidationError for anything else."""
    text = code.strip().upper() if isinstance(code, str) else ""
    if _decimals_now(text) is None and not (text in PAST and PAST[text].was_paid_in(at or timezone.now())):
        raise ValidationError({field: f"The currency ({field}) {_why_not(text)}"}, code="currency")
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
    """The amount with the currency's number of decimals: 25.0000 USD is 25.00, 500.0000 JPY is 500.

    A stored amount of a currency that no list knows any more keeps the decimals that it has.
    """
    decimals = _decimals(currency_code)
    if decimals is None:
        decimals = max(0, -int(value.normalize().as_tuple().exponent))
    return value.quantize(Decimal(1).scaleb(-decimals))


def told(value: object, currency_code: str) -> Decimal | None:
    """An amount that is only told along, as well as it can be: rounded, of either sign; None for what is no number."""
    number = read(value)
    if number is None:
        return None
    return number.quantize(Decimal(1).scaleb(-(_decimals(currency_code) or 0)), ROUND_HALF_UP) + 0


def read(value: object) -> Decimal | None:
    """A number that somebody wrote, also inexactly, if it is one and can be stored."""
    try:
        number = _number(float.__repr__(value) if isinstance(value, float) else value, "")
    except ValidationError:
        return None
    return number if number.copy_abs() < CEILING else None


def validate_currency(code: str) -> None:
    """For model fields: like `currency`, but the code has to be written exactly."""
    if _decimals_now(code) is None:
        ended = f"It {_ended(code)}." if code in PAST else "This is not a code of ISO 4217."
        raise ValidationError(f"{ended} Use three capital letters such as EUR or USD.")


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


def is_currency(code: str) -> bool:
    """Whether it is a currency of ISO 4217 that prices are in, now or until lately."""
    return _decimals(code) is not None


def _decimals(code: str) -> int | None:
    return PAST[code].decimals if code in PAST else _decimals_now(code)


def _decimals_now(code: str) -> int | None:
    """None for what is no currency, and for metals and test codes, which have no decimals and no price."""
    if code in PAST:
        return None  # whatever an older list says
    import iso4217  # reads its list when it is imported

    try:
        exponent: int | None = iso4217.Currency(code).exponent
    except ValueError:
        return None
    return exponent


def _why_not(code: str) -> str:
    if code in PAST:
        return f"{_ended(code)}. Use the one that is paid in now, or give when it happened (occurred_at)."
    return "is not one of ISO 4217. Use three letters, such as EUR."


def _ended(code: str) -> str:
    year, month = PAST[code].last
    return f"has not been paid in since {month:02}/{year}"


def _refused(field: str, reason: str) -> ValidationError:
    return ValidationError({field: f"The amount ({field}) {reason}"}, code="amount")
