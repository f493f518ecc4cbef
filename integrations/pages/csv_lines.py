"""CSV lines: handed out while they are read, and no cell that a spreadsheet would run as a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file for the csv module, which hands each line back."""

    def write(self, line: str) -> str:
        return line


def of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The header, and a line for each row."""
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow(map(_safe, row))


def _safe(cell: str) -> str:
    """A cell that starts like a formula gets an apostrophe: https://owasp.org/www-community/attacks/CSV_Injection."""
    return f"'{cell}" if cell.lstrip().startswith(FORMULAS) or cell.startswith(FORMULAS) else cell
