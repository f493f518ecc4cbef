"""Reconciliation command: prints the report of a period, and repairs what differs if asked to."""

from datetime import UTC, datetime, time, timedelta
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console

from integrations.errors import IntegrationError
from integrations.models import Connection
from klaviyo.api.events import SECOND
from klaviyo.confirmation import report, report_tables

SAY_EVERY = 10_000


class Command(BaseCommand):
    help = (
        "Holds our books of a period against Klaviyo's, and prints the account: facts, deliveries by state, what is "
        "missing at Klaviyo and what is there beyond them. Ends with 1 where anything is, else with 0. "
        "It reads all events of the account in the period, a thousand at a time, and changes nothing without --repair."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", type=int, required=True, help="the connection's number, as in its address")
        parser.add_argument("--since", required=True, help="a day, or a moment such as 2026-11-01T14:30 (UTC)")
        parser.add_argument("--until", default="", help="likewise; a day is included (default: now)")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="confirm what is there, and send again what is missing; invites and reminders are only reported",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        connection = _connection(options["connection"])
        since, until = _period(options["since"], options["until"])
        try:
            reconciliation = report.reconcile(connection, since, until, repairs=options["repair"], progress=self._say)
        except IntegrationError as error:
            raise CommandError(f"Klaviyo did not tell everything, so there is no account: {error.sentence}") from None
        console = Console(file=cast("IO[str]", self.stdout), width=None if self.stdout.isatty() else 100)
        report_tables.show(console, reconciliation)
        if not reconciliation.is_even:
            raise SystemExit(1)

    def _say(self, number: int) -> None:
        """For whoever watches: months of events take minutes."""
        if number and number % SAY_EVERY == 0 and self.stderr.isatty():
            self.stderr.write(f"{number:,} compared")


def _connection(pk: int) -> Connection:
    connection = Connection.objects.filter(pk=pk, provider="klaviyo").first()
    if connection is None:
        known = ", ".join(f"{row.pk} ({row.account_name or row.account_id})" for row in _all())
        raise CommandError(f"There is no connection {pk} to Klaviyo. " + (f"There are: {known}." if known else ""))
    if not connection.is_connected:
        raise CommandError(f"{connection} is not connected, so Klaviyo cannot be asked. Connect the account first.")
    return connection


def _all() -> list[Connection]:
    return list(Connection.objects.filter(provider="klaviyo").order_by("pk")[:20])


def _period(since: str, until: str) -> tuple[datetime, datetime]:
    """In whole seconds; the end is not included."""
    begins = _moment(since, "--since")
    ends = _moment(until, "--until", is_end=True) if until else timezone.now().replace(microsecond=0) + SECOND
    if begins >= ends:
        raise CommandError("--since must be earlier than --until, and than now.")
    return begins, ends


def _moment(text: str, name: str, *, is_end: bool = False) -> datetime:
    try:
        if day := parse_date(text):
            return datetime.combine(day, time(), UTC) + timedelta(days=is_end)
        moment = parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise CommandError(f"{name} is a day such as 2026-11-01, or a moment such as 2026-11-01T14:30.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
