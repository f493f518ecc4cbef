"""Mail server URLs, such as smtp+tls://user:password@host, read into Django's settings."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sorae import web_addresses

NONE: dict[str, Any] = {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
SMTP = "django.core.mail.backends.smtp.EmailBackend"
FILES = "django.core.mail.backends.filebased.EmailBackend"
USUAL_PORTS = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}
SECONDS = 10


def read(address: str, folder: Path) -> dict[str, Any] | None:
    """Django's settings for a server, for nothing, or for "files" in a folder; None for what is no such address."""
    if not address:
        return NONE
    if address == "files":
        folder.mkdir(parents=True, exist_ok=True)
        return {"EMAIL_BACKEND": FILES, "EMAIL_FILE_PATH": str(folder)}
    return _server(address)


def _server(address: str) -> dict[str, Any] | None:
    """The scheme alone says which TLS is spoken."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in USUAL_PORTS or not host or port == 0 or parts.query:
        return None
    return {
        "EMAIL_BACKEND": SMTP,
        "EMAIL_HOST": web_addresses.in_ascii(unquote(host)),
        "EMAIL_PORT": port or USUAL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme in {"smtps", "smtp+tls"},
        "EMAIL_USE_SSL": parts.scheme == "smtp+ssl",
        "EMAIL_TIMEOUT": SECONDS,
    }
