"""Accounts: https://developers.klaviyo.com/en/reference/accounts_api_overview."""

import re

from integrations.connections.health_check import REFUSED
from integrations.errors import ReconnectRequired, TemporaryError
from integrations.providers import Account
from integrations.wire import http
from klaviyo.api import answers, transport
from klaviyo.api.answers import Unauthorized
from klaviyo.api.operation import Operation

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
GET_ACCOUNTS = Operation("get_accounts", "GET /api/accounts", "accounts:read", 1, 15)


def identify(token: str) -> Account:
    """The one account that an access token opens.

    Raises ReconnectRequired when Klaviyo refuses the token, TemporaryError when it cannot be told now.
    """
    try:
        data = answers.read(GET_ACCOUNTS, transport.send(GET_ACCOUNTS, token)).data
    except Unauthorized as error:
        raise ReconnectRequired(REFUSED.saying("Klaviyo does not accept our access.")) from error
    account = answers.members(data[0]) if isinstance(data, list) and data else {}
    attributes = answers.members(account.get("attributes"))
    contact = answers.members(attributes.get("contact_information"))
    id = answers.words(account.get("id"))
    if not ID.fullmatch(id):
        raise TemporaryError(http.UNREADABLE_ANSWER.saying("Klaviyo did not say which account this is."))
    return Account(
        id=id,
        name=answers.words(contact.get("organization_name")) or id,
        timezone=answers.words(attributes.get("timezone")),
        currency=answers.words(attributes.get("preferred_currency")),
    )
