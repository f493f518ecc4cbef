"""Accounts API: which Klaviyo account an access opens."""

from integrations.connections.health_check import REFUSED
from integrations.errors import ReconnectRequired, TemporaryError
from integrations.providers import Access, Account
from integrations.wire import http
from klaviyo.api import answers, ids, transport
from klaviyo.api.answers import Unauthorized
from klaviyo.api.operation import Operation

GET_ACCOUNTS = Operation("get_accounts", "GET /api/accounts", "accounts:read", 1, 15)


def identify(access: Access) -> Account:
    """The one account that an access opens.

    Raises ReconnectRequired when Klaviyo refuses it, TemporaryError when it cannot be told now.
    """
    try:
        data = answers.read(GET_ACCOUNTS, transport.send(GET_ACCOUNTS, access)).data
    except Unauthorized as error:
        raise ReconnectRequired(REFUSED.saying("Klaviyo does not accept our access.")) from error
    account = answers.members(data[0]) if isinstance(data, list) and data else {}
    attributes = answers.members(account.get("attributes"))
    contact = answers.members(attributes.get("contact_information"))
    id = answers.words(account.get("id"))
    if not ids.is_one(id):
        raise TemporaryError(http.UNREADABLE_ANSWER.saying("Klaviyo did not say which account this is."))
    return Account(
        id=id,
        name=answers.words(contact.get("organization_name")) or id,
        timezone=answers.words(attributes.get("timezone")),
        currency=answers.words(attributes.get("preferred_currency")),
        is_test=attributes.get("test_account") is True,
    )
