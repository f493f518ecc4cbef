"""Suppression of people by hand, and the lifting of it."""

from functools import partial
from typing import Any

from klaviyo.actions import jobs, parts
from klaviyo.actions.consent_inputs import Whom
from klaviyo.actions.task import Task, resource

SUPPRESSED_AT_ONCE = 100  # https://developers.klaviyo.com/en/reference/bulk_suppress_profiles


def all_of(task: Task, operation: str, reading: str, given: Whom) -> dict[str, Any]:
    """Ask for it, and tell what became of the jobs."""
    kind = "create" if operation == "bulk_suppress_profiles" else "delete"
    type = f"profile-suppression-bulk-{kind}-job"
    if given.emails:
        named = [(at, {"type": "profile", "attributes": {"email": email}}) for at, email in enumerate(given.emails)]
        body = partial(_body, type)
        made = [one.data for _, one in parts.send(task, operation, "emails", named, body, most=SUPPRESSED_AT_ONCE)]
    else:
        name, id = ("list", given.list_id) if given.list_id else ("segment", given.segment_id)
        related: dict[str, Any] = {name: (name, id)}
        made = [task.call(operation, body=resource(type, {}, **related)).data]
    return jobs.all_told(task, reading, made, wait=given.wait)


def _body(type: str, part: list[Any]) -> dict[str, Any]:
    return resource(type, {"profiles": {"data": part}})
