"""Redaction of the log: people, secrets and personal links are taken out (a link works for anyone who has it)."""

import copy
import logging
import re
from collections.abc import Mapping
from typing import Any

_LINK = r"((?:/|%2f)[uir](?:/|%2f))"
_ANYWHERE = re.compile(_LINK + r"[^\s\"']+", re.IGNORECASE)
_AS_A_WHOLE = re.compile(_LINK + r".+", re.IGNORECASE | re.DOTALL)  # a path may have spaces in it
_CUT = r"\1…"

_ADDRESS = re.compile(r"[^\s@<>\"'`(){}\[\],;:=&?/|%]{1,64}(?:@|%40)[^\s@<>\"'`(){}\[\],;:=&?/|%]{1,253}\.[\w-]{2,63}")
_HEADER = re.compile(r"\b(bearer|basic|klaviyo-api-key)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_SECRET = re.compile(
    r"\b([\w-]*(?:token|secret|password|authorization|api_?key|code_verifier))(['\"]?\s*[=:]\s*['\"]?)[^\s&\"',;}]+",
    re.IGNORECASE,
)
_IN_A_QUERY = re.compile(r"([?&](?:code|state|session)=)[^\s&\"']+", re.IGNORECASE)
_KEY = re.compile(r"\b(?:pk_[0-9a-f]{8,}|eyJ[\w-]+\.[\w.-]+)")
_PHONE = re.compile(r"(?<![\w.:+-])\+\d[\d ()-]{6,18}\d\b")


def masked(said: str) -> str:
    """The same text without addresses, phone numbers, tokens, codes and personal links."""
    said = _ANYWHERE.sub(_CUT, said)
    said = _HEADER.sub(r"\1 …", said)
    said = _SECRET.sub(r"\1\2…", said)
    said = _IN_A_QUERY.sub(r"\1…", said)
    said = _KEY.sub("…", said)
    return _PHONE.sub("+…", _ADDRESS.sub("…@…", said))


class WithoutLinks(logging.Filter):
    """Cuts paths under /u/ (the way out), /i/ (invites) and /r/ (share links); lets every record through.

    For every handler, also those that format for themselves, such as an error tracker's.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _without_links(record.msg)
        if isinstance(record.args, Mapping):
            record.args = _each_without_links(record.args)
        elif record.args:
            record.args = tuple(_without_links(argument) for argument in record.args)
        if _AS_A_WHOLE.search(str(getattr(getattr(record, "request", None), "path", ""))):
            delattr(record, "request")  # some handlers show all of it
        return True


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
