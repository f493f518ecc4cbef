"""Jobs that Klaviyo works on at its own pace: what is sent in parts, and how far each is."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from klaviyo.actions.task import Task
from klaviyo.api.answers import members, words

IMPORT = "profile-bulk-import-job"
OVER = ("complete", "completed", "cancelled", "failed")
LOOKS_EVERY = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds


def parts(items: Sequence[Any], most: int, bytes: int) -> Iterator[list[Any]]:
    """The items in as few requests as Klaviyo's limits allow."""
    part: list[Any] = []
    size = 0
    for item in items:
        its = len(json.dumps(item, separators=(",", ":")))
        if part and (len(part) >= most or size + its > bytes):
            yield part
            part, size = [], 0
        part.append(item)
        size += its
    if part:
        yield part


def told(job: Any) -> dict[str, Any]:
    """A job in our words: its id, status and counts, and what Klaviyo sent."""
    resource = members(job)
    attributes = members(resource.get("attributes"))
    counts = {name: attributes.get(f"{name}_count") for name in ("total", "completed", "failed", "skipped")}
    return {"job_id": resource.get("id"), "status": attributes.get("status"), **counts, "data": job}


def all_told(task: Task, operation: str, jobs: Sequence[Any], *, wait: bool) -> dict[str, Any]:
    """What became of a request's jobs; with `wait`, once Klaviyo has ended them all."""
    ids = [words(members(job).get("id")) for job in jobs]
    if wait and not all(ids):
        task.warn("no_job", "Klaviyo took it and named no job, so nobody can say here when it is over.")
    found = [waited(task, operation, id) if wait and id else told(job) for job, id in zip(jobs, ids, strict=True)]
    return found[0] if len(found) == 1 else {"jobs": found}


def waited(task: Task, operation: str, id: str) -> dict[str, Any]:
    """A job, once it is over."""
    looks = 0
    while True:
        job = told(task.call(operation, path=task.place(operation, id)).data)
        if job["status"] in OVER:
            return job
        task.pause(LOOKS_EVERY[min(looks, len(LOOKS_EVERY) - 1)])
        looks += 1
