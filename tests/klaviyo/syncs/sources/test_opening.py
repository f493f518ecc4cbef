"""Sources are opened by what they say of themselves; a file as it was chosen to be read, wherever its bytes are."""

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from klaviyo.syncs.sources import contents
from klaviyo.syncs.sources.opening import open_table
from klaviyo.syncs.sources.table import BadRow, SourceError, Warned

CSV = "id;city\n1;Köln\n2\n3;a;b\n4;Bern\n".encode()


@dataclass
class Source:
    kind: str = "file"
    ready: str = ""
    database: str = ""
    query: str = ""
    path: str = ""
    upload: Any = None
    reading: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pieces:
    """As the database has an upload."""

    content: list[bytes]

    def filter(self, number: int) -> "Pieces":
        return Pieces(self.content[number : number + 1])

    def values_list(self, *_: str, flat: bool) -> "Pieces":
        return self

    def first(self) -> bytes | None:
        return next(iter(self.content), None)


def upload(content: bytes, length: int, **changed: Any) -> Any:
    pieces = [zlib.compress(content[at : at + length]) for at in range(0, len(content), length)]
    return SimpleNamespace(**{"pieces": Pieces(pieces), "size": len(content), "ended_at": True, **changed})


def taken(source: Source, limit: int | None = None) -> list[Any]:
    with open_table(source, limit=limit) as table:
        return [(one.number, getattr(one, "values", None)) for one in table if not isinstance(one, Warned)]


WHOLE = [(2, ("1", "Köln")), (3, ("2", None)), (4, None), (5, ("4", "Bern"))]


def test_a_file_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    source = Source(path=str(tmp_path / "a.csv"))
    assert taken(source) == WHOLE
    assert taken(source, limit=3) == WHOLE[:3]
    assert taken(source, limit=0) == []


@pytest.mark.parametrize("length", [1, 3, 1000])
def test_an_upload_in_pieces(length: int) -> None:
    assert taken(Source(path="of no account", upload=upload(CSV, length))) == WHOLE


def test_an_upload_that_is_not_there_as_a_whole() -> None:
    for changed, said in (
        ({"ended_at": None}, "not come to its end"),
        ({"size": 1000}, "not there as a whole"),
        ({"pieces": Pieces([b"?"])}, "Piece 0 of the upload is damaged"),
    ):
        with pytest.raises(SourceError, match=said):
            taken(Source(upload=upload(CSV, 10, **changed)))


def test_it_is_read_as_it_was_chosen_and_not_looked_at_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    reading = {"encoding": "latin-1", "delimiter": ",", "header_line": 2}
    monkeypatch.setattr("klaviyo.syncs.sources.readings.proposed", None)
    with open_table(Source(path=str(tmp_path / "a.csv"), reading=reading)) as table:
        assert table.columns == ("1;KÃ¶ln",)


@pytest.mark.parametrize(
    "reading",
    [
        {"encoding": "utf-8"},
        {"encoding": "klingon", "delimiter": ","},
        {"encoding": "utf-8", "delimiter": ",", "header_line": 0},
        {"encoding": "utf-8", "delimiter": '"'},
        {"encoding": "utf-8", "delimiter": ",", "header_line": 99},
    ],
)
def test_a_choice_that_cannot_be_is_said(reading: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    with pytest.raises(SourceError):
        taken(Source(path=str(tmp_path / "a.csv"), reading=reading))


def test_a_source_without_a_file() -> None:
    with pytest.raises(SourceError, match="Upload one, or give its path"):
        taken(Source())


def test_files_of_other_folders_are_left_alone(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.csv", "b.csv"):
        (tmp_path / name).write_bytes(CSV)
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "b.csv")
    settings.SYNC_FOLDERS = [str(tmp_path / "in")]
    assert taken(Source(path=str(tmp_path / "in" / "a.csv"))) == WHOLE
    for name in ("b.csv", "in/../b.csv", "in/link.csv"):
        with pytest.raises(SourceError, match="in none of the folders"):
            taken(Source(path=str(tmp_path / name)))


def test_json_lines_for_a_preview_are_not_read_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_bytes((b'{"a": 1}' + b" " * 200 + b"\n") * 20_000)
    source = Source(path=str(tmp_path / "a.jsonl"), reading={"encoding": "utf-8", "delimiter": "json lines"})
    read = list[int]()
    before = contents._Steady.readinto

    def noted(steady: Any, buffer: Any) -> int:
        read.append(len(buffer))
        return before(steady, buffer)

    monkeypatch.setattr(contents._Steady, "readinto", noted)
    assert taken(source, limit=2) == [(1, (1,)), (2, (1,))]
    assert sum(read) < 5 * contents.BUFFER * 2
    with open_table(source) as table:
        assert not any(isinstance(one, BadRow) for one in table)
