"""Account operation, GET /api/accounts: the one account that a token speaks for."""

from klaviyo.sandbox.protocol.calls import Answer, Call, Document
from klaviyo.sandbox.protocol.errors import Refusal, invalid, not_found
from klaviyo.sandbox.state import accounts, identifiers


def get_accounts(call: Call) -> Answer:
    return call.many([_resource(call)])


def get_account(call: Call) -> Answer:
    asked = call.ids["id"]
    if not identifiers.SHORT.fullmatch(asked):
        raise Refusal(invalid("Invalid account id.", "/data/id"))
    if asked != call.account:
        raise Refusal(not_found("account", asked))
    return call.one(_resource(call))


def _resource(call: Call) -> Document:
    attributes = accounts.attributes(call.sql, call.account) or {}
    return {
        "type": "account",
        "id": call.account,
        "attributes": call.query.sparse("account", attributes),
        "links": {"self": call.address(f"/api/accounts/{call.account}")},
    }
