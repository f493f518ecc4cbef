"""The HTTP adapter that every request to a provider goes through: see `http` for its rules.

A module of its own, imported with the first request, as `requests` takes its time.
"""

import http.client
import io
import socket
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, HTTPError, NewConnectionError, ReadTimeoutError

from integrations.wire import deadline
from integrations.wire import http as rules


class TooLarge(requests.RequestException):
    """An answer of which we read no more."""


class Door(HTTPAdapter):
    """A requests adapter that reads the whole answer within its bounds, or raises a requests exception."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        rules.refuse_plain_http(request.url or "")
        kwargs |= {"stream": True, "timeout": (deadline.left_of(rules.CONNECT_SECONDS), rules.READ_SECONDS)}
        with deadline.within(rules.DEADLINE_SECONDS, silence=rules.READ_SECONDS):
            response = super().send(request, **kwargs)
            response._content = _read(response)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS


def _read(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := _next_chunk(response):
            parts.append(chunk)
            size += len(chunk)
            if size > rules.LARGEST_ANSWER:
                raise TooLarge("The answer is larger than we read.")
    except requests.RequestException:
        response.raw.close()
        raise
    response.raw.release_conn()
    return b"".join(parts)


def _next_chunk(response: requests.Response) -> bytes:
    """What has arrived, without waiting for a full buffer; errors of the wire as requests names them."""
    try:
        chunk: bytes = response.raw.read1(64 * 1024, decode_content=True)
        return chunk
    except ReadTimeoutError as error:
        raise requests.ReadTimeout("No byte came in time.") from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError("The answer cannot be decompressed.") from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError("The answer broke off.") from error


class _Response(http.client.HTTPResponse):
    """Status, headers and body, all through the reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(deadline.Reader(sock))


class _Connection(HTTPConnection):
    response_class = _Response

    def connect(self) -> None:
        super().connect()
        deadline.wait_no_longer(self.sock)

    def send(self, data: Any) -> None:
        """In pieces, so that a server that reads slowly is left in time as well."""
        for start in range(0, len(data), deadline.SENT_AT_ONCE):
            if self.sock:
                deadline.wait_no_longer(self.sock)
            super().send(data[start : start + deadline.SENT_AT_ONCE])


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection over TLS. A failed handshake is told from what breaks later: then nothing has left."""

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLError as error:
            raise NewConnectionError(self, "The TLS handshake failed.") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}
