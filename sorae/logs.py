"""Keeps the links that belong to one person out of logs: who has such a link may use it."""

import copy
import logging
import re
from collections.abc import Mapping
from typing import Any

SERVERS = ("django.server", "gunicorn.access", "gunicorn.error")

_LINK = r"((?:/|%2f)[uir](?:/|%2f))"
_ANYWHERE = re.compile(_LINK + r"[^\s\"']+", re.IGNORECASE)
_AS_A_WHOLE = re.compile(_LINK + r".+", re.IGNORECASE | re.DOTALL)  # a path may have spaces in it
_CUT = r"\1…"


class WithoutLinks(logging.Filter):
    """Cuts paths under /u/ (the way out), /i/ (invites) and /r/ (share links); lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _without_links(record.msg)
        if isinstance(record.args, Mapping):
            record.args = _each_without_links(record.args)
        elif record.args:
            record.args = tuple(_without_links(argument) for argument in record.args)
        if _AS_A_WHOLE.search(str(getattr(getattr(record, "request", None), "path", ""))):
            delattr(record, "request")  # some handlers show all of it
        return True


def watch_servers() -> None:
    """Web servers set up logs of their own, which Django's settings would replace."""
    for name in SERVERS:
        logging.getLogger(name).addFilter(WithoutLinks())


def _without_links(said: Any) -> Any:
    if not isinstance(said, str):
        return said
    return (_AS_A_WHOLE if said.startswith("/") else _ANYWHERE).sub(_CUT, said)


def _each_without_links(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy of the same kind: gunicorn's has an answer for names that are not in it."""
    cut: Any = copy.copy(said)
    for name, value in said.items():
        cut[name] = _without_links(value)
    return cut  # type: ignore[no-any-return]
