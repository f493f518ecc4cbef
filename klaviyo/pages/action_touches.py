"""What an action that asks would touch: the thing by its name, and how many people are in it.

It is read once, when somebody presses the button, and kept with the run that was tried: showing it asks nobody.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.wire.deadline import Deadline
from klaviyo.actions import campaigns, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.actions.refusals import Refused
from klaviyo.actions.retries import Patience
from klaviyo.actions.task import Task
from klaviyo.api.answers import members, words
from klaviyo.models import ActionRun
from klaviyo.pages import action_runs

SECONDS = 20
TOUCHED = "touched"  # beside a run's answer
#: For each field that names a thing: what it is, the operation that reads it, and the attribute that names it.
NAMED = {
    "list_id": ("List", "get_list", "name"),
    "segment_id": ("Segment", "get_segment", "name"),
    "campaign_id": ("Campaign", "get_campaign", "name"),
    "template_id": ("Template", "get_template", "name"),
    "coupon_id": ("Coupon", "get_coupon", "external_id"),
    "code_id": ("Coupon code", "get_coupon_code", "unique_code"),
    "flow_id": ("Flow", "get_flow", "name"),
    "tag_id": ("Tag", "get_tag", "name"),
    "webhook_id": ("Webhook", "get_webhook", "name"),
    "klaviyo_id": ("Profile", "get_profile", "email"),
    "from_id": ("Profile that goes", "get_profile", "email"),
}
COUNTED = {"list_id": "additional-fields[list]", "segment_id": "additional-fields[segment]"}
SAID = {
    "email": "Person",
    "phone_number": "Person",
    "external_id": "Person",
    "status": "Becomes",
    "operation": "Operation",
}


@dataclass(frozen=True)
class Touched:
    """A thing that is touched: what it is, its name, and the number of people in it, as far as they are known."""

    what: str
    name: str
    people: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Reading:
    """What is touched, as it was read at a time; without a time as it was given."""

    things: list[Touched]
    at: datetime | None = None


def read(connection: Connection, action: Action, given: Inputs) -> Reading:
    """Read now; what cannot be read is named by its id, with the reason."""
    task = Task.over(connection, Patience(1, timedelta(seconds=1), False, False), Deadline(SECONDS))
    found = list(_of(task, given))
    if action.name == "send_campaign":
        found.append(_audience(task, str(getattr(given, "campaign_id", ""))))
    return Reading(found, timezone.now())


def keep(tried: ActionRun, reading: Reading) -> None:
    """With the run that was tried: sealed, and gone with it."""
    plain = {"at": reading.at.isoformat() if reading.at else "", "things": [asdict(one) for one in reading.things]}
    record.add(tried, TOUCHED, plain, {one.name for one in reading.things if "@" in one.name})


def kept(tried: ActionRun, given: Inputs) -> Reading:
    """As it was read when it was tried; else by what was given alone."""
    told = action_runs.contents(tried).touched
    at = parse_datetime(words(told.get("at")))
    return Reading([Touched(**one) for one in told["things"]], at) if at else Reading(list(_of(None, given)))


def _of(task: Task | None, given: Inputs) -> Iterator[Touched]:
    """Without a task nobody is asked."""
    for field, (what, operation, attribute) in NAMED.items():
        if id := getattr(given, field, None):
            counted = COUNTED.get(field, "")
            yield _thing(task, what, operation, attribute, str(id), counted) if task else Touched(what, str(id))
    for field, what in SAID.items():
        if value := getattr(given, field, None):
            yield Touched(what, str(value))
    if emails := getattr(given, "emails", None):
        yield Touched(
            "People by their addresses", ", ".join(emails[:3]) + (" …" if len(emails) > 3 else ""), len(emails)
        )


def _thing(task: Task, what: str, operation: str, attribute: str, id: str, counted: str) -> Touched:
    query = {counted: "profile_count"} if counted else {}
    try:
        told = members(task.call(operation, path=task.place(operation, id), query=query).data)
    except (IntegrationError, Refused) as error:
        return Touched(what, id, problem=_sentence(error))
    attributes = members(told.get("attributes"))
    count = attributes.get("profile_count")
    return Touched(what, words(attributes.get(attribute)) or id, count if isinstance(count, int) else None)


def _audience(task: Task, campaign_id: str) -> Touched:
    try:
        count = campaigns.recipients(task, campaign_id)
    except (IntegrationError, Refused) as error:
        return Touched("Recipients", "not known", problem=_sentence(error))
    return Touched("Recipients", "as Klaviyo estimates now", count)


def _sentence(error: IntegrationError | Refused) -> str:
    return error.sentence if isinstance(error, IntegrationError) else error.problem.detail
