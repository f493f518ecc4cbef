"""Reading of what callers send: JSON that is one object, checked against a model, with all that is wrong at once."""

import difflib
import itertools
import json
import math
import re
import typing
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from integrations.api.outcome import FAILURE, Outcome, Problem, failure

DEEPEST = 50
MOST_PROBLEMS = 100  # in one answer
EXACT = 2**53  # below, a float tells whole numbers apart
BROKEN = "invalid_json"
INVALID = "invalid"
#: What a text is that a form or a command line has for a number.
PLAIN = {
    "int_parsing": "This is no whole number.",
    "float_parsing": "This is no number.",
    "bool_parsing": "This is neither yes nor no: say true or false.",
}

Model = TypeVar("Model", bound=BaseModel)
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """What is wrong with the text, as a sentence that quotes nothing of it."""


def checked(model: type[Model], raw: bytes) -> Model | Outcome:
    """An instance of the model, or the failure that says what is wrong, every field at once.

    Strict: `"true"` is no boolean. https://docs.pydantic.dev/latest/concepts/strict_mode/
    """
    try:
        given = read_object(raw)
    except Unreadable as problem:
        return failure(BROKEN, str(problem))
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        found = error
    if any(one["type"].startswith("int_") for one in found.errors(include_url=False, include_input=False)):
        try:
            return model.model_validate_json(_with_whole_numbers(raw), strict=True)
        except ValidationError as error:
            found = error
    return invalid(problems(found, model, given))


def invalid(found: Sequence[Problem]) -> Outcome:
    """The failure of an input in which these are wrong."""
    fields = ", ".join(dict.fromkeys(problem.pointer or "the whole" for problem in found[:5]))
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return Outcome(FAILURE, f"The input is not valid: {fields}{more}.", errors=tuple(found[:MOST_PROBLEMS]))


def problems(error: ValidationError, model: type[BaseModel], given: Any) -> list[Problem]:
    """What a model objects to: a problem for each place in the input, with a JSON pointer."""
    said: dict[str, list[str]] = {}
    for one in error.errors(include_url=False, include_input=False):
        path = _path(one, given)
        said.setdefault(_pointer(path), []).append(_words(one, path, model))
    return [Problem(INVALID, _joined(words), pointer=pointer) for pointer, words in said.items()]


def read_object(raw: bytes) -> dict[str, Any]:
    """The one JSON object of a body; `Unreadable` for anything else, or for what databases and programs choke on."""
    if not raw.strip():
        raise Unreadable("The body is empty: send a JSON object.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"The body is not UTF-8 (byte {error.start}).") from None
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float)
    except Unreadable:
        raise
    except json.JSONDecodeError as error:
        raise Unreadable(f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None
    except ValueError:
        raise Unreadable("The body holds a number with too many digits.") from None
    if not isinstance(found, dict):
        raise Unreadable(f"The body is {_kind(found)}: send a JSON object.")
    _look_through(found, _has_odd_characters(raw))
    return found


_TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels."


def _has_odd_characters(raw: bytes) -> bool:
    """Whether it is worth looking for NUL and for halves of characters, which JSON can hold only as escapes."""
    return b"\\u0000" in raw or bool(_ESCAPED_HALF.search(raw))


def _look_through(found: dict[str, Any], is_odd: bool) -> None:
    """How deep it is; where there may be odd characters, which text has them."""
    level: list[tuple[str, Any]] = [("", found)]
    for depth in itertools.count(1):
        if not level:
            return
        if depth > DEEPEST and any(isinstance(one, (dict, list)) for _, one in level):
            raise Unreadable(_TOO_DEEP)
        if is_odd:
            _no_odd_characters(level)
        level = [pair for pointer, one in level for pair in _within(pointer, one)]
        if not is_odd:
            level = [pair for pair in level if isinstance(pair[1], (dict, list))]


def _within(pointer: str, one: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(one, dict):
        for name, value in one.items():
            yield f"{pointer}/{_escaped(name)}", value
    elif isinstance(one, list):
        for number, value in enumerate(one):
            yield f"{pointer}/{number}", value


def _no_odd_characters(level: list[tuple[str, Any]]) -> None:
    for pointer, one in level:
        texts = list(one) if isinstance(one, dict) else [one] if isinstance(one, str) else []
        for text in texts:
            if "\x00" in text:
                raise Unreadable(f"The body holds a NUL character (at {_shown(pointer)}).")
            if _HALF.search(text):
                raise Unreadable(f"The body holds half a character, a lone surrogate (at {_shown(pointer)}).")


def _shown(pointer: str) -> str:
    return _HALF.sub("\ufffd", pointer.replace("\x00", "\ufffd"))[:200] or "the top"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise Unreadable(f"The body names {_shown(twice)} twice in one object.")
    return found


def _no_number(word: str) -> NoReturn:
    raise Unreadable(f"The body holds {word}, which is no JSON number.")


def _float(digits: str) -> float:
    found = float(digits)
    if math.isinf(found):
        raise Unreadable("The body holds a number that is too large.")
    return found


def _with_whole_numbers(raw: bytes) -> bytes:
    """The same with 10 for 10.0, which is an integer as well.

    https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.3
    """
    return json.dumps(json.loads(raw, parse_float=_whole)).encode()


def _whole(digits: str) -> int | float:
    found = float(digits)
    return int(found) if found.is_integer() and abs(found) < EXACT else found


def _kind(found: Any) -> str:
    match found:
        case list():
            return "a list"
        case str():
            return "a text"
        case bool():
            return "true or false"
        case None:
            return "null"
    return "a number"


def _path(one: ErrorDetails, given: Any) -> list[str | int]:
    """Where in the input it is: pydantic also names which member of a union it was, which is no place."""
    path: list[str | int] = []
    here, last = given, len(one["loc"]) - 1
    for number, part in enumerate(one["loc"]):
        if isinstance(here, dict) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not (number == last and one["type"] == "missing"):
            continue
        path.append(part)
    about = one.get("ctx", {}).get("field")  # a rule across fields says which of them is to be changed
    return [*path, str(about)] if about else path


def _pointer(path: Sequence[str | int]) -> str:
    """https://www.rfc-editor.org/rfc/rfc6901"""
    return "".join(f"/{_escaped(str(part))}" for part in path)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _words(one: ErrorDetails, path: Sequence[str | int], model: type[BaseModel]) -> str:
    if one["type"] == "extra_forbidden":
        names = [name for name in names_at(model, path[:-1]) if name != path[-1]]
        near = difflib.get_close_matches(str(path[-1]).lower(), names, 1, cutoff=0.6)
        return f"There is no such field: did you mean {near[0]}?" if near else "There is no such field."
    if one["type"] == "missing" and "sentence" not in one.get("ctx", {}):  # a rule of ours says itself what is missing
        return "This is required."
    if one["type"] in PLAIN:
        return PLAIN[one["type"]]
    words = one["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if words.startswith("Value should have at"):  # a text whose characters are looked at before its length
        words = words.removesuffix(f" after validation, not {one['ctx'].get('actual_length')}")
        words = "String" + words.removeprefix("Value").replace(" item", " character")
    return words if words.endswith((".", "?", "!")) else f"{words}."


def _joined(words: list[str]) -> str:
    """One sentence for each, once."""
    return " Or: ".join(dict.fromkeys(words))


def names_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The names of the fields, and their other names, of the models that stand at a place of this one."""
    found = [model]
    for part in path:
        if isinstance(part, int):
            continue
        found = [inner for one in found for inner in _models_of(one, part)]
    return sorted({name for one in found for field in one.model_fields for name in _names(one, field)})


def _names(model: type[BaseModel], field: str) -> set[str]:
    info = model.model_fields[field]
    found = {field, info.alias} if isinstance(info.alias, str) else {field}
    match info.validation_alias:
        case str() as alias:
            found.add(alias)
        case None:
            pass
        case several:
            found |= {str(choice) for choice in getattr(several, "choices", ()) if isinstance(choice, str)}
    return {name for name in found if name}


def _models_of(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    annotations = [model.model_fields[field].annotation for field in model.model_fields if name in _names(model, field)]
    return [inner for one in annotations for inner in _models_in(one)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)
