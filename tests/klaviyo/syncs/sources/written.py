"""Files that tests write, and what comes of reading them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from klaviyo.syncs.sources import files, readings
from klaviyo.syncs.sources.contents import OnDisk
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Warned


@dataclass
class Read:
    """A file as it was read."""

    encoding: str = ""
    delimiter: str = ""
    header_line: int | None = None
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    warned: dict[int, str] = field(default_factory=dict)
    error: str = ""


def read(folder: Path, content: bytes, **chosen: Any) -> Read:
    """What is read of a file with this content."""
    file = folder / "customers.csv"
    file.write_bytes(content)
    return read_from(file, **chosen)


def read_from(file: Path, **chosen: Any) -> Read:
    found = Read()
    try:
        content = OnDisk(file)
        reading = readings.proposed(content, **chosen)
        found.encoding, found.delimiter, found.header_line = reading.encoding, reading.delimiter, reading.header_line
        table = files.table(content, reading)
        found.columns = list(table.columns)
        for one in table:
            match one:
                case Row():
                    found.rows.append(one.values)
                    found.numbers.append(one.number)
                case BadRow():
                    found.refused[one.number] = one.reason
                case Warned():
                    found.warned[one.number] = one.warning
    except SourceError as error:
        found.error = str(error)
    return found
