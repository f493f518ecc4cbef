"""Suggestions: the fields that columns are likely to be, by their headers and the values seen; a person decides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from klaviyo.syncs.columns import date_forms, fields, header_words, numbers, yes_no
from klaviyo.syncs.columns.cells import Trouble, plain

_LIKE_A_CODE = re.compile(r"[+-]?0\d|.*\d{12}|\+", re.DOTALL)
_TAGS = frozenset(("tags", "tag", "labels", "interests", "schlagworte", "interessen", "etiquettes", "etiquetas"))
_YES_OF_CONSENT = frozenset(
    [*yes_no.YES, "subscribed", "optin", "optedin", "granted", "abonniert", "abonne", "suscrito", "iscritto"]
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a column may be. `form` is "ambiguous" where day and month may be either: then a person has to say.

    `field` is a name of a mapping's field, or "time", "metric", "consent.email", "consent.sms" and
    "consent.consented_at"; it is empty where none can be proposed. `is_known` says that the header is in the table.
    """

    column: str
    field: str
    is_known: bool = False
    type: str = "text"
    form: str = ""
    decimal: str = ""
    yes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As a field of a mapping has it."""
        told = {"field": self.field, "column": self.column, "type": self.type}
        told |= {"form": self.form} if self.form else {}
        return told | ({"decimal": self.decimal} if self.decimal else {})


def suggest(
    columns: Sequence[str], samples: Sequence[Sequence[object]] = (), *, destination: str = fields.PROFILES
) -> list[Proposal]:
    """One proposal of each column; `samples` are values of some rows, in the order of the columns."""
    taken = set[str]()
    found = []
    for place, column in enumerate(columns):
        seen = [row[place] for row in samples if place < len(row) and row[place] is not None and row[place] != ""]
        one = _proposal(column, seen, destination, taken)
        taken.add(one.field)
        found.append(one)
    return found


def _proposal(column: str, seen: list[object], destination: str, taken: set[str]) -> Proposal:
    field = header_words.field_of(column, is_event=destination == fields.EVENTS)
    if field and field not in taken and _is_allowed(field, destination):
        return _known(column, field, seen)
    field = f"properties.{column.strip()}"
    is_free = field not in taken and not fields.problem(field, destination)
    type, form, decimal = _type_of(column, seen)
    return Proposal(column, field if is_free else "", False, type, form, decimal)


def _is_allowed(field: str, destination: str) -> bool:
    if field.startswith("consent."):
        return destination == fields.SUBSCRIPTIONS
    if field in fields.IDENTIFIERS:
        return True  # which may be the identity
    return field in ("time", "metric") or not fields.problem(field, destination)


def _known(column: str, field: str, seen: list[object]) -> Proposal:
    if field in ("consent.email", "consent.sms"):
        words = dict.fromkeys(plain(value).strip() for value in seen)
        yes = tuple(word for word in words if header_words.fold(word) in _YES_OF_CONSENT)
        return Proposal(column, field, True, "yes_no", yes=yes)
    if field in ("time", "consent.consented_at"):
        return Proposal(column, field, True, "moment", date_forms.forms_of_dates(seen))
    if field in fields.NUMBERS:
        return Proposal(column, field, True, "number", decimal=_decimal_of(seen) or "")
    return Proposal(column, field, True)


def _type_of(column: str, seen: list[object]) -> tuple[str, str, str]:
    """Type, form of dates, and decimal mark, as far as all values have them."""
    if not seen:
        return "text", "", ""
    if all(isinstance(value, str) for value in seen):
        return _type_of_texts(column, [str(value).strip() for value in seen])
    if all(isinstance(value, bool) for value in seen):
        return "yes_no", "", ""
    if all(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in seen):
        return "number", "", ""
    if all(isinstance(value, date) for value in seen):
        return ("moment" if any(isinstance(value, datetime) for value in seen) else "date"), "iso", ""
    if all(isinstance(value, list | tuple) for value in seen):
        return "list", "", ""
    return ("json" if any(isinstance(value, dict) for value in seen) else "text"), "", ""


def _type_of_texts(column: str, texts: list[str]) -> tuple[str, str, str]:
    if all(text.casefold() in yes_no.YES | yes_no.NO and not text.isdigit() for text in texts):
        return "yes_no", "", ""
    if not any(_LIKE_A_CODE.match(text) for text in texts) and (decimal := _decimal_of(texts)) is not None:
        return "number", "", decimal
    if (form := date_forms.forms_of_dates(texts)) and form not in ("excel", "unix", "unix_ms"):
        return ("date" if all(len(text) <= 10 for text in texts) else "moment"), form, ""
    if all(text[:1] == "[" and text[-1:] == "]" for text in texts) or header_words.fold(column) in _TAGS:
        return "list", "", ""
    return ("json" if all(text[:1] == "{" and text[-1:] == "}" for text in texts) else "text"), "", ""


def _decimal_of(seen: Sequence[object]) -> str | None:
    """The decimal mark with which all are numbers; empty where it does not matter, None where they are none."""
    texts = [plain(value) for value in seen]
    marks = [mark for mark in (".", ",") if all(_is_number(text, mark) for text in texts)]
    if not texts or not marks:
        return None
    return marks[0] if len(marks) == 1 else ""


def _is_number(text: str, mark: Any) -> bool:
    try:
        numbers.exact(text, mark)
    except Trouble:
        return False
    return True
