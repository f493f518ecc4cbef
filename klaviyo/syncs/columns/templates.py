"""Templates: several columns in one text, as in "{First} {Last}"."""

import re
from collections.abc import Callable, Mapping

from klaviyo.syncs.columns.cells import is_word, plain

_PLACE = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]+)\}|(?P<odd>[{}])")
_BLANKS = re.compile(r" {2,}")

Make = Callable[[tuple[object, ...]], str | None]


def problem(template: str, columns: Mapping[str, int]) -> str:
    """Why it is no template of these columns; empty when it is one."""
    names = []
    for found in _PLACE.finditer(template):
        if found["odd"]:
            return "A column stands in { and }, as in {First} {Last}; a brace itself is written twice."
        if found["name"]:
            names.append(found["name"])
    if unknown := [name for name in names if name not in columns]:
        return f"There is no column {unknown[0]} in the source: choose another, or bring it back."
    return "" if names else "There is no column in it: name one, as in {First} {Last}, or choose a constant."


def names(template: str) -> list[str]:
    """The columns that it names."""
    return [found["name"] for found in _PLACE.finditer(template) if found["name"]]


def maker(template: str, columns: Mapping[str, int], words: frozenset[str] | None = None) -> Make:
    """What makes the text of a row: None when all its columns are empty; what some leave is not two blanks."""
    pieces: list[str | int] = []
    end = 0
    for found in _PLACE.finditer(template):
        pieces += [template[end : found.start()], columns[found["name"]] if found["name"] else found[0][0]]
        end = found.end()
    pieces.append(template[end:])

    def make(cells: tuple[object, ...]) -> str | None:
        texts, is_filled, is_short = [], False, False
        for piece in pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            value = cells[piece]
            text = "" if words is not None and is_word(value, words) else plain(value)
            is_filled = is_filled or text != ""
            is_short = is_short or text == ""
            texts.append(text)
        if not is_filled:
            return None
        made = "".join(texts)
        return _BLANKS.sub(" ", made).strip() if is_short else made

    return make
