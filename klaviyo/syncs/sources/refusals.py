"""Refusals of databases, in sentences: what was refused and what to do, without the values of rows, and no secret."""

import re
import sqlite3
from typing import Any

NO_VALUE = (
    "A value of the result cannot be read, such as a date after the year 9999 or before the year 1. "
    "Have the query give it as text."
)
_LATE = "The query took too long and was ended. Have it read fewer rows, or give its tables the indexes that it needs."
_SAID = 300  # characters
_VALUE = re.compile(r"\s*(?::\s|[\"']).*", re.DOTALL)  # of a row: whatever is quoted, or stands behind a colon
_QUOTED = re.compile(r"(['\"])(?:(?!\1).)*[@\d](?:(?!\1).)*\1")
_PASSWORD = re.compile(r"://[^@\s]*@")


def of_postgresql(error: BaseException, statement: str) -> str:
    """By its code: https://www.postgresql.org/docs/current/errcodes-appendix.html"""
    code = str(getattr(error, "pgcode", None) or "")
    said = _first_line(getattr(getattr(error, "diag", None), "message_primary", None) or str(error))
    if code in ("57014", "55P03", "25P03", "25P04"):
        return _LATE
    if code == "25006":
        return f"The query would change something, and a source only reads: {said}."
    if code == "42501":
        return f"The role that reads this database has not the right to: {said}."
    if code.startswith(("57", "53", "08", "28", "3D")) or not code:
        return f"The database does not answer: {said}."
    if code.startswith(("22", "21")):
        return f"The query fails on a row: {_VALUE.sub('', said)}."
    return f"The database refuses the query: {said}{_place(error, statement)}."


def of_sqlite(error: sqlite3.Error) -> str:
    said = _first_line(str(error))
    if "interrupted" in said:
        return _LATE
    if "not authorized" in said or "prohibited" in said or "readonly" in said:
        return f"The query would do more than read, and a source only reads: {said}."
    if "unable to open" in said:
        return "The database's file cannot be opened. Check the path, and that this program's account may read it."
    if "not a database" in said or "malformed" in said:
        return f"This is no sound SQLite database: {said}."
    return f"The database refuses the query: {said}."


def of_sqlalchemy(error: BaseException) -> str:
    said = _first_line(str(getattr(error, "orig", None) or error))
    if type(error).__name__ == "DataError":
        return f"The query fails on a row: {_VALUE.sub('', said)}."
    return f"The database refuses: {_PASSWORD.sub('://', _QUOTED.sub('…', said))}."


def _first_line(said: str) -> str:
    return (said.strip().splitlines() or ["without a word"])[0][:_SAID].rstrip(". ")


def _place(error: Any, statement: str) -> str:
    """Line and column in the query as it was written, which begins on the second line of ours."""
    position = getattr(getattr(error, "diag", None), "statement_position", None)
    asked = getattr(getattr(error, "cursor", None), "query", None)
    before = (asked or b"").decode("utf-8", "replace").find(statement) if statement else -1
    if not position or before < 0:
        return ""
    read = statement[: max(int(position) - 1 - before, 0)]
    line = read.count("\n")
    return f" (line {line}, column {len(read) - read.rfind(chr(10))})" if line else ""
