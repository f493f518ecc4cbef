"""Actions on coupons: pools of codes that Klaviyo hands out itself, when a message that uses the coupon is sent."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from klaviyo.actions import jobs, reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import (
    Changing,
    Inputs,
    JobId,
    Listing,
    Moment,
    Object,
    Part,
    Reading,
    Text,
    one_of_them,
    wrong,
)
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published

MOST_CODES = 1_000  # https://developers.klaviyo.com/en/reference/bulk_create_coupon_codes
LARGEST = 4_500_000
CouponId = Annotated[
    str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_-]+$", description="The coupon's id at Klaviyo.")
]
CodeId = Annotated[
    str,
    Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_\-.~]+$", description="The code's id: CODE-COUPON."),
]
Status = Literal["UNASSIGNED", "ASSIGNED_TO_PROFILE", "USED", "PROCESSING", "DELETING", "VERSION_NOT_ACTIVE"]


class NewCoupon(Inputs):
    external_id: Annotated[
        str,
        Field(
            min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_-]+$", description="Its name: letters, digits, - and _."
        ),
    ]
    description: Text | None = None
    monitor_configuration: Annotated[Object | None, Field(description="When to warn of few codes.")] = None


class OfCoupon(Inputs):
    coupon_id: CouponId


class ReadingCoupon(Reading):
    coupon_id: CouponId


class ChangedCoupon(Changing):
    coupon_id: CouponId
    description: Text | None = None
    monitor_configuration: Object | None = None


class Code(Part):
    unique_code: Annotated[Text, Field(min_length=1, max_length=255, description="The code itself.")]
    expires_at: Annotated[Moment | None, Field(description="If not given, in a year.")] = None


class NewCode(Code, Inputs):
    coupon_id: CouponId


class NewCodes(Inputs):
    coupon_id: CouponId
    codes: Annotated[
        list[Code], Field(min_length=1, max_length=100_000, description="Codes, each with its expires_at.")
    ]
    wait: Annotated[bool, Field(description="Wait until Klaviyo has worked through them.")] = False

    @model_validator(mode="after")
    def _each_once(self) -> "NewCodes":
        if len({one.unique_code for one in self.codes}) < len(self.codes):
            raise wrong("A code is named twice.", field="codes")
        return self


class OfCode(Inputs):
    code_id: CodeId


class ReadingCode(Reading):
    code_id: CodeId


class ChangedCode(Changing):
    code_id: CodeId
    status: Annotated[Status | None, Field(description="USED marks one as spent.")] = None
    expires_at: Moment | None = None


class ListingCodes(Listing):
    RULES = (one_of_them("coupon_id", "filter"),)

    coupon_id: Annotated[CouponId | None, Field(description="Of this coupon; or give a filter.")] = None

    @model_validator(mode="after")
    def _of_something(self) -> "ListingCodes":
        # Required: https://developers.klaviyo.com/en/reference/get_coupon_codes
        if self.coupon_id is None and self.filter is None:
            raise wrong(
                "Give a coupon_id, or a filter that names a coupon, a profile, a status or an end.",
                "missing",
                field="coupon_id",
            )
        return self


class OfCodeJob(Reading):
    job_id: Annotated[JobId, Field(description="The job's id, as bulk_create_coupon_codes told it.")]


@action("create_coupon", examples=({"external_id": "FRIEND10", "description": "10 % for friends"},))
def create_coupon(task: Task, given: NewCoupon) -> Any:
    """Create a coupon: a pool of codes."""
    return task.made("create_coupon", "coupon", given.given("external_id", "description", "monitor_configuration"))


@action("get_coupon", examples=({"coupon_id": "FRIEND10"},))
def get_coupon(task: Task, given: ReadingCoupon) -> Any:
    """Get a coupon."""
    return task.got("get_coupon", given.coupon_id, given)


@action("get_coupons", examples=({"all": True},))
def list_coupons(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's coupons."""
    return Listed("get_coupons", query=reading.query(given, published.find("get_coupons")))


@action("update_coupon", examples=({"coupon_id": "FRIEND10", "description": "10 % for a friend"},))
def update_coupon(task: Task, given: ChangedCoupon) -> Any:
    """Change a coupon's description, or when it warns."""
    changes = given.given("description", "monitor_configuration")
    return task.changed("update_coupon", "coupon", given.coupon_id, changes)


@action("delete_coupon", asks="The coupon is gone for good, with its codes.", examples=({"coupon_id": "FRIEND10"},))
def delete_coupon(task: Task, given: OfCoupon) -> dict[str, Any]:
    """Delete a coupon."""
    return task.deleted("delete_coupon", given.coupon_id)


@action("create_coupon_code", examples=({"coupon_id": "FRIEND10", "unique_code": "ANN-10"},))
def create_coupon_code(task: Task, given: NewCode) -> Any:
    """Add a code to a coupon's pool."""
    return task.made("create_coupon_code", "coupon-code", _code(given), coupon=("coupon", given.coupon_id))


@action("get_coupon_code", examples=({"code_id": "ANN-10-FRIEND10"},))
def get_coupon_code(task: Task, given: ReadingCode) -> Any:
    """Get a code, and whether it is assigned."""
    return task.got("get_coupon_code", given.code_id, given)


@action("get_coupon_codes", examples=({"coupon_id": "FRIEND10"},))
def list_coupon_codes(task: Task, given: ListingCodes) -> Listed:  # noqa: ARG001
    """List codes, of a coupon or by a filter."""
    query = reading.query(given, published.find("get_coupon_codes"))
    if given.coupon_id:
        mine = f'equals(coupon.id,"{given.coupon_id}")'
        query["filter"] = f"and({mine},{given.filter})" if given.filter else mine
    return Listed("get_coupon_codes", query=query)


@action("update_coupon_code", examples=({"code_id": "ANN-10-FRIEND10", "status": "USED"},))
def update_coupon_code(task: Task, given: ChangedCode) -> Any:
    """Mark a code, or change when it ends."""
    changes = given.model_dump(mode="json", include={"status", "expires_at"}, exclude_none=True)
    return task.changed("update_coupon_code", "coupon-code", given.code_id, changes)


@action(
    "delete_coupon_code",
    asks="The code is gone for good. One that somebody has cannot be deleted.",
    examples=({"code_id": "ANN-10-FRIEND10"},),
)
def delete_coupon_code(task: Task, given: OfCode) -> dict[str, Any]:
    """Delete a code that nobody has."""
    return task.deleted("delete_coupon_code", given.code_id)


@action(
    "bulk_create_coupon_codes",
    sometimes=("get_bulk_create_coupon_codes_job",),
    examples=({"coupon_id": "FRIEND10", "codes": [{"unique_code": "ANN-10"}, {"unique_code": "BEN-10"}]},),
)
def bulk_create_coupon_codes(task: Task, given: NewCodes) -> dict[str, Any]:
    """Add many codes to a coupon's pool, a thousand a job."""
    related = {"coupon": {"data": {"type": "coupon", "id": given.coupon_id}}}
    codes = [{"type": "coupon-code", "attributes": _code(one), "relationships": related} for one in given.codes]
    parts = jobs.parts(codes, MOST_CODES, LARGEST)
    told = [
        task.made("bulk_create_coupon_codes", "coupon-code-bulk-create-job", {"coupon-codes": {"data": part}})
        for part in parts
    ]
    return jobs.all_told(task, "get_bulk_create_coupon_codes_job", told, wait=given.wait)


@action("get_bulk_create_coupon_codes_job", examples=({"job_id": "01JABC"},))
def get_coupon_code_job(task: Task, given: OfCodeJob) -> dict[str, Any]:
    """See how the making of many codes stands."""
    return jobs.told(task.got("get_bulk_create_coupon_codes_job", given.job_id, given))


def _code(one: Code) -> dict[str, Any]:
    return one.model_dump(mode="json", include={"unique_code", "expires_at"}, exclude_none=True)
