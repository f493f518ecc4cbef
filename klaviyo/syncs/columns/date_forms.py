"""The form of a column's dates, as far as its values prove it."""

from collections.abc import Iterable

from klaviyo.syncs.columns import dates
from klaviyo.syncs.columns.cells import Trouble, plain

AMBIGUOUS = "ambiguous"
SLASHED = ("dd/mm/yyyy", "mm/dd/yyyy")
_LIKELY = (("excel", 20_000, 73_050), ("unix", 10**9, 2 * 10**9), ("unix_ms", 10**12, 2 * 10**12))  # up to 2033 or more


def forms_of_dates(values: Iterable[object]) -> str:
    """The one form that all values have: "ambiguous" where day and month may be either, empty where none fits.

    Of numbers it is the form that makes all of them likely; a person has to choose it.
    """
    seen = [value for value in values if value is not None and value != ""]
    if not seen:
        return ""
    if _all_fit(seen, "iso"):
        return "iso"
    fitting = [form for form in SLASHED if _all_fit(seen, form)]
    if fitting:
        return fitting[0] if len(fitting) == 1 else AMBIGUOUS
    return _form_of_numbers(seen)


def _all_fit(values: list[object], form: str) -> bool:
    return all(_fits(value, form) for value in values)


def _fits(value: object, form: str) -> bool:
    try:
        dates.parsed(value, dates.PARSERS[form])
    except Trouble:
        return False
    return True


def _form_of_numbers(values: list[object]) -> str:
    try:
        numbers = [float(plain(value).strip()) for value in values]
    except (ValueError, Trouble):
        return ""
    for form, least, most in _LIKELY:
        if all(least <= number < most for number in numbers):
            return form
    return ""
