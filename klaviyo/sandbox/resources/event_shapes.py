"""Event shapes in a request body, alone and in a bulk job."""

from datetime import UTC, datetime, timedelta

from klaviyo.sandbox.protocol.validation import Anything, Boolean, Items, Members, Number, Shape, Text
from klaviyo.sandbox.resources import profile_shapes
from klaviyo.sandbox.state import identifiers

MOST_PROPERTIES = 400
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def _time_in_range(text: str) -> str | None:
    try:
        at = identifiers.parsed(text)
    except ValueError:
        return "This value must be an ISO 8601 date and time."
    if not _EARLIEST <= at <= datetime.now(UTC) + timedelta(days=365):
        return "The time must be after the year 2000 and at most one year ahead."
    return None


_METRIC = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("metric",)),
                "attributes": Members({"name": Text(shortest=1, longest=127)}, {"service": Text(nullable=True)}),
            }
        )
    }
)
_REQUIRED: dict[str, Shape] = {"properties": Anything(most=MOST_PROPERTIES), "metric": _METRIC}
_OPTIONAL: dict[str, Shape] = {
    "time": Text(nullable=True, form=_time_in_range),
    "value": Number(nullable=True),
    "value_currency": Text(nullable=True, shortest=3, longest=3),
    "unique_id": Text(nullable=True, shortest=1, longest=255),
    "backfill": Boolean(nullable=True),
}
_TYPE = Text(choices=("event",))
_EVENT = Members({"type": _TYPE, "attributes": Members(_REQUIRED, _OPTIONAL)})


def _one(profile: Shape) -> Members:
    attributes = Members({**_REQUIRED, "profile": Members({"data": profile})}, _OPTIONAL)
    return Members({"data": Members({"type": _TYPE, "attributes": attributes})})


_ONE, _ONE_SINCE_OCTOBER = _one(profile_shapes.OF_EVENT), _one(profile_shapes.OF_BULK_EVENT)


def one(revision: str) -> Members:
    """A single event; from 2026-10-15 on, its profile's meta is where a bulk job has it."""
    return _ONE if revision < "2026-10-15" else _ONE_SINCE_OCTOBER


_OF_ONE_PROFILE = Members(
    {
        "type": Text(choices=("event-bulk-create",)),
        "attributes": Members(
            {
                "profile": Members({"data": profile_shapes.OF_BULK_EVENT}),
                "events": Members({"data": Items(_EVENT, fewest=1)}),
            },
            {"backfill": Boolean(nullable=True)},
        ),
    }
)
JOB = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("event-bulk-create-job",)),
                "attributes": Members({"events-bulk-create": Members({"data": Items(_OF_ONE_PROFILE, fewest=1)})}),
            }
        )
    }
)
