"""One row stepped through: for each field its column, its value, and what becomes of it or why not."""

from dataclasses import dataclass
from typing import Any

from klaviyo.syncs.columns import events
from klaviyo.syncs.columns.cells import Trouble, is_word
from klaviyo.syncs.columns.extras import Extra
from klaviyo.syncs.columns.parts import TARGETS, Cells, Part

LEFT_ALONE = "It is empty: what Klaviyo has is left alone."
CLEARED = "It is empty: what Klaviyo has is cleared."
NOT_KEPT = "Klaviyo keeps no 0 of an event: send it as text where it matters."


@dataclass(frozen=True, slots=True)
class Step:
    """One field: `becomes` is what is told, None for nothing; `is_refused` when it keeps the whole row back."""

    field: str
    column: str
    value: object
    becomes: Any = None
    note: str = ""
    is_refused: bool = False


def steps(
    cells: Cells,
    identity: Part,
    parts: tuple[Part, ...],
    constants: tuple[dict[str, Any], ...],
    extras: tuple[Extra, ...],
    *,
    is_event: bool,
) -> tuple[Step, ...]:
    """The identity first, then constants and fields, then what the destination needs besides."""
    who = _of_identity(identity, cells)
    found = [who]
    for target, told in zip(TARGETS, constants, strict=True):
        for name, value in told.items():
            found.append(Step(f"{target}.{name}" if target else name, "", value, value, "It is the same in every row."))
    payload = dict(constants[0])
    for part in parts:
        step = _of_part(part, cells, is_event=is_event)
        found.append(step)
        if step.becomes is not None and not part.target:
            payload[part.name] = step.becomes
    for extra in extras:
        step = _of_extra(extra, cells, payload, who.becomes or "")
        found.append(step)
        payload[extra.name] = step.becomes
    return tuple(found)


def _of_identity(part: Part, cells: Cells) -> Step:
    value, seen = _value(part, cells)
    if seen is None or seen == "":
        return Step(part.field, part.label, seen, None, sentence(part.label, "is empty"), is_refused=True)
    return _read(part, value, seen, [])


def _of_part(part: Part, cells: Cells, *, is_event: bool) -> Step:
    try:
        value, seen = _value(part, cells)
    except Trouble as trouble:
        return _refused(part.field, part.label, None, trouble)
    if value is None or value == "" or (part.words is not None and is_word(value, part.words)):
        return Step(part.field, part.label, seen, None, CLEARED if part.cleared else LEFT_ALONE)
    step = _read(part, value, seen, [])
    if step.is_refused or step.note:
        return step
    if step.becomes is None:
        return Step(part.field, part.label, seen, None, CLEARED if part.cleared else LEFT_ALONE)
    if is_event and part.target and events.is_not_kept(step.becomes):
        return Step(part.field, part.label, seen, step.becomes, NOT_KEPT)
    return step


def _of_extra(extra: Extra, cells: Cells, payload: dict[str, Any], identity: str) -> Step:
    value, warnings = cells[extra.place], list[str]()
    try:
        made = extra.read(value, warnings, payload, identity)
    except Trouble as trouble:
        return _refused(extra.name, extra.label, value, trouble)
    note = "" if made is not False else "It is no word that means yes: nothing is said, neither yes nor no."
    return Step(extra.name, extra.label, value, made, " ".join(warnings) or note)


def _read(part: Part, value: Any, seen: object, warnings: list[str]) -> Step:
    try:
        made = part.read(value, warnings)
    except Trouble as trouble:
        return _refused(part.field, part.label, seen, trouble)
    return Step(part.field, part.label, seen, made, " ".join(f"{one}." for one in warnings))


def _value(part: Part, cells: Cells) -> tuple[Any, object]:
    """What the part reads, and what a person sees of it: of a phone number without its country."""
    if part.make is None:
        return cells[part.place], cells[part.place]
    value = part.make(cells)
    return value, value[0] if isinstance(value, tuple) else value


def _refused(field: str, column: str, value: object, trouble: Trouble) -> Step:
    return Step(field, column, value, None, sentence(trouble.label or column, str(trouble)), is_refused=True)


def sentence(column: str, trouble: str) -> str:
    """A trouble with the column that it is about."""
    return f"{column}: {trouble}."
