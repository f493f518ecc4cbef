"""Sandbox command: runs a Klaviyo on this machine, for development and for trying things out."""

import errno
import gc
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from klaviyo.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, StateInUse


class Command(BaseCommand):
    """`manage.py sandbox`: answers until Ctrl-C or SIGTERM."""

    help = "Runs a Klaviyo on this machine: OAuth, API, and a page that shows what arrived."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8100, help="on 127.0.0.1 (default: 8100)")
        parser.add_argument(
            "--state", type=Path, default=Path("var/sandbox.sqlite3"), help="the file that keeps it all"
        )
        parser.add_argument("--no-limits", action="store_true", help="never answer 429")
        parser.add_argument("--client-id", default=getattr(settings, "KLAVIYO_CLIENT_ID", "") or CLIENT_ID)
        parser.add_argument("--client-secret", default=getattr(settings, "KLAVIYO_CLIENT_SECRET", "") or CLIENT_SECRET)
        parser.add_argument("--redirect-uri", action="append", default=[], help="one more than loopback addresses")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        sandbox = self._start(options)
        # What is there by now stays: collecting garbage need not look at it again and again under load.
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        self.stdout.write(f"Klaviyo sandbox on {sandbox.url}, state in {options['state']}. Ctrl-C ends it.")
        self.stdout.flush()
        ended.wait()
        sandbox.stop()

    def _start(self, options: dict[str, Any]) -> Sandbox:
        port = options["port"]
        try:
            sandbox = Sandbox(
                options["state"],
                port=port,
                limits=not options["no_limits"],
                client_id=options["client_id"],
                client_secret=options["client_secret"],
                redirect_uris=options["redirect_uri"],
            )
        except StateInUse as error:
            raise CommandError(str(error)) from None
        try:
            return sandbox.start()
        except OSError as error:
            sandbox.stop()
            if error.errno == errno.EADDRINUSE:
                raise CommandError(f"Port {port} is taken; choose another with --port.") from None
            raise CommandError(f"Port {port} cannot be used: {error.strerror}.") from None
