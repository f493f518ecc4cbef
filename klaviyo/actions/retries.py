"""Retries of an action's requests: what may be made again, after which answer, and how long it waits before.

What the account's own budget lets wait has not been made: that is waiting, no retry, and only the deadline ends it.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from integrations import shutdown
from integrations.errors import IntegrationError, OutOfTime, PermanentError, TemporaryError, Throttled
from integrations.outcomes import CalledOff
from integrations.wire import http
from integrations.wire.deadline import Deadline
from klaviyo.actions.turns import is_harmless_again
from klaviyo.api.answers import Answer
from klaviyo.api.bodies import Body
from klaviyo.api.operation import Operation

#: A second one would make a second thing, or send twice; and by which action it can be seen whether it was done.
LOOK_BY = {
    "create_profile": "get_profiles",
    "create_or_update_profile": "get_profiles",
    "update_profile": "get_profile",
    "merge_profiles": "get_profile",
    "bulk_import_profiles": "list_profile_imports",
    "bulk_subscribe_profiles": "get_profiles",
    "create_list": "list_lists",
    "create_segment": "list_segments",
    "create_template": "list_templates",
    "clone_template": "list_templates",
    "create_campaign": "list_campaigns",
    "create_campaign_clone": "list_campaigns",
    "assign_template_to_campaign_message": "get_campaign_message",
    "send_campaign": "get_campaign_send",
    "upload_image_from_url": "list_images",
    "upload_image_from_file": "list_images",
    "create_coupon": "list_coupons",
    "create_coupon_code": "list_coupon_codes",
    "bulk_create_coupon_codes": "list_coupon_codes",
    "create_tag": "list_tags",
    "create_webhook": "list_webhooks",
}
NOT_TWICE = frozenset(LOOK_BY) - {"create_or_update_profile", "update_profile"}  # but where they append
LONGEST_STEP = 0.5  # seconds between two looks whether this process is to end
LONGEST_BACKOFF = 60.0
OVER = http.TIMED_OUT.saying("It took longer than it was given.")
ENDING = http.TIMED_OUT.saying("The program was asked to end while this ran. Run it again.")


@dataclass(frozen=True)
class Patience:
    """What the caller has asked for."""

    max_retries: int
    retry_delay: timedelta
    exponential_backoff: bool
    on_all_errors: bool = False

    def pause(self, retry: int) -> float:
        """Seconds before the retry with that number, from 0."""
        if not self.exponential_backoff:
            return self.retry_delay.total_seconds()
        return min(2.0**retry, LONGEST_BACKOFF) * random.uniform(0.8, 1.2)  # noqa: S311


def may_be_repeated(operation: Operation, body: Any) -> bool:
    """Whether a request of somebody's own may be made again although it may have been done: reads, and what replaces.

    A POST makes a further thing, unless it is known to make none; what appends would stand there twice.
    https://developers.klaviyo.com/en/reference/update_profile
    """
    if operation.method in ("GET", "PUT", "DELETE"):
        return True
    appends = isinstance(body, Body) or "append" in json.dumps(body)
    return is_harmless_again(operation) and not appends


def patiently(
    ask: Callable[[], Answer],
    operation: Operation,
    patience: Patience,
    deadline: Deadline,
    *,
    is_repeatable: bool | None = None,
) -> tuple[Answer, int]:
    """The answer, and how many requests it took. Raises the last error, which says in `attempts` how many it took."""
    again = operation.id not in NOT_TWICE if is_repeatable is None else is_repeatable
    tries = retries = 0
    while True:
        if deadline.left <= 0:
            raise _counted(OutOfTime(OVER), tries)
        try:
            return ask(), tries + 1
        except CalledOff as error:
            error.attempts = tries  # type: ignore[attr-defined]
            raise
        except Throttled as error:
            tries += 1
            if retries >= patience.max_retries:
                raise _counted(error, tries) from None
            retries += 1
            sleep(deadline, error.retry_after.total_seconds(), tries)
        except IntegrationError as error:
            tries += 1
            if retries >= patience.max_retries or not _may_again(error, again=again, patience=patience):
                raise _counted(error, tries) from None
            told = error.retry_after if isinstance(error, TemporaryError) else None
            sleep(deadline, max(patience.pause(retries), told.total_seconds() if told else 0), tries)
            retries += 1


def _may_again(error: IntegrationError, *, again: bool, patience: Patience) -> bool:
    if isinstance(error, PermanentError):
        return patience.on_all_errors
    if isinstance(error, OutOfTime) or not isinstance(error, TemporaryError):
        return False
    return again or not error.may_have_happened


def sleep(deadline: Deadline, seconds: float, tries: int = 0) -> None:
    """Raises OutOfTime instead of sleeping beyond the deadline, or when this process is to end."""
    if seconds > deadline.left:
        raise _counted(OutOfTime(OVER), tries) from None
    until = time.monotonic() + seconds
    while (rest := until - time.monotonic()) > 0:
        if shutdown.asked():
            raise _counted(OutOfTime(ENDING), tries) from None
        time.sleep(min(rest, LONGEST_STEP))


def _counted(error: IntegrationError, tries: int) -> IntegrationError:
    error.attempts = tries  # type: ignore[attr-defined]
    return error
