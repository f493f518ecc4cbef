"""Webhook addresses that the sandbox posts to: this machine's own by http, the others by https."""

from urllib.parse import SplitResult, urlsplit

HIDDEN = "*****"  # what answers show of anything secret
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def split(address: str) -> SplitResult | None:
    """The parts of a printable address; None when it cannot be read as one."""
    if not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def is_loopback_http(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and not parts.fragment


def endpoint(address: str) -> str | None:
    """What is wrong with an address as the endpoint of a webhook; None when nothing is."""
    parts = split(address)
    if parts is None or not parts.hostname:
        return "This value must be a URL."
    if parts.scheme == "https" or is_loopback_http(parts):
        return None
    return "The endpoint URL must be https (or http on a loopback address, in this sandbox)."


def masked(address: str) -> str:
    """An endpoint as answers show it: where it leads, without the path that may hold a secret."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/{HIDDEN}"
