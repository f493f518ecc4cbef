"""A sandbox under judgement: what it takes must be published, and what it answers must be as specified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

from klaviyo.sandbox import Exchange, Sandbox
from tests import schemas
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client
from tests.klaviyo.sandbox.test_sandbox_specification import complaints


@dataclass
class Judged:
    """The sandbox, the official client of Tea House, and a client without manners."""

    sandbox: Sandbox
    api: Any
    client: Client

    def may_only(self, scope: str) -> Client:
        """Somebody who has been granted just this."""
        return Client(self.sandbox.url, self.sandbox.connect(TEA_HOUSE, f"accounts:read {scope}").access_token)

    def of(self, account: str) -> Client:
        return Client(self.sandbox.url, self.sandbox.connect(account).access_token)

    def refused(self, method: str, path: str, body: Any = None) -> list[tuple[int, str]]:
        """The status of an answer with each of its errors' places."""
        answer = self.client.send(method, path, body)
        places = [one["source"] for one in answer.json()["errors"]]
        return [(answer.status_code, one.get("pointer") or one.get("parameter") or "") for one in places]


@contextmanager
def judged() -> Iterator[Judged]:
    exchanges: list[Exchange] = []
    with Sandbox(limits=False, observer=exchanges.append) as sandbox:
        token = sandbox.connect(TEA_HOUSE).access_token
        client = Client(sandbox.url, token)
        yield Judged(sandbox, sdk(sandbox, token), client)
        client.session.close()
    assert exchanges
    for one in exchanges:
        if one.status < 300 and not any(name in one.path for name in ("/oauth/", "/sandbox/")):
            schemas.check(one)
    # The specification requires of an answer what `fields[...]` leaves out.
    answered = [one for one in exchanges if one.operation]
    whole = [one for one in answered if not any(name.startswith("fields[") for name in parse_qs(one.query))]
    told = [complaint for one in whole for complaint in complaints(one)]
    assert not told, told


def sdk(sandbox: Sandbox, token: str) -> Any:
    made = KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=token)
    made.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
    return made


def walked(read: Any, **asked: Any) -> list[list[str]]:
    """The ids of every page, to the end."""
    pages: list[list[str]] = []
    cursor = None
    while True:
        page = read(**asked, **({"page_cursor": cursor} if cursor else {}))
        pages.append([one.id for one in page.data])
        if not page.links.next:
            return pages
        cursor = parse_qs(urlsplit(page.links.next).query)["page[cursor]"][0]


def status_of(call: Any, *args: Any, **named: Any) -> int:
    """The status that the official client is refused with."""
    with pytest.raises(ApiException) as caught:
        call(*args, **named)
    return int(caught.value.status or 0)
