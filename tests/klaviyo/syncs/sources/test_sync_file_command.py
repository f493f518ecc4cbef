"""`manage.py sync_file`: what it prints, and how it ends."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

CSV = b"id;city\n1;K\xf6ln\n2;Bern;Rome\n3\n"


def run(*words: str) -> tuple[int, str]:
    said = io.StringIO()
    try:
        call_command("sync_file", *words, stdout=said)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def as_json(*words: str) -> tuple[int, dict[str, Any]]:
    status, said = run(*words, "--json")
    return status, json.loads(said)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "customers.csv"
    file.write_bytes(CSV)
    return file


def test_all_of_it_as_one_object(file: Path) -> None:
    assert as_json(str(file)) == (
        1,
        {
            "encoding": "cp1252",
            "delimiter": ";",
            "header_line": 1,
            "columns": ["id", "city"],
            "rows": [["1", "Köln"], ["3", None]],
            "row_count": 2,
            "rejected_lines": {"3": "line 3: 3 values for 2 columns"},
            "warned": {"4": "shorter than the header: missing values are empty"},
            "file_error": None,
        },
    )


def test_values_of_json_are_text_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1.50, "b": true, "c": [1, {"x": 2.10}], "d": null, "e": 9007199254740993, "f": "\\ud83d"}\n')
    status, found = as_json(str(file))
    assert (status, found["rows"]) == (0, [["1.50", "true", '[1, {"x": 2.10}]', None, "9007199254740993", "\ud83d"]])


def test_what_stops_it_is_said_with_what_was_read_before(file: Path) -> None:
    file.write_bytes(b'id,city\n1,Rome\n2,"Bern\n')
    status, found = as_json(str(file))
    assert (status, found["row_count"], found["columns"]) == (3, 1, ["id", "city"])
    assert found["file_error"] == "line 3, column 3: a quotation mark opens here and is never closed"
    file.write_bytes(b"\x1f\x8b\x08")
    status, found = as_json(str(file))
    assert (status, found["encoding"], found["rows"]) == (3, None, [])
    assert "compressed" in found["file_error"]


def test_no_such_file_is_another_end(file: Path) -> None:
    status, found = as_json(str(file.parent / "none.csv"))
    assert (status, found["row_count"]) == (2, 0)
    assert found["file_error"] == "There is no file none.csv there. Check its path."
    assert as_json(str(file.parent))[0] == 2


def test_for_people(file: Path) -> None:
    status, said = run(str(file))
    assert status == 1
    assert said.splitlines() == [
        "customers.csv: Windows-1252, delimiter semicolon, header on line 1.",
        "2 columns: id, city.",
        "  2  1 | Köln",
        "Refused: line 3: 3 values for 2 columns.",
        "Line 4: shorter than the header: missing values are empty.",
        "  4  3 | (missing)",
        "Good rows: 2. Refused lines: 1.",
    ]


def test_people_see_the_first_rows_and_nothing_that_steers_their_terminal(file: Path) -> None:
    file.write_bytes(b"id,note\n" + b"".join(b"%d,\x1b[2J\n" % n for n in range(1000)))
    status, said = run(str(file))
    assert (status, len(said.splitlines()), "\x1b" in said) == (0, 23, False)
    assert said.splitlines()[-1] == "Good rows: 1,000. Refused lines: 0."
    file.write_bytes(b'{"a": "\\ud83d"}\n{"a": 1}\n')
    assert "(1 column" not in run(str(file))[1]
    run(str(file))[1].encode()


def test_a_person_chooses_otherwise(file: Path) -> None:
    _, found = as_json(str(file), "--encoding", "cp1250", "--delimiter", "comma", "--header-line", "0")
    assert (found["encoding"], found["delimiter"], found["header_line"]) == ("cp1250", ",", None)
    assert found["rows"] == [["id;city"], ["1;Köln"], ["2;Bern;Rome"], ["3"]]
    _, found = as_json(str(file), "--header-line", "2")
    assert found["columns"] == ["1", "Köln"]


@pytest.mark.parametrize(
    "words", [["--encoding", "klingon"], ["--encoding", "zip"], ["--delimiter", "ab"], ["--header-line", "-1"]]
)
def test_a_choice_that_is_none_is_bad_input(words: list[str], file: Path) -> None:
    with pytest.raises(CommandError) as refused:
        run(str(file), *words)
    assert refused.value.returncode == 2


def test_whoever_reads_may_go_away(file: Path) -> None:
    file.write_bytes(b"id,city\n" + b"1,Rome\n" * 200_000)
    with subprocess.Popen(
        [sys.executable, "manage.py", "sync_file", str(file), "--json"],
        env={**os.environ, "VAR_DIR": str(file.parent), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(1000)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
