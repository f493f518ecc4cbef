"""Actions on imports: many profiles in one job, which Klaviyo works on at its own pace."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from klaviyo.actions import jobs, parts, profile_fields, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Id, Inputs, JobId, Listing, Reading
from klaviyo.actions.profile_fields import OneProfile
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task, resource
from klaviyo.api import bulk, published


class Importing(Inputs):
    profiles: Annotated[
        list[OneProfile], Field(min_length=1, max_length=100_000, description="People, each as in upsert_profile.")
    ]
    list_id: Annotated[Id | None, Field(description="A list that all of them join.")] = None
    wait: Annotated[bool, Field(description="Wait until Klaviyo has worked through it.")] = False


class OfImport(Reading):
    job_id: Annotated[JobId, Field(description="The import's id, as bulk_import_profiles told it.")]


class ErrorsOfImport(Listing):
    job_id: Annotated[JobId, Field(description="The import's id, as bulk_import_profiles told it.")]


@action(
    "bulk_import_profiles",
    sometimes=("get_bulk_import_profiles_job",),
    reaches=True,
    examples=({"profiles": [{"email": "ann@shop.example"}, {"email": "ben@shop.example", "first_name": "Ben"}]},),
)
def bulk_import_profiles(task: Task, given: Importing) -> dict[str, Any]:
    """Create or change many profiles in one job, or several where they are too many for one."""
    items = [(at, _resource(one)) for at, one in enumerate(given.profiles)]
    body = partial(_body, list_id=given.list_id)
    most, largest = bulk.MOST_PROFILES, bulk.MOST_BYTES
    sent = parts.send(task, "bulk_import_profiles", "profiles", items, body, most=most, largest=largest)
    told = [answer.data for _, answer in sent]
    return jobs.all_told(task, "get_bulk_import_profiles_job", told, wait=given.wait)


@action("get_bulk_import_profiles_job", examples=({"job_id": "01JABC"},))
def get_profile_import(task: Task, given: OfImport) -> dict[str, Any]:
    """See how an import stands."""
    return jobs.told(task.got("get_bulk_import_profiles_job", given.job_id, given))


@action("get_bulk_import_profiles_jobs", examples=({"limit": 20},))
def list_profile_imports(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List imports."""
    return Listed(
        "get_bulk_import_profiles_jobs", query=reading.query(given, published.find("get_bulk_import_profiles_jobs"))
    )


@action("get_errors_for_bulk_import_profiles_job", examples=({"job_id": "01JABC"},))
def list_profile_import_errors(task: Task, given: ErrorsOfImport) -> Listed:  # noqa: ARG001
    """List whom an import did not take, and why."""
    operation = "get_errors_for_bulk_import_profiles_job"
    return Listed(operation, {"id": given.job_id}, reading.query(given, published.find(operation)))


def _body(part: list[Any], *, list_id: str | None) -> dict[str, Any]:
    related: dict[str, Any] = {"lists": ("list", [list_id])} if list_id else {}
    return resource(jobs.IMPORT, {"profiles": {"data": part}}, **related)


def _resource(one: OneProfile) -> dict[str, Any]:
    made = profile_fields.attributes(one)
    meta = profile_fields.patch(one, made)
    return {"type": "profile", "attributes": made} | ({"meta": meta} if meta else {})
