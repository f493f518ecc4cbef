"""The official client against the sandbox, and what it is told when it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE


def official(sandbox: Sandbox, scope: str | None = None) -> Any:
    """It, with every scope or these, and without its own patience."""
    tokens = sandbox.connect(TEA_HOUSE) if scope is None else sandbox.connect(TEA_HOUSE, scope)
    made = KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=tokens.access_token)
    made.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
    return made


def refusal(call: Any, *given: Any, **named: Any) -> int:
    """The status with which a call is refused."""
    with pytest.raises(ApiException) as told:
        call(*given, **named)
    return int(told.value.status)
