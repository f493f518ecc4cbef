"""The WSGI application, for gunicorn."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402  (read by setup)

from sorae import celery, logs  # noqa: E402, F401  (needs the settings)
from sorae.configuration import refuse_if_broken  # noqa: E402
from sorae.preloading import preload  # noqa: E402


class Utf8Request(WSGIRequest):
    """Read as UTF-8 whatever it says: Python knows encodings that text cannot be read with, and Django tries them."""

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (LookupError, ValueError):  # its type cannot be read, so it has none
            environ["CONTENT_TYPE"] = ""
            super().__init__(environ)

    @property
    def encoding(self) -> str | None:
        return "utf-8"

    @encoding.setter
    def encoding(self, _told: str | None) -> None:
        """Django hands on what the request says."""


class Handler(WSGIHandler):
    request_class = Utf8Request


application = Handler()
logs.watch_servers(settings.LOG_FORMAT)
refuse_if_broken()
preload()
