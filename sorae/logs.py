"""Log formatters: each record as a line or a JSON object, without people, secrets or personal links."""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sorae.escaping import escaped
from sorae.masking import WithoutLinks, masked

__all__ = ["Json", "Line", "WithoutLinks", "watch_servers"]

SERVERS = ("django.server", "gunicorn.access", "gunicorn.error")
ABOUT = {"connection_id": "connection", "delivery_id": "delivery", "operation": "operation"}
DEEPEST = 30  # lines of a traceback, the last ones


class Line(logging.Formatter):
    """For people: time, level, logger, message in one line; what went wrong below it, further in."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [self.formatMessage(record)]
        if record.exc_info and record.exc_info[1]:
            lines += _traceback(traceback.TracebackException.from_exception(record.exc_info[1]))
        if record.stack_info:
            lines += [f"  {line}" for line in record.stack_info.split("\n")]
        return "\n".join(escaped(masked(line)) for line in lines)


class Json(logging.Formatter):
    """For programs: one object a line. Say what a record is about with `extra={"delivery_id": …}`; see ABOUT."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        said |= {word: record.__dict__[name] for name, word in ABOUT.items() if record.__dict__.get(name) is not None}
        if record.exc_info and record.exc_info[0]:
            said |= _trouble(record.exc_info[0], record.exc_info[2])
        return escaped(json.dumps(said, ensure_ascii=False, default=_word))


def watch_servers(chosen: str = "line") -> None:
    """Web servers set up logs of their own, which Django's settings would replace."""
    for name in SERVERS:
        logger = logging.getLogger(name)
        logger.addFilter(WithoutLinks())
        logger.addFilter(_escape)
        for handler in logger.handlers if chosen == "json" else ():
            handler.setFormatter(Json())


def _escape(record: logging.LogRecord) -> bool:
    """A server's handler formats for itself, and what it formats holds what a stranger has sent."""
    record.msg, record.args = escaped(record.getMessage()), ()
    return True


def _traceback(error: traceback.TracebackException) -> Iterator[str]:
    """As Python prints it, but that an error's own words, which may come from outside, stay in one line."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before:
        yield from _traceback(before)
        yield f"  {'This led to:' if error.__cause__ else 'While that was handled:'}"
    yield "  Traceback (most recent call last):"
    for frame in error.stack.format():
        yield from (f"  {line}" for line in frame.rstrip("\n").split("\n"))
    yield "  " + "".join(error.format_exception_only()).rstrip("\n")


def _trouble(kind: type[BaseException], where: Any) -> dict[str, Any]:
    """Which error and where it arose; not its message, which may hold anything."""
    frames = traceback.extract_tb(where)[-DEEPEST:]
    return {"error": kind.__name__, "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}


def _word(value: object) -> str:
    return re.sub(r"\s+", " ", masked(str(value)))
