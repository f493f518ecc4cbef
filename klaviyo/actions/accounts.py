"""Actions on the account: whose connection it is."""

from typing import Annotated, Any

from pydantic import Field

from klaviyo.actions import reading
from klaviyo.actions.declaration import action
from klaviyo.actions.inputs import Id, Reading, seed
from klaviyo.actions.task import Task
from klaviyo.api import answers, published


class OfAccount(Reading):
    account_id: Annotated[Id, Field(description="The account's id at Klaviyo.", json_schema_extra=seed("Account ID"))]


@action("get_account", seeds=("Prismatic: Get Account",), examples=({"account_id": "XyZ123"},))
def get_account(task: Task, given: OfAccount) -> Any:
    """Get the account."""
    return task.got("get_account", given.account_id, given)


@action("get_accounts", seeds=("Prismatic: List Accounts",), examples=({},))
def list_accounts(task: Task, given: Reading) -> dict[str, Any]:
    """List the accounts of the connection, which is one."""
    items = task.call("get_accounts", query=reading.query(given, published.find("get_accounts"))).data
    if not isinstance(items, list):
        raise answers.Unreadable("accounts")
    return {"items": items, "count": len(items), "next": None}
