"""Suppression of people by hand, and the lifting of it."""

from typing import Any

from klaviyo.actions import jobs
from klaviyo.actions.consent_inputs import Whom
from klaviyo.actions.parts import LARGEST, go_on
from klaviyo.actions.task import Task, resource

SUPPRESSED_AT_ONCE = 100  # https://developers.klaviyo.com/en/reference/bulk_suppress_profiles


def all_of(task: Task, operation: str, reading: str, given: Whom) -> dict[str, Any]:
    kind = "create" if operation == "bulk_suppress_profiles" else "delete"
    type = f"profile-suppression-bulk-{kind}-job"
    made: list[Any] = []
    if given.emails:
        named = [{"type": "profile", "attributes": {"email": email}} for email in given.emails]
        for number, part in enumerate(jobs.parts(named, SUPPRESSED_AT_ONCE, LARGEST)):
            body = resource(type, {"profiles": {"data": part}})
            made.append(go_on(task, operation, body, number * SUPPRESSED_AT_ONCE))
    else:
        name, id = ("list", given.list_id) if given.list_id else ("segment", given.segment_id)
        related: dict[str, Any] = {name: (name, id)}
        made.append(task.call(operation, body=resource(type, {}, **related)).data)
    return jobs.all_told(task, reading, made, wait=given.wait)
