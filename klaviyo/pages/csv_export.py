"""CSV export of sends: read in steps, and people masked."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from integrations.pages import csv_lines
from klaviyo.models import Send
from klaviyo.pages import masking, send_summary

STEP = 1_000
HEADER = (
    "send",
    "what",
    "channel",
    "store",
    "program",
    "friend",
    "advocate",
    "account",
    "state",
    "reason_code",
    "reason",
    "queued_at",
    "settled_at",
)


def lines(sends: "QuerySet[Send]") -> Iterator[str]:
    """The header and one line for each send, newest first."""
    return csv_lines.of(HEADER, map(_cells, _all(sends)))


def _all(sends: "QuerySet[Send]") -> Iterator[Send]:
    """In steps by id, so that it may be millions."""
    last: int | None = None
    while True:
        found = sends if last is None else sends.filter(pk__lt=last)
        rows = list(send_summary.related(found).order_by("-pk")[:STEP])
        yield from rows
        if len(rows) < STEP:
            return
        last = rows[-1].pk


def _cells(send: Send) -> tuple[str, ...]:
    delivery = send.delivery
    return (
        str(send.pk),
        send_summary.what(send),
        send.get_channel_display(),
        send.store.name,
        send.program.name,
        masking.masked(delivery.subject),
        masking.masked(send.invite.advocate.email),
        delivery.connection.account_name,
        send_summary.state(send),
        delivery.reason_code,
        masking.within(delivery.reason),
        _time(delivery.created_at),
        _time(delivery.settled_at),
    )


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
