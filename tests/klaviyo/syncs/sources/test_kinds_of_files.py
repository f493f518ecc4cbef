"""Files as people bring them, of twenty kinds and more: read right, or refused in words."""

import gzip
import json
import os
import random
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from klaviyo.syncs.sources import lines
from klaviyo.syncs.sources.delimited import SHORT
from tests.klaviyo.syncs.sources.written import Read, read, read_from

NINE = b"".join(b"%d,p%d@tea.test,Rome\n" % (n, n) for n in range(1, 10))
HEADER = b"id,email,city\n"


def rows_of(found: Read) -> list[list[object]]:
    assert found.error == ""
    return [list(row) for row in found.rows]


def test_a_byte_order_mark_is_no_part_of_the_first_header(tmp_path: Path) -> None:
    found = read(tmp_path, b'\xef\xbb\xbf"Email",City\r\nann@tea.test,K\xc3\xb6ln\r\n')
    assert (found.encoding, found.columns) == ("utf-8-sig", ["Email", "City"])
    assert rows_of(found) == [["ann@tea.test", "Köln"]]


def test_a_mark_is_none_either_where_it_was_not_expected(tmp_path: Path) -> None:
    found = read(tmp_path, b"\xef\xbb\xbfEmail,City\nann@tea.test,Rome\n", encoding="utf-8")
    assert found.columns == ["Email", "City"]


def test_semicolons_and_what_windows_writes(tmp_path: Path) -> None:
    text = "Mail;Betrag;Notiz\r\nann@tea.test;1.234,50;„gut“ — 5 €\r\nben@tea.test;12,00;\r\n"
    found = read(tmp_path, text.encode("cp1252"))
    assert (found.encoding, found.delimiter, found.header_line) == ("cp1252", ";", 1)
    assert rows_of(found) == [["ann@tea.test", "1.234,50", "„gut“ — 5 €"], ["ben@tea.test", "12,00", ""]]


@pytest.mark.parametrize(
    ("encoding", "mark", "read_as"),
    [
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("utf-32-le", b"\xff\xfe\x00\x00", "utf-32"),
    ],
)
def test_unicode_text_of_a_spreadsheet(encoding: str, mark: bytes, read_as: str, tmp_path: Path) -> None:
    text = "Email\tName\tStadt\r\nann@tea.test\tŁucja\t東京\r\nben@tea.test\tБэн\t\r\n"
    found = read(tmp_path, mark + text.encode(encoding))
    assert (found.encoding, found.delimiter, found.columns) == (read_as, "\t", ["Email", "Name", "Stadt"])
    assert rows_of(found) == [["ann@tea.test", "Łucja", "東京"], ["ben@tea.test", "Бэн", ""]]


def test_utf_16_that_breaks_off_refuses_its_last_line(tmp_path: Path) -> None:
    found = read(tmp_path, b"\xff\xfe" + "id\tcity\n1\tRome\n2\tBern".encode("utf-16-le")[:-1])
    assert rows_of(found) == [["1", "Rome"]]
    assert found.refused == {3: "line 3, column 6: bytes that are no UTF-16"}


def test_line_ends_and_quotation_marks_in_cells(tmp_path: Path) -> None:
    found = read(tmp_path, b'id,note,tags\n1,"a ""b""\r\n,c","x, y"\n2,plain,\n3,"\n\n",z\n')
    assert rows_of(found) == [["1", 'a "b"\r\n,c', "x, y"], ["2", "plain", ""], ["3", "\n\n", "z"]]
    assert found.numbers == [2, 4, 5]


def test_cells_are_text_as_they_stand(tmp_path: Path) -> None:
    cells = ["'007", "+442079460018", "4.91512E+12", "03/04/2026", "0", "00012", " x ", "NULL", "=1+1", '""']
    found = read(tmp_path, ("a,b,c,d,e,f,g,h,i,j\n" + ",".join(cells) + "\n").encode())
    assert rows_of(found) == [[*cells[:-1], ""]]


def test_doubled_and_blank_headers_get_names(tmp_path: Path) -> None:
    found = read(tmp_path, b"email,name,NAME ,,name_2,\na@tea.test,1,2,3,4,5\n")
    assert found.columns == ["email", "name", "NAME_3", "column_4", "name_2", "column_6"]


def test_commas_at_the_ends_of_rows_are_no_column_and_blank_lines_no_rows(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,email\n1,a@tea.test,\n\n,,\n ,\n2,b@tea.test,,,\n")
    assert rows_of(found) == [["1", "a@tea.test"], ["2", "b@tea.test"]]
    assert (found.numbers, found.refused, found.warned) == ([2, 6], {}, {})


def test_a_short_row_is_warned_of_and_a_long_one_refused(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + NINE + b"10,j@tea.test\n11,k@tea.test,Rome,Oslo\n12,l@tea.test,Bern\n")
    assert (len(found.rows), found.rows[9], found.rows[10][0]) == (11, ("10", "j@tea.test", None), "12")
    assert found.warned == {11: SHORT}
    assert found.refused == {12: "line 12: 4 values for 3 columns"}


def test_text_after_a_closing_quotation_mark_refuses_its_line_alone(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + b'1,"a"b,Rome\n2,b@tea.test,"the "old" town"\n3,c@tea.test,Bern\n')
    assert rows_of(found) == [["3", "c@tea.test", "Bern"]]
    assert found.refused == {
        2: "line 2, column 6: text after a closing quotation mark",
        3: "line 3, column 20: text after a closing quotation mark",
    }


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (b"6,f@tea.test,Rome\n", "a quotation mark opens here and is never closed"),
        (b'6,"f@tea.test",Rome\n', "a quotation mark opens here, and the next one, in line 3, has text after it"),
    ],
)
def test_a_quotation_mark_that_stays_open_stops_it_all(rest: bytes, said: str, tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + b'5,"e@tea.test,Rome\n' + rest)
    assert (found.rows, found.error) == ([], f"line 2, column 3: {said}")


def test_it_is_named_where_it_opens_though_the_row_begins_before(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + b'5,"e\n@tea","Rome\n6,f,g\n')
    assert found.error == "line 3, column 7: a quotation mark opens here and is never closed"


def test_a_row_over_several_lines_with_too_few_values_is_not_trusted(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + b'1,"a@tea.test,Rome\n2,b@tea.test,Bern"\n3,c@tea.test,Oslo\n')
    assert rows_of(found) == [["3", "c@tea.test", "Oslo"]]
    assert found.refused == {2: "line 2: 2 values for 3 columns, on lines 2 to 3"}


def test_a_blank_before_a_quotation_mark_is_not_taken_for_text(tmp_path: Path) -> None:
    found = read(tmp_path, b'id,name\n1, "Ann"\n2,Ben\n3,"a, ""b"""\n')
    assert rows_of(found) == [["2", "Ben"], ["3", 'a, "b"']]
    assert found.refused == {2: "line 2: a blank stands before a quotation mark, which quotes nothing then"}


@pytest.mark.parametrize("padding", [b"", b";;"])
def test_lines_before_the_header(padding: bytes, tmp_path: Path) -> None:
    title = b"Customers" + padding + b"\nMade on 2026-11-20" + padding + b"\n" + padding + b"\n"
    found = read(tmp_path, title + b"id;email;spent\n1;a@tea.test;10,00\nTotal;;10,00\n")
    assert (found.delimiter, found.header_line, found.columns) == (";", 4, ["id", "email", "spent"])
    assert rows_of(found) == [["1", "a@tea.test", "10,00"], ["Total", "", "10,00"]]
    assert found.numbers == [5, 6]


def test_the_separator_that_excel_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, b"sep=|\r\nid|note\r\n1|a;b,c\r\n2|d;e,f\r\n")
    assert (found.delimiter, found.header_line) == ("|", 2)
    assert rows_of(found) == [["1", "a;b,c"], ["2", "d;e,f"]]


@pytest.mark.parametrize(("cell", "delimiter"), [("a@tea.test;b", ","), ("Lee, Ann", "|"), ("a, b;c", "|")])
def test_one_column_with_a_delimiter_in_a_cell(cell: str, delimiter: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"name\nann\n{cell}\nben\n".encode())
    assert (found.delimiter, found.columns) == (delimiter, ["name"])
    assert rows_of(found) == [["ann"], [cell], ["ben"]]


def test_one_column_whose_every_cell_has_a_comma(tmp_path: Path) -> None:
    for cell in ("Lee, Ann", "12,50"):
        found = read(tmp_path, f"it\n{cell}\n{cell}\n{cell}\n".encode())
        assert (found.header_line, rows_of(found)) == (1, [[cell]] * 3)


def test_a_header_shorter_than_its_rows_refuses_them(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,email\n1,a@tea.test,Rome\n2,b@tea.test,Bern\n")
    assert (found.header_line, found.rows, list(found.refused)) == (1, [], [2, 3])


@pytest.mark.parametrize(("delimiter", "other"), [(";", ", "), (",", "; "), ("\t", ", "), (";", ",")])
def test_two_characters_that_part_every_line_alike(delimiter: str, other: str, tmp_path: Path) -> None:
    rows = ("name", "city", "country"), ("Ann", "Rome", "Italy"), ("Ben", "Bern", "Switzerland")
    text = "\n".join(f"{name}{delimiter}{city}{other}{country}" for name, city, country in rows)
    found = read(tmp_path, text.encode())
    assert (found.delimiter, found.columns) == (delimiter, ["name", f"city{other}country"])


def test_numbers_alone_are_no_header(tmp_path: Path) -> None:
    found = read(tmp_path, b"1001\n1002\n1003\n")
    assert (found.header_line, found.columns, rows_of(found)) == (None, ["column_1"], [["1001"], ["1002"], ["1003"]])


def test_without_a_header_nobody_is_taken_for_one(tmp_path: Path) -> None:
    found = read(tmp_path, b"a@tea.test,Ann\nb@tea.test,Ben\n")
    assert (found.header_line, found.columns) == (None, ["column_1", "column_2"])
    assert rows_of(found) == [["a@tea.test", "Ann"], ["b@tea.test", "Ben"]]


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
def test_each_kind_of_line_end(end: bytes, tmp_path: Path) -> None:
    found = read(tmp_path, end.join([b"id,city", b"1,Rome", b'2,"B\rn"', b"3,Oslo"]) + end)
    assert rows_of(found) == [["1", "Rome"], ["2", "B\rn"], ["3", "Oslo"]]


def test_line_ends_of_all_kinds_in_one_file(tmp_path: Path) -> None:
    found = read(tmp_path, b"id,city\r1,Rome\r\n2,Bern\n\r3,Oslo\r\r\n4,Turin")
    assert rows_of(found) == [["1", "Rome"], ["2", "Bern"], ["3", "Oslo"], ["4", "Turin"]]
    assert found.numbers == [2, 3, 5, 7]


def test_a_line_in_another_encoding_is_refused_alone(tmp_path: Path) -> None:
    cities = ["Köln".encode(), "Köln".encode("cp1252"), "Łódź".encode()]
    found = read(tmp_path, HEADER + b"".join(b"%d,x@tea.test,%s\n" % (n, city) for n, city in enumerate(cities)))
    assert (found.encoding, [row[2] for row in found.rows]) == ("utf-8", ["Köln", "Łódź"])
    assert found.refused == {3: "line 3, column 15: bytes that are no UTF-8"}


def test_a_line_in_utf_8_among_those_of_windows_is_refused_alone(tmp_path: Path) -> None:
    cities = ["Köln".encode("cp1252"), "Köln".encode(), "Málaga".encode("cp1252")]
    found = read(tmp_path, HEADER + b"".join(b"%d,x@tea.test,%s\n" % (n, city) for n, city in enumerate(cities)))
    assert (found.encoding, [row[2] for row in found.rows]) == ("cp1252", ["Köln", "Málaga"])
    assert found.refused == {3: "line 3, column 15: written in UTF-8, unlike the rest of the file"}


def test_letters_that_come_late_are_looked_for(tmp_path: Path) -> None:
    plain = HEADER + NINE * 5000
    for encoding in ("utf-8", "cp1252"):
        found = read(tmp_path, plain + "10,j@tea.test,Köln\n".encode(encoding))
        assert (found.encoding, found.rows[-1][2], found.refused) == (encoding, "Köln", {})


@pytest.mark.parametrize("length", range((1 << 16) - 6, (1 << 16) + 2))
def test_a_character_at_the_end_of_what_is_looked_at_first(length: int, tmp_path: Path) -> None:
    found = read(tmp_path, b"city\n" + b"x" * length + "東京".encode())
    assert (found.encoding, found.refused, str(found.rows[0][0])[-2:]) == ("utf-8", {}, "東京")


def test_an_empty_file_is_no_table(tmp_path: Path) -> None:
    for content in (b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b" \n" * 70_000):
        assert read(tmp_path, content).error == "The file is empty."


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    found = read(tmp_path, b"id;email")
    assert (found.columns, found.rows, found.error) == (["id", "email"], [], "")


def test_a_nul_refuses_its_line(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER + NINE + b"10,j@tea\0.test,Rome\n")
    assert (len(found.rows), found.refused) == (9, {11: "line 11, column 9: a NUL character, which is no text"})


def test_a_header_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    assert read(tmp_path, b"id,em\0ail\n1,2\n").error == (
        "The header cannot be read: line 1, column 6: a NUL character, which is no text."
    )
    assert "never closed" in read(tmp_path, b'id,"email\n1,2\n').error


def test_the_mark_for_the_end_of_a_file_is_no_row(tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, b"id,city\r\n1,Rome\r\n\x1a")) == [["1", "Rome"]]


def test_other_kinds_of_files_are_named(tmp_path: Path) -> None:
    database = tmp_path / "some.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()
    for content, said in (
        (gzip.compress(HEADER), "compressed (gzip)"),
        (b"PK\x03\x04" + bytes(40), "Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(40), "old Excel workbook"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><table>", "web page"),
        (b"PAR1" + bytes(9), "Parquet"),
        (database.read_bytes(), "SQLite database"),
        (random.Random(1).randbytes(5000), "no text"),
        (bytes(5000), "no text"),
        (b'[{"id": 1},\n{"id": 2}]', "one JSON document"),
        (b'{\n  "id": 1\n}', "one JSON document"),
    ):
        found = read(tmp_path, content)
        assert said in found.error, content[:20]
        assert found.rows == []


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "around").symlink_to(tmp_path / "around")
    for file, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.csv", "There is no file none.csv"),
        (tmp_path / "pipe", "no file with rows"),
        (tmp_path / "around", "cannot be read"),
        (Path("/proc/self/environ"), "no file with rows"),
        (Path("/dev/null"), "no file with rows"),
        (Path("a\0b"), "no path of a file"),
    ):
        assert said in read_from(file).error


def test_a_cell_of_ten_megabytes_and_a_hundred_thousand_columns(tmp_path: Path) -> None:
    found = read(tmp_path, b'id,note\n1,"' + b"x\n" * 5_000_000 + b'"\n2,y\n')
    assert [len(str(row[1])) for row in found.rows] == [10_000_000, 1]
    wide = ",".join(f"c{n}" for n in range(100_000))
    found = read(tmp_path, f"{wide}\n{wide}\n".encode())
    assert (len(found.columns), len(found.rows[0]), found.rows[0][-1]) == (100_000, 100_000, "c99999")


@pytest.mark.parametrize("content", [b"x" * 100, b'"' + b"x\n" * 50])
def test_a_row_without_end_is_not_kept_in_memory(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", 60)
    assert "line 2: the row that begins here is longer than 60 characters" in read(tmp_path, b"it\n" + content).error


def test_a_file_that_is_written_to_meanwhile_is_not_believed(tmp_path: Path) -> None:
    from klaviyo.syncs.sources import files, readings
    from klaviyo.syncs.sources.contents import CHANGED, OnDisk
    from klaviyo.syncs.sources.table import SourceError

    file = tmp_path / "customers.csv"
    file.write_bytes(HEADER + NINE)
    content = OnDisk(file)
    table = files.table(content, readings.proposed(content))
    rows = iter(table)
    next(rows)
    file.write_bytes(HEADER)
    with pytest.raises(SourceError, match=CHANGED):
        list(rows)
    with pytest.raises(SourceError, match=CHANGED):
        list(table)


# --- JSON lines ----------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    text = [
        '{"id": 1, "email": "ann@tea.test", "total": 49.90, "items": [{"sku": "A", "price": 1.10}]}',
        "",
        '{"id": 9007199254740993, "vip": null, "total": 1e2}',
        '{"id": 3, "email": "cut',
        '{"id": 4, "total": 5, "total": 6, "x": {"a": 1, "a": 2}}',
        "[1, 2]",
        '{"id": 6, "email": "f\\ud83dx@tea.test"}',
        '{"id": NaN}',
        '"text"',
        '{"id": 7} {"id": 8}',
    ]
    found = read(tmp_path, "\n".join(text).encode())
    assert (found.delimiter, found.header_line, found.encoding) == ("json lines", None, "utf-8")
    assert found.columns == ["id", "email", "total", "items", "vip", "x"]
    items = [{"sku": "A", "price": Decimal("1.10")}]
    assert found.rows == [
        (1, "ann@tea.test", Decimal("49.90"), items, None, None),
        (9007199254740993, None, Decimal("1E+2"), None, None, None),
        (4, None, 6, None, None, {"a": 2}),
        (6, "f\ud83dx@tea.test", None, None, None, None),
    ]
    assert found.refused == {
        4: "line 4, column 20: this is no JSON",
        6: "line 6: an object is expected, not a list",
        8: "line 8: NaN is no JSON",
        9: "line 9: an object is expected, not a text",
        10: "line 10, column 11: this is no JSON",
    }
    assert found.warned == {5: "a, total is there twice; the last is taken"}


def test_names_that_come_late_are_columns(tmp_path: Path) -> None:
    found = read(tmp_path, b'{"a": 1}\n' * 30_000 + b'{"b": 2}\n')
    assert (found.columns, found.rows[-1]) == (["a", "b"], (None, 2))


def test_json_that_would_end_the_program_is_refused(tmp_path: Path) -> None:
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    text = '{"a": "[[[[{{{{"}'.replace("[", "[" * 100)
    found = read(tmp_path, "\n".join(['{"a": 1}', deep, '{"a": ' + "9" * 5000 + "}", '{"\\ud800": 1}', text]).encode())
    assert [row[0] for row in found.rows] == [1, json.loads(text)["a"]]
    assert found.refused == {
        2: "line 2: lists and objects are nested more than 50 deep",
        3: "line 3: a number has too many digits",
        4: "line 4: a name holds half of a character",
    }


def test_json_lines_in_other_encodings(tmp_path: Path) -> None:
    line = '{"city": "Köln"}\r\n'
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le"):
        assert read(tmp_path, (line * 2).encode(encoding)).rows == [("Köln",)] * 2
    found = read(tmp_path, line.encode() * 2 + line.encode("cp1252"))
    assert found.refused == {3: "line 3, column 12: bytes that are no UTF-8"}


# --- Anything --------------------------------------------------------------------------------------

NAMES = ["id", "E-Mail", "Vorname", "City", "Umsatz", "note", "created_at", "customer id", "Straße"]
CELLS = [
    *("7", "12,50", "0", "", "2026-11-20T10:00:00Z", "yes", "Müller", "O\u2019Neill", "Lee, Ann", "a;b", "x|y"),
    *('likes "green" tea', "line\nbreak", "two\r\nlines", " padded ", "€ 5", '5" screen', "vip, tea"),
]


@pytest.mark.parametrize("seed", range(150))
def test_whatever_was_written_is_read(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    encoding = dice.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
    delimiter, quotes_all = dice.choice(",;\t|"), dice.random() < 0.5
    width = dice.randint(2, 6)
    header, table = dice.sample(NAMES, width), []
    for number in range(dice.randint(1, 30)):
        table.append([f"user{number}@tea.test", *(dice.choice(CELLS) for _ in range(width - 1))])

    def cell(text: str) -> str:
        quotes = quotes_all or any(one in text for one in (delimiter, "\n", "\r", '"'))
        return '"' + text.replace('"', '""') + '"' if quotes else text

    title = dice.choice(["", "Customers of Tea House\n", "Customers of Tea House" + delimiter * (width - 1) + "\n"])
    written = [delimiter.join(map(cell, row)) + dice.choice(["\n", "\r\n", "\r"]) for row in [header, *table]]
    found = read(tmp_path, (title + "".join(written)).encode(encoding))
    assert (found.delimiter, found.columns) == (delimiter, header)
    assert rows_of(found) == table
