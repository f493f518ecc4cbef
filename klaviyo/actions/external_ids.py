"""External ids: people who are named by their id in another system alone, looked up for their profiles' ids."""

from collections.abc import Sequence
from typing import TypeVar

from klaviyo.actions import dry_run, jobs
from klaviyo.actions.consent_inputs import Named
from klaviyo.actions.parts import LARGEST, leave_out
from klaviyo.actions.task import Refused, Task
from klaviyo.api import filters
from klaviyo.api.answers import members, words

AT_ONCE = 100
NOBODY = "Klaviyo knows nobody by that."
SEVERAL = "Klaviyo has several profiles with this external id. Name the one that is meant by its id."

One = TypeVar("One", bound=Named)


def resolved(task: Task, given: Sequence[One]) -> dict[int, One]:
    """The people by their places, each with an id or an address. Raises Refused where nobody is left.

    Neither a subscription nor its end takes an external id, and several profiles may have the same one.
    https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles
    """
    found = _ids(task, sorted({str(one.external_id) for one in given if one.external_id}))
    whom: dict[int, One] = {}
    for at, one in enumerate(given):
        ids = found.get(one.external_id or "", [])
        if not one.external_id:
            whom[at] = one
        elif task.is_dry or len(ids) == 1:
            whom[at] = one.model_copy(update={"id": dry_run.ID if task.is_dry else ids[0]})
        else:
            leave_out(task, at, *(("several_profiles", SEVERAL) if ids else ("not_found", NOBODY)))
    if not whom:
        raise Refused("not_found", "Klaviyo knows nobody of them, or not which profile is meant.", pointer="/profiles")
    return whom


def _ids(task: Task, asked: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in jobs.parts(list(asked), AT_ONCE, LARGEST):
        query = {
            "filter": filters.any_of("external_id", part),
            "fields[profile]": "email,external_id,phone_number",
            "page[size]": "100",
        }
        for items, _ in task.pages("get_profiles", None, query):
            for item in items:
                task.guard.meet(item)
                name = words(members(members(item).get("attributes")).get("external_id"))
                found.setdefault(name, []).append(words(members(item).get("id")))
    return found
