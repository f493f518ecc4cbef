"""HTTP server: keep-alive on the loopback interface, one thread a connection."""

import contextlib
import socket
import threading
from socketserver import ThreadingTCPServer
from typing import Any

from klaviyo.sandbox.http.connections import Answer, Connection, Home


class Server(Home, ThreadingTCPServer):
    """Serves one answering function until it is stopped; stopping ends the open connections too."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self.stopping = threading.Event()
        self.abrupt: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)

    def accept_until_stopped(self) -> None:
        """A plain blocking loop: `serve_forever` would wake up to poll, and be slow to stop."""
        while not self.stopping.is_set():
            try:
                self.process_request(*self.get_request())
            except OSError:
                # Stopped, or out of file descriptors for a moment.
                self.stopping.wait(0.05)

    def stop(self) -> None:
        """Ends the loop and every connection."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection politely, unless a reset was asked for: then without the goodbye of a FIN."""
        if request in self.abrupt:
            self.abrupt.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a word."""


def serve_in_background(server: Server) -> threading.Thread:
    thread = threading.Thread(target=server.accept_until_stopped, name="klaviyo-sandbox", daemon=True)
    thread.start()
    return thread
