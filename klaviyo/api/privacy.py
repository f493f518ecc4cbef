"""Data privacy API: Klaviyo's deletion of a profile for good."""

from collections.abc import Sequence

from integrations.errors import PermanentError
from integrations.models import Delivery
from klaviyo.api import answers
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

REQUEST_PROFILE_DELETION = Operation(
    "request_profile_deletion", "POST /api/data-privacy-deletion-jobs", "data-privacy:write", 3, 60, success=(202,)
)


def request_deletion(client: Client, email: str, deliveries: Sequence[Delivery] = ()) -> bool:
    """Have Klaviyo delete everybody with this address, for good. False when it knows nobody by it.

    https://developers.klaviyo.com/en/reference/request_profile_deletion
    """
    profile = {"type": "profile", "attributes": {"email": email}}
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": profile}}}}
    try:
        client.call(REQUEST_PROFILE_DELETION, body=body, deliveries=deliveries)
    except PermanentError as error:
        if not answers.is_missing(error, "profile"):  # 404 for an unknown profile; that is not published
            raise
        return False
    return True
