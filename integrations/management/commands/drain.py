"""`manage.py drain`: delivers what is due without a broker; --check is a health check of the workers."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.db.models import Count
from django.db.models.functions import Now

from integrations import shutdown
from integrations.models import Connection, Delivery, Place
from integrations.workers import liveness
from integrations.workers.drain_loop import DrainLoop


class Command(BaseCommand):
    help = (
        "Delivers what is due, without Celery or Redis, and ends when nothing is. With --loop it goes on until it is "
        "asked to stop, and does what beat would ask for. --check says whether workers, of whatever sort, work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--connection", type=int, metavar="N", help="only this connection")
        parser.add_argument("--loop", action="store_true", help="go on until SIGTERM")
        parser.add_argument("--threads", type=int, default=4, help="how many accounts are served at a time (4)")
        parser.add_argument("--check", action="store_true", help="deliver nothing; exit 1 when nobody does")
        oldest = round(liveness.OLDEST.total_seconds())
        parser.add_argument(
            "--oldest", type=int, default=oldest, help=f"seconds that work may be left alone ({oldest})"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["check"]:
            self._check(timedelta(seconds=max(options["oldest"], 1)))
        else:
            self._drain(options["connection"], max(options["threads"], 1), is_endless=options["loop"])

    def _check(self, oldest: timedelta) -> None:
        try:
            trouble = liveness.trouble(oldest)
        except Error as error:
            raise CommandError(f"The database does not answer ({type(error).__name__}).") from None
        if trouble:
            raise CommandError(trouble)
        self.stdout.write("Workers work.")

    def _drain(self, only: int | None, threads: int, *, is_endless: bool) -> None:
        if only is not None and not is_endless and not Connection.objects.filter(pk=only).exists():
            raise CommandError(f"There is no connection {only}.")
        began_at = _now()
        with shutdown.on_signals():
            DrainLoop(threads, only, is_endless=is_endless).run()
        self.stdout.write(_account(began_at, only))


def _now() -> datetime | None:
    """By the database's clock, as all times of deliveries are; none while it is away."""
    try:
        return Connection.objects.values_list(Now(), flat=True).first()
    except Error:
        return None


def _connections(only: int | None) -> list[int]:
    """Named one by one: the index by state begins with the connection."""
    return [only] if only else list(Connection.objects.values_list("pk", flat=True))


def _account(began_at: datetime | None, only: int | None) -> str:
    """What was settled since, and what waits."""
    rows = Place.objects.filter(connection__in=_connections(only)).order_by()
    counted: dict[str, int] = {}
    try:
        if began_at:
            ends = [state for state in Delivery.State if state not in Delivery.OPEN]
            settled = rows.filter(state__in=ends, is_named__in=Place.ANY_NAMED, settled_at__gte=began_at)
            counted = dict(settled.values_list("state").annotate(Count("pk")))
        waiting = rows.filter(state__in=Delivery.OPEN).count()
    except Error:
        return "The database does not answer, so nobody can say what was delivered."
    delivered = counted.pop("accepted", 0) + counted.pop("confirmed", 0)
    others = "".join(f", {number} {state}" for state, number in sorted(counted.items()))
    return f"{delivered} delivered{others}; {waiting} wait."
