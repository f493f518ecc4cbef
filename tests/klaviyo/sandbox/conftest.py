"""The cast of the sandbox's own tests: a sandbox and a token of Tea House."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    made = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
    yield made
    made.session.close()
