"""Actions from the command line: one action on one account, or, for what only reads, on all of them."""

import argparse
import gc
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations import shutdown
from integrations.models import Connection
from klaviyo.management.console import manual, pipes
from klaviyo.management.console.refusals import Unusable

if TYPE_CHECKING:
    from integrations.api.outcome import Outcome
    from klaviyo.actions.declaration import Action
    from klaviyo.actions.inputs import Inputs

EXITS = {"success": 0, "failure": 1, "error": 3}
UNUSABLE = 2
ALL = "all"
PROVIDER = "klaviyo"


class _Words(CommandParser):
    """Takes all words as they are: which options there are is known with the action."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ARG002
        taken = dict.fromkeys(("settings", "pythonpath"))
        given = list(sys.argv[2:] if args is None else args)
        return argparse.Namespace(
            words=given, traceback="--traceback" in given, no_color=False, force_color=False, verbosity=1, **taken
        )


class Command(BaseCommand):
    help = "Run an action on a Klaviyo account."
    requires_system_checks = ()
    stealth_options = ("words",)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:  # noqa: ARG002
        return _Words(prog=f"manage.py {subcommand}", add_help=False, **kwargs)

    def print_help(self, prog_name: str, subcommand: str) -> None:  # noqa: ARG002  (`manage.py help klaviyo`)
        self._print(manual.overview())

    def handle(self, *_args: Any, **options: Any) -> None:
        gc.freeze()  # what the site has imported stays, so that nobody need look at it again and again
        try:
            with shutdown.on_signals():
                status = self._done(options["words"])
        except Unusable as problem:
            raise CommandError("\n".join(problem.lines), returncode=UNUSABLE) from None
        except BrokenPipeError:
            pipes.forget_the_reader(sys.stdout)
            return
        if status:
            raise SystemExit(status)

    def _done(self, words: Sequence[str]) -> int:
        name = words[0] if words and not words[0].startswith("-") else ""
        if not name:
            return self._without_action(words)
        from klaviyo.actions.catalogue import NoSuchAction, find
        from klaviyo.management.console.options import Options

        try:
            action = find(name)
        except NoSuchAction as problem:
            raise Unusable(f"{problem} --list names them all.") from None
        if {"--help", "-h"} & set(words):
            self._print(manual.of_action(name))
            return 0
        options = Options(action)
        said, given = options.parsed(words[1:])
        return self._run(action, options, said, given)

    def _without_action(self, words: Sequence[str]) -> int:
        if "--list" in words:
            self._print([json.dumps(manual.as_data(), indent=2)] if "--json" in words else manual.listing())
            return 0
        if words and not {"--help", "-h"} & set(words):
            raise Unusable("Name an action first: manage.py klaviyo ACTION --connection N. --list names them all.")
        self._print(manual.overview())
        return 0

    def _run(self, action: "Action", options: Any, said: Any, given: dict[str, Any]) -> int:
        from klaviyo.actions import checking

        connections = _connections(said.connection, action)
        try:
            checked = checking.checked(action, {**_input(said.input), **given})
        except checking.BadInput as bad:
            raise Unusable(*(_line(problem, options) for problem in bad.problems)) from None
        question = action.question(checked)
        if question and not said.yes and not said.dry_run:
            raise Unusable(f"{question}\nNothing was done. Give --yes to do it.")
        statuses = [self._on(one, action, checked, said) for one in connections]
        return max(statuses)

    def _on(self, connection: Connection, action: "Action", given: "Inputs", said: Any) -> int:
        from klaviyo.actions.record import By
        from klaviyo.actions.run import KEY_IN_USE, of, pages
        from klaviyo.models import ActionRun

        which = {"connection": connection.pk} if said.connection == ALL else {}
        by = By(ActionRun.Origin.COMMAND)
        if action.is_listing and not said.dry_run:
            return self._stream(pages(action, connection, given, by=by), which)
        known = said.key and ActionRun.objects.filter(connection=connection, origin=by.origin, key=said.key).exists()
        outcome = of(action, connection, given, by=by, key=said.key or "", dry=said.dry_run)
        if known and outcome.code != KEY_IN_USE:
            self.stderr.write("This key was used before: nothing was done again. This is what came of it then.")
        self._show(outcome, which, is_json=said.json)
        return EXITS[outcome.outcome or "error"]

    def _stream(self, pages: Iterator[Any], which: dict[str, Any]) -> int:
        """Each item on a line, and each page on its way before the next is asked for."""
        from klaviyo.actions.run import Broken
        from klaviyo.management.console import printing

        after = 0
        place: str | None = None
        try:
            for page in pages:
                for item in page.items:
                    self.stdout.write(printing.as_json({**which, "item": item} if which else item))
                self.stdout.flush()
                after, place = after + len(page.items), page.next
                if place and shutdown.asked():
                    break
            else:
                if place:
                    account = f"Connection {which['connection']}: there" if which else "There"
                    self.stderr.write(f"{account} are more. Go on with --from {shlex.quote(place)}")
                return 0
        except Broken as broken:
            told = {"outcome": broken.outcome.outcome, "after": broken.after, "next": broken.next}
            self._print([printing.as_json({**which, **told, "reason": broken.outcome.reason})])
            self.stderr.write("; ".join(printing.told(broken.outcome.errors)))
            return EXITS[broken.outcome.outcome or "error"]
        finally:
            pages.close()  # type: ignore[attr-defined]  # a generator, which puts on record how it ended
        told = {"outcome": "error", "after": after, "next": place, "reason": "It was interrupted."}
        self._print([printing.as_json({**which, **told})])
        return EXITS["error"]

    def _show(self, outcome: "Outcome", which: dict[str, Any], *, is_json: bool) -> None:
        from klaviyo.management.console import printing

        if is_json:
            self._print([printing.as_json({**which, **outcome.document()}, indent=None if which else 2)])
            return
        if which:
            self._print([f"connection {which['connection']}"])
        self._print(printing.for_people(outcome))

    def _print(self, lines: Iterator[str] | Sequence[str]) -> None:
        for line in lines:
            self.stdout.write(line)
        self.stdout.flush()


def _input(name: str | None) -> dict[str, Any]:
    from klaviyo.management.console import texts

    if name is None:
        return {}
    raw = sys.stdin.buffer.read() if name == "-" else texts.content_of("--input", name)
    return texts.stripped(texts.read("--input", raw))


def _line(problem: Any, options: Any) -> str:
    """A line of a problem: by the option that it is about, and the place inside of it."""
    if not problem.pointer:
        return re.sub(r"\b[a-z_]+\b", lambda word: _as_option(word[0], options), str(problem.detail))
    first, _, rest = problem.pointer.strip("/").partition("/")
    option = next((option for option, name in options.names.items() if name == first), first or "input")
    return f"{option}{f' ({rest})' if rest else ''}: {problem.detail}"


def _as_option(word: str, options: Any) -> str:
    """A field's name that is no everyday word, or an identifier's, as the option that it is."""
    option = next((option for option, name in options.names.items() if name == word), "")
    return option if option and ("_" in word or word == "email") else word


def _connections(text: str | None, action: "Action") -> list[Connection]:
    there = Connection.objects.filter(provider=PROVIDER).order_by("pk")
    if text is None:
        raise Unusable(f"--connection: say which account: {_known(there)}.")
    if text == ALL:
        if not action.is_read:
            raise Unusable(f"--connection: {action.name} changes something, so name one account.")
        found = [one for one in there if one.is_connected]
        if not found:
            raise Unusable("--connection: no account is connected.")
        return found
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        raise Unusable("--connection: give its number, or all.")
    one = there.filter(pk=int(text)).first()
    if one is None:
        raise Unusable(f"--connection: there is no connection {text} to Klaviyo. There are: {_known(there)}.")
    return [one]


def _known(there: Any) -> str:
    return ", ".join(f"{row.pk} ({row.account_name or row.account_id})" for row in there[:20]) or "none yet"
