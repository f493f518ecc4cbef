"""What an action that asks would touch: the thing by its name, and how many people are in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.wire.deadline import Deadline
from klaviyo.actions import campaigns
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.actions.refusals import Refused
from klaviyo.actions.retries import Patience
from klaviyo.actions.task import Task
from klaviyo.api.answers import members, words

SECONDS = 20
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


def of(connection: Connection, action: Action, given: Inputs) -> list[Touched]:
    """Read now; what cannot be read is named by its id, with the reason."""
    task = Task.over(connection, Patience(1, timedelta(seconds=1), False, False), Deadline(SECONDS))
    found = list(_of(task, given))
    if action.name == "send_campaign":
        found.append(_audience(task, str(getattr(given, "campaign_id", ""))))
    return found


def _of(task: Task, given: Inputs) -> Iterator[Touched]:
    for field, (what, operation, attribute) in NAMED.items():
        if id := getattr(given, field, None):
            yield _thing(task, what, operation, attribute, str(id), COUNTED.get(field, ""))
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
