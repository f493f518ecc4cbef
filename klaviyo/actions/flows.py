"""Actions on flows: what Klaviyo does by itself when something happens."""

from typing import Annotated, Any, Literal

from pydantic import Field

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Id, Inputs, Listing, Reading
from klaviyo.actions.reading import Listed
from klaviyo.actions.task import Task
from klaviyo.api import published

FlowId = Annotated[Id, Field(description="The flow's id at Klaviyo.")]


class ReadingFlow(Reading):
    flow_id: FlowId


class FlowStatus(Inputs):
    flow_id: FlowId
    status: Annotated[
        Literal["draft", "manual", "live"], Field(description="Of all the steps of the flow; live sends.")
    ]


@action("get_flows", examples=({"all": True},))
def list_flows(task: Task, given: Listing) -> Listed:  # noqa: ARG001
    """List the account's flows."""
    return Listed("get_flows", query=reading.query(given, published.find("get_flows")))


@action("get_flow", examples=({"flow_id": "XVTP5Q"},))
def get_flow(task: Task, given: ReadingFlow) -> Any:
    """Get a flow."""
    return task.got("get_flow", given.flow_id, given)


@action(
    "update_flow",
    asks=lambda given: "The flow starts to send to people." if given.status == "live" else "",
    examples=({"flow_id": "XVTP5Q", "status": "draft"},),
)
def update_flow_status(task: Task, given: FlowStatus) -> Any:
    """Switch a flow, with all its steps: draft, manual or live."""
    return task.changed("update_flow", "flow", given.flow_id, {"status": given.status})
