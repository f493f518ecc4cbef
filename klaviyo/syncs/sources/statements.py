"""Statements of SQL sources: one, that reads. What may do more is refused in words before any database sees it.

The guard is the database's: a role that may only read, and a transaction that does. This comes first, as a driver sends
several statements in one text, and as a function may do what no statement could.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import sqlparse
from sqlparse.exceptions import SQLParseError

from klaviyo.syncs.sources.table import SourceError

FIRST_WORDS = ("SELECT", "WITH", "VALUES", "TABLE")
DEEPEST = 500  # parentheses
LONGEST = 100_000

# As PostgreSQL reads it, with standard_conforming_strings on, in which a backslash is a backslash:
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html
_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|--[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<dollars>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>[\d.]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_COMMENT = re.compile(r"/\*|\*/")

#: Functions that do more than read rows; a role without rights may call some of them all the same.
_DOES_MORE = re.compile(
    r"""
      pg_read_.* | pg_ls_.* | pg_stat_file | pg_file_.* | pg_logdir_ls | pg_current_logfile
    | lo_.* | lowrite | loread
    | dblink.* | (?:query|cursor|table|schema|database)_to_xml.* | ts_stat
    | nextval | setval | set_config | setseed
    | pg_sleep.* | pg_(?:try_)?advisory_.* | pg_notify
    | pg_terminate_backend | pg_cancel_backend | pg_reload_conf | pg_rotate_logfile | pg_promote | pg_log_.*
    | pg_switch_wal | pg_create_.* | pg_drop_.* | pg_copy_.* | pg_logical_.* | pg_replication_.* | pg_backup_.*
    | pg_start_backup | pg_stop_backup | pg_wal_replay_.* | pg_export_snapshot | pg_import_system_collations
    | pg_stat_reset.* | pg_stat_statements_reset | pg_execute_server_program
    | load_extension | readfile | writefile | edit | fts3_tokenizer
    | load_file | sleep | benchmark | get_lock | release_lock | sys_exec | sys_eval
    """,
    re.VERBOSE | re.IGNORECASE,
)


def checked(query: str) -> str:
    """The one statement, without what ends it. Raises SourceError."""
    if not query.strip():
        raise SourceError("The query is empty. Write a SELECT.")
    if len(query) > LONGEST or "\0" in query:
        raise SourceError(f"A query is a text of at most {LONGEST:,} characters.")
    tokens = list(_tokens(query))
    words = [token for token in tokens if token[0] != "blank"]
    while words and words[-1][1] == ";":
        words.pop()
    if not words:
        raise SourceError("The query is empty. Write a SELECT.")
    if any(text == ";" for _, text, _ in words) or _number(query) > 1:
        raise SourceError("The query holds more than one statement. Write one that reads.")
    first = next((text for kind, text, _ in words if text != "("), "")
    if first.upper() not in FIRST_WORDS:
        raise SourceError(f"A query begins with one of {', '.join(FIRST_WORDS)}: this one does not.")
    _refuse_parentheses(words)
    _refuse_functions(words)
    _, last, place = words[-1]
    return query[words[0][2] : place + len(last)]


def _number(query: str) -> int:
    try:
        return sum(map(_says_something, sqlparse.split(query)))
    except SQLParseError:
        raise SourceError("The query is too long or too deeply nested to be looked through.") from None


def _says_something(statement: str) -> bool:
    return any(kind != "blank" and text != ";" for kind, text, _ in _tokens(statement))


def _tokens(query: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and place of each. Raises SourceError for what is opened and never closed."""
    place = 0
    while found := _TOKEN.match(query, place):
        kind, text = str(found.lastgroup), found[0]
        if kind == "comment":
            end = _end_of_comment(query, place)
            yield "blank", query[place:end], place
            place = end
            continue
        if kind == "tag":
            kind = "dollars"
        if kind == "other" and text in "'\"":
            raise SourceError(f"{_where(query, place)}: a quotation mark opens here and is never closed.")
        yield kind, text, place
        place = found.end()


def _end_of_comment(query: str, place: int) -> int:
    """Comments may stand in one another."""
    deep, first = 0, place
    while found := _IN_COMMENT.search(query, place):
        deep += 1 if found[0] == "/*" else -1
        place = found.end()
        if not deep:
            return place
    raise SourceError(f"{_where(query, first)}: a comment opens here and is never closed.")


def _refuse_parentheses(words: list[tuple[str, str, int]]) -> None:
    deep = 0
    for _, text, _ in words:
        deep += (text == "(") - (text == ")")
        if deep < 0 or deep > DEEPEST:
            break
    if deep:
        raise SourceError("The parentheses of the query are not closed as they are opened.")


def _refuse_functions(words: list[tuple[str, str, int]]) -> None:
    for (kind, text, place), (_, after, then) in pairwise(words):
        if text.upper() == "U" and after == "&" and then == place + 1:
            raise SourceError("The query spells a name or a text by its codes (U&). Write it plainly.")
        name = text[1:-1].replace('""', '"') if kind == "quoted" else text
        if after == "(" and kind in ("word", "quoted") and _DOES_MORE.fullmatch(name):
            raise SourceError(f"The query calls {name.lower()}, which does more than read rows. Leave it out.")


def _where(query: str, place: int) -> str:
    before = query[:place]
    return f"line {before.count(chr(10)) + 1}, column {place - before.rfind(chr(10))}"
