"""Asks the site by its own WSGI application, as a web server does; Django's test client builds its requests itself."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def ask(method: str, address: str, body: bytes = b"", content_type: str = "", **environ: Any) -> Answer:
    """Whatever the application answers; what it raises is raised."""
    from sorae.wsgi import application

    answer = Answer()

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        answer.status, answer.headers = int(status.split()[0]), dict(headers)
        return lambda _: None

    parts: Any = application(_environ(method, address, body, content_type) | environ, start)
    answer.body = b"".join(parts)
    parts.close()
    return answer


def _environ(method: str, address: str, body: bytes, content_type: str) -> dict[str, Any]:
    parts = urlsplit(address)
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
