"""Lost encryption keys: every page opens, workers go on, and connections whose tokens cannot be read say Reconnect."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from integrations import connections
from integrations.models import Connection
from integrations.workers import worker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from klaviyo.webhooks import process, turns
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.faults import whole_site
from tests.klaviyo.story import State, states

ANOTHER = "other:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


@pytest.mark.parametrize("keys", [ANOTHER, ""])
def test_every_page_opens_without_the_key(house: StoreSetting, operator: User, settings: Settings, keys: str) -> None:
    settings.ENCRYPTION_KEYS = keys
    browser = Client(raise_request_exception=False)
    browser.force_login(operator)
    for route in whole_site.routes():
        answer = browser.get(whole_site.address(route))
        assert answer.status_code < 500, str(route)


def test_workers_go_on_and_the_account_waits_to_be_connected_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain, settings: Settings
) -> None:
    made = len(sandbox.requests())
    known, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, ANOTHER
    drain()
    for act in (worker.sweep, connections.renew_due, connections.revoke_due, connections.probe_all):
        act()
    turns.take_all()
    process.heed()
    connection = Connection.objects.get()
    assert (connection.state, connection.problem_code) == (Connection.State.RECONNECT, "undecryptable")
    assert states() == {State.HELD}
    assert len(sandbox.requests()) == made
    settings.ENCRYPTION_KEYS = known
    assert lifecycle.invite(ann, "ben@friends.test").pk
