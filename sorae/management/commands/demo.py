"""The command `manage.py demo`: everything on this machine, in a folder of its own under var/demo."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sorae.demo import DemoError, environment
from sorae.demo.environment import Ports


class Command(BaseCommand):
    help = (
        "Plays six weeks of a referral program against a Klaviyo on this machine, and shows what became of it. "
        "Needs no settings: it has its own, made afresh under var/demo."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop after the tables; the last line is JSON")
        parser.add_argument("--port", type=int, default=8000, help="where the site answers (8000)")
        parser.add_argument("--sandbox-port", type=int, default=8100, help="where Klaviyo's sandbox answers (8100)")

    def handle(self, *_args: Any, **options: Any) -> None:
        ports = Ports(options["port"], options["sandbox_port"])
        if environment.MARK not in os.environ:
            self._begin_again(ports)
        self._run(ports, is_once=options["once"])

    def _begin_again(self, ports: Ports) -> None:
        """The same command once more, in the demo's own environment: settings are read when Python starts."""
        folder = Path(settings.VAR_DIR).resolve() / "demo"
        try:
            own, replaced = environment.prepare(folder, ports)
        except DemoError as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            f"The demo's own place is {folder}" + (" (the last demo's is replaced)." if replaced else ".")
        )
        self.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], own)  # noqa: S606

    def _run(self, ports: Ports, *, is_once: bool) -> None:
        from sorae.demo.console import Teller
        from sorae.demo.story import Story

        logging.basicConfig(filename=Path(settings.VAR_DIR) / "logs" / "demo.log", force=True)
        try:
            kept = Story(ports, Teller(plain=is_once), is_once).run()
        except DemoError as problem:
            raise CommandError(str(problem)) from None
        except KeyboardInterrupt:
            self.stdout.write("The demo has ended.")
            raise SystemExit(130 if is_once else 0) from None
        except Exception:
            logging.getLogger(__name__).exception("The demo broke off.")
            log = Path(settings.VAR_DIR) / "logs" / "demo.log"
            raise CommandError(f"Something went wrong in the demo itself; what, stands in {log}") from None
        if not kept:
            raise SystemExit(1)
