"""File command, `manage.py sync_file customers.csv`: how a sync would read it, and what it could not."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from klaviyo.management.console import pipes
from klaviyo.syncs.sources import encodings, files, json_lines, readings
from klaviyo.syncs.sources.contents import NotThere, OnDisk
from klaviyo.syncs.sources.readings import JSON_LINES, Reading
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Table, Warned

WHOLE, SOME_REFUSED, UNUSABLE, FAILED = 0, 1, 2, 3
SHOWN = 20  # rows, and lines of each kind of trouble
LONGEST = 40  # characters of a value
WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}


class Command(BaseCommand):
    help = (
        "Show how a sync would read a file (CSV or JSON lines): encoding, delimiter, header, columns, rows, and each "
        "line that it would refuse. Nothing is stored or sent. Ends with 0, with 1 where lines are refused, with 2 "
        "where there is no such file, with 3 where the file cannot be read to its end."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="its path")
        parser.add_argument("--json", action="store_true", help="all of it, with every row, as one JSON object")
        parser.add_argument("--encoding", help="such as cp1252, in place of what the file proposes")
        parser.add_argument("--delimiter", help="one character, or tab, or “json lines”; likewise")
        parser.add_argument("--header-line", type=int, help="a line's number, or 0 where there is none; likewise")

    def handle(self, *_args: Any, **options: Any) -> None:
        chosen = _chosen(options)
        shown = _AsJson(self._write) if options["json"] else _ForPeople(self._write, Path(options["file"]).name)
        try:
            status = self._read(options, chosen, shown)
        except BrokenPipeError:
            pipes.forget_the_reader(self.stdout)
            return
        if status:
            raise SystemExit(status)

    def _read(self, options: dict[str, Any], chosen: dict[str, str | None], shown: "_AsJson | _ForPeople") -> int:
        status, reading = WHOLE, None
        with shown:
            try:
                content = OnDisk(Path(options["file"]))
                reading = readings.proposed(content, **chosen)
                if (line := options["header_line"]) is not None:
                    reading = replace(reading, header_line=line or None)
                table = files.table(content, reading)
                shown.begin(reading, table)
                for one in table:
                    shown.add(one)
                    status = max(status, SOME_REFUSED if isinstance(one, BadRow) else WHOLE)
                shown.end("", reading)
            except SourceError as error:
                shown.end(str(error), reading)
                return UNUSABLE if isinstance(error, NotThere) else FAILED
        return status

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")


def _chosen(options: dict[str, Any]) -> dict[str, str | None]:
    """What somebody has chosen in place of what the file proposes."""
    encoding, delimiter, line = options["encoding"], options["delimiter"], options["header_line"]
    delimiter = WORDS.get(delimiter, delimiter)
    try:
        if encoding is not None:
            encodings.checked(encoding)
        if delimiter is not None:
            readings.checked_delimiter(delimiter)
    except SourceError as error:
        raise CommandError(str(error), returncode=UNUSABLE) from None
    if line is not None and line < 0:
        raise CommandError("--header-line is a line's number, or 0 where there is none.", returncode=UNUSABLE)
    return {"encoding": encoding, "delimiter": delimiter}


class _AsJson(ExitStack):
    """One object, written as it is read; what is refused waits in files, however much it is."""

    def __init__(self, write: Any) -> None:
        super().__init__()
        self._write, self._counts, self._has_begun = write, {Row: 0, BadRow: 0, Warned: 0}, False
        self._aside = {kind: self.enter_context(TemporaryFile("w+")) for kind in (BadRow, Warned)}  # noqa: SIM115

    def begin(self, reading: Reading | None, table: Table | None) -> None:
        how = reading.as_json() if reading else dict.fromkeys(("encoding", "delimiter", "header_line"))
        head = json.dumps({**how, "columns": list(table.columns) if table else []})
        self._write(f'{head[:-1]},\n"rows": [')
        self._has_begun = True

    def add(self, one: Row | BadRow | Warned) -> None:
        kind = type(one)
        comma = "," if self._counts[kind] else ""
        self._counts[kind] += 1
        if isinstance(one, Row):
            self._write(f"{comma}\n{json.dumps([json_lines.as_text(value) for value in one.values])}")
            return
        said = one.reason if isinstance(one, BadRow) else one.warning
        self._aside[type(one)].write(f"{comma}\n{json.dumps(str(one.number))}: {json.dumps(said)}")

    def end(self, error: str, reading: Reading | None) -> None:
        if not self._has_begun:
            self.begin(reading, None)
        self._write(f'],\n"row_count": {self._counts[Row]}')
        for name, kind in (("rejected_lines", BadRow), ("warned", Warned)):
            self._write(f',\n"{name}": {{')
            for part in _parts(self._aside[kind]):
                self._write(part)
            self._write("}")
        self._write(f',\n"file_error": {json.dumps(error or None)}}}\n')


def _parts(aside: Any) -> Iterator[str]:
    aside.seek(0)
    while part := aside.read(1 << 16):
        yield part


class _ForPeople(ExitStack):
    """Sentences, the first rows, and the first lines of each kind of trouble."""

    def __init__(self, write: Any, name: str) -> None:
        super().__init__()
        self._write, self._name = write, name
        self._counts = {Row: 0, BadRow: 0, Warned: 0}

    def begin(self, reading: Reading, table: Table) -> None:
        self._line(f"{self._name}: {encodings.name_of(reading.encoding)}, {_how(reading)}.")
        columns = table.columns[:SHOWN]
        more = f" and {len(table.columns) - SHOWN:,} more" if len(table.columns) > SHOWN else ""
        self._line(f"{len(table.columns):,} columns: {', '.join(map(_short, columns))}{more}.")

    def add(self, one: Row | BadRow | Warned) -> None:
        kind = type(one)
        self._counts[kind] += 1
        if self._counts[kind] > SHOWN:
            return
        if isinstance(one, Row):
            values = (_short(json_lines.as_text(value)) for value in one.values[:SHOWN])
            self._line(f"  {one.number}  {' | '.join(values)}")
        else:
            self._line(f"Refused: {one.reason}." if isinstance(one, BadRow) else f"Line {one.number}: {one.warning}.")

    def end(self, error: str, _reading: Reading | None) -> None:
        if error:
            self._line(f"{self._name} cannot be read{' to its end' if any(self._counts.values()) else ''}: {error}")
        self._line(f"Good rows: {self._counts[Row]:,}. Refused lines: {self._counts[BadRow]:,}.")

    def _line(self, text: str) -> None:
        self._write("".join(one if one.isprintable() else " " for one in text) + "\n")


def _how(reading: Reading) -> str:
    if reading.delimiter == JSON_LINES:
        return "JSON lines"
    word = next((word for word, one in WORDS.items() if one == reading.delimiter), f"“{reading.delimiter}”")
    header = f"header on line {reading.header_line}" if reading.header_line else "no header"
    return f"delimiter {word}, {header}"


def _short(text: str | None) -> str:
    if text is None:
        return "(missing)"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
