"""Syncs command, `manage.py syncs export FILE`: definitions of syncs in a file, out, in, and held against it."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from klaviyo.pages.syncs import definitions
from klaviyo.pages.syncs.definitions import CannotRead, Plan

DIFFERS, BAD_INPUT = 1, 2
STANDARD = "-"


class Command(BaseCommand):
    help = (
        "Definitions of syncs in a file of YAML: export, import, diff. A file is named, or - for what comes in or out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["export", "import", "diff"])
        parser.add_argument("file", metavar="FILE", help="a path, or -")
        parser.add_argument("--yes", action="store_true", help="import: do what the plan says without asking")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["what"] == "export":
            self._export(options["file"])
            return
        try:
            plan = definitions.plan(_read(options["file"]))
        except CannotRead as error:
            raise CommandError(f"Nothing was changed.\n{error}", returncode=BAD_INPUT) from None
        self._show(plan)
        if options["what"] == "diff":
            if plan.steps:
                raise SystemExit(DIFFERS)
            return
        if (plan.sources or plan.syncs) and self._may(is_told=options["yes"]):
            definitions.carry_out(plan)
            self.stdout.write("Done.")

    def _export(self, file: str) -> None:
        text = definitions.text()
        if file == STANDARD:
            self.stdout.write(text, ending="")
            return
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.", returncode=BAD_INPUT) from None
        self.stdout.write(f"{file} is written.")

    def _show(self, plan: Plan) -> None:
        for step in plan.steps:
            self.stdout.write(str(step))
        if not plan.steps:
            self.stdout.write("Nothing differs.")

    def _may(self, *, is_told: bool) -> bool:
        if is_told:
            return True
        if not sys.stdin.isatty():
            raise CommandError("Nothing was changed: say --yes to do it.", returncode=BAD_INPUT)
        answer = input("Do this? [y/N] ").strip().lower()
        if answer not in ("y", "yes"):
            self.stdout.write("Nothing was changed.")
            return False
        return True


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise CannotRead(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CannotRead(f"{file} is not UTF-8.") from None
