"""Encodings of files: which one it is, by the bytes alone; and what is no text at all, in a sentence.

A mark at the beginning tells; else UTF-16 has a zero byte beside each plain letter; else it is UTF-8 if most lines with
other letters are; else Windows-1252. All of the file is looked at until enough such lines are found: its beginning may
hold plain letters only.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from klaviyo.syncs.sources.contents import Content
from klaviyo.syncs.sources.table import SourceError

SAMPLE = 1 << 16
PIECE = 1 << 20
ENOUGH = 2000  # lines with letters beyond ASCII
UTF_8, UTF_8_MARKED, WINDOWS = "utf-8", "utf-8-sig", "cp1252"

NOT_OF_FILES = {"utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined", "mbcs", "oem"}
NAMES = {UTF_8: "UTF-8", UTF_8_MARKED: "UTF-8", WINDOWS: "Windows-1252"}
_MARKS = (  # the mark of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, UTF_8_MARKED),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = (
    (b"PK\x03\x04", "This is an Excel workbook or a ZIP archive. Save the sheet as CSV (UTF-8), or unpack it first."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook. Save the sheet as CSV (UTF-8)."),
    (b"\x1f\x8b", "This file is compressed (gzip). Unpack it first."),
    (b"BZh", "This file is compressed (bzip2). Unpack it first."),
    (b"\xfd7zXZ\x00", "This file is compressed (xz). Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "This file is compressed (Zstandard). Unpack it first."),
    (b"7z\xbc\xaf", "This file is compressed (7-Zip). Unpack it first."),
    (b"PAR1", "This is a Parquet file. Export the table as CSV or JSON lines."),
    (b"SQLite format 3\x00", "This is a SQLite database. Name it as a database, and read it by a query."),
    (b"%PDF-", "This is a PDF document. Export the table as CSV or JSON lines."),
    (b"{\\rtf", "This is a document of a word processor. Save the table as CSV (UTF-8)."),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b")) + b"\x7f"
EMPTY = "The file is empty."
NO_TEXT = "This is no text: most likely another kind of file. Export the table as CSV or JSON lines."


def name_of(encoding: str) -> str:
    """As people know it."""
    return NAMES.get(encoding) or encoding.upper()


def checked(encoding: str) -> str:
    """The same, if it is an encoding of text. Raises SourceError."""
    try:
        found = codecs.lookup(encoding)
        is_one = found._is_text_encoding and found.name not in NOT_OF_FILES
    except (LookupError, ValueError, AttributeError):
        is_one = False
    if not is_one:
        raise SourceError("There is no encoding of that name. Choose one such as utf-8, cp1252 or utf-16.")
    return encoding


def of(content: Content) -> str:
    """The encoding of a file. Raises SourceError where it holds no text, or nothing."""
    with content.open() as file:
        sample = file.read(SAMPLE)
        if not sample.strip(b"\r\n\t \x1a"):
            sample = _after_blanks(file, sample)
        if marked := next((encoding for mark, encoding in _MARKS if sample.startswith(mark)), None):
            return marked
        if wide := _wide(sample):
            return wide
        if why := _no_table(sample):
            raise SourceError(why)
        return UTF_8 if _is_mostly_utf_8(file, sample) else WINDOWS


def _after_blanks(file: BinaryIO, sample: bytes) -> bytes:
    while not sample.strip(b"\r\n\t \x1a"):
        if not (sample := file.read(SAMPLE)):
            raise SourceError(EMPTY)
    return sample


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: of two bytes always the same one is zero, at least where letters are plain."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    least = max(2, len(sample) // 20)
    if odd >= least and odd > 20 * even:
        return "utf-16-le"
    if even >= least and even > 20 * odd:
        return "utf-16-be"
    return None


def _no_table(sample: bytes) -> str | None:
    if why := next((why for begins, why in _OTHER_FILES if sample.startswith(begins)), None):
        return why
    if sample.lstrip()[:9].lower().startswith(_PAGES):
        return "This is a web page or an XML document. Export the table as CSV or JSON lines."
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return NO_TEXT if controls >= 4 and controls > len(sample) / 25 else None


def _is_mostly_utf_8(file: BinaryIO, sample: bytes) -> bool:
    good = bad = 0
    for line in _other_lines(file, sample):
        try:
            line.decode()
            good += 1
        except UnicodeDecodeError:
            bad += 1
        if good + bad == ENOUGH:
            break
    return good >= bad


def _other_lines(file: BinaryIO, piece: bytes) -> Iterator[bytes]:
    """Lines that hold letters beyond ASCII, whole ones but for those that are longer than a piece."""
    rest = b""
    while piece:
        read = rest + piece
        cut = max(read.rfind(b"\n"), read.rfind(b"\r")) + 1
        if not cut and len(read) >= PIECE:
            cut = _before_a_character(read)
        whole, rest = read[:cut], read[cut:]
        if not whole.isascii():
            yield from (line for line in whole.splitlines() if not line.isascii())
        piece = file.read(PIECE)
    if not rest.isascii():
        yield rest


def _before_a_character(read: bytes) -> int:
    """Where it may be cut so that no character of UTF-8 is: before its last byte that begins one."""
    return next((place for place in range(len(read) - 1, len(read) - 5, -1) if read[place] & 0xC0 != 0x80), len(read))
