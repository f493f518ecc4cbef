"""Events: the metric's name and the time of a row, within what Klaviyo takes."""

from collections.abc import Callable
from datetime import datetime

from klaviyo.api import values
from klaviyo.syncs.columns import dates
from klaviyo.syncs.columns.cells import Trouble, checked, plain

LONGEST_METRIC = 127  # https://developers.klaviyo.com/en/reference/create_event
OURS = "sorae "


def metric_name(value: object) -> str:
    """The name of a metric. Raises Trouble for what cannot be one, or is one of the referrals'."""
    name = checked(plain(value).strip())
    if not name:
        raise Trouble("is empty: an event needs the name of its metric")
    if len(name) > LONGEST_METRIC:
        raise Trouble(f"is longer than {LONGEST_METRIC} characters, the most that the name of a metric may have")
    if not name.isprintable():
        raise Trouble("is no name of a metric: it has characters that nobody sees")
    if " ".join(name.split()).casefold().startswith(OURS):
        raise Trouble("begins with Sorae, as the events of referrals do: choose another name")
    return name


def time(read: Callable[[object, list[str]], datetime], value: object, warnings: list[str], now: datetime) -> str:
    """When it happened, to the second. Raises Trouble for a time that Klaviyo does not take."""
    if value is None or value == "":
        raise Trouble("is empty: an event needs its time")
    moment = read(value, warnings)
    if values.time_problem(moment, now):
        raise Trouble("lies too far off: Klaviyo takes times from 2001 until a year from now")
    return dates.told(moment.replace(microsecond=0))


def is_not_kept(made: object) -> bool:
    """Whether Klaviyo keeps no property of this value, where it stands in an event itself.

    https://developers.klaviyo.com/en/reference/events_api_overview
    """
    return made is None or made == "" or (type(made) in (int, float) and made == 0)
