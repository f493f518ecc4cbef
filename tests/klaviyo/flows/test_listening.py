"""A worker reads which flows listen to our events; the tab tells it, and asks Klaviyo nothing."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client as Browser
from django.utils import timezone

from integrations.models import Connection
from klaviyo.flows import copies, listening
from klaviyo.mapping.catalogue import INVITE_RECEIVED, REWARD_ISSUED
from klaviyo.models import FlowReading, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests import consent_screen
from tests.conftest import Drain
from tests.klaviyo import flows_cast
from tests.klaviyo.flows_cast import make_flow, set_flow, tell

RECEIVED, REWARD = INVITE_RECEIVED.name, REWARD_ISSUED.name


@pytest.fixture
def page(allowed: Connection, without_limits: None) -> str:
    return f"/admin/klaviyo/accounts/{allowed.pk}/flows"


@pytest.fixture
def joined(tea_house: Store, allowed: Connection) -> StoreSetting:
    return StoreSetting.objects.create(store=tea_house, connection=allowed, behaviour=StoreSetting.Behaviour.CREATE)


def read() -> FlowReading:
    FlowReading.objects.update(next_look_at=None)
    listening.take_all()
    return FlowReading.objects.get()


def row(browser: Browser, page: str, name: str) -> str:
    """What the tab's table says of one metric, as plain words."""
    text = browser.get(page).content.decode()
    [found] = [one for one in text.split("<tr>") if f">{name}</a>" in one]
    return found


def test_who_listens_and_when_it_was_seen(allowed: Connection, page: str, browser_of_the_operator: Browser) -> None:
    at = timezone.now().replace(microsecond=0) - timedelta(hours=3)
    tell(allowed, REWARD, at=at - timedelta(days=1))
    tell(allowed, REWARD, at=at)
    flow = make_flow(allowed, REWARD, "Thanks")
    make_flow(allowed, REWARD, "Not yet", "draft")
    copy = read()
    assert sorted((one.id == flow, one.name, one.status) for one in listening.started(copy)["reward_issued"]) == [
        (False, "Not yet", "draft"),
        (True, "Thanks", "live"),
    ]
    assert listening.seen(copy) == {"reward_issued": at}
    told = row(browser_of_the_operator, page, REWARD)
    assert ("Thanks" in told, "Nobody listens" in told, f"{at:%H:%M}" in told or "datetime" in told) == (
        True,
        False,
        True,
    )
    set_flow(allowed, flow, "draft")
    read()
    assert "Nobody listens" in row(browser_of_the_operator, page, REWARD)


def test_what_is_sent_and_unheard_is_warned_of(
    ann: Advocate, allowed: Connection, page: str, drain: Drain, browser_of_the_operator: Browser
) -> None:
    StoreSetting.objects.update(connection=allowed)
    drain()
    read()
    told = row(browser_of_the_operator, page, "Sorae Advocate Started")
    assert '<td class="num" data-label="Sent in 7 days">1</td>' in told
    assert '<span class="pill warn">Nobody listens</span>' in told
    make_flow(allowed, "Sorae Advocate Started")
    read()
    assert "Nobody listens" not in row(browser_of_the_operator, page, "Sorae Advocate Started")


def test_invites_that_nobody_would_write_are_warned_of(
    joined: StoreSetting, spring: Program, allowed: Connection, page: str, browser_of_the_operator: Browser
) -> None:
    tell(allowed, RECEIVED)
    read()
    warning = "Nobody writes to invited friends"
    assert warning in browser_of_the_operator.get(page).content.decode()
    make_flow(allowed, RECEIVED)
    read()
    assert warning not in browser_of_the_operator.get(page).content.decode()


def test_two_who_would_write_to_the_same_friend_are_warned_of(
    joined: StoreSetting, spring: Program, allowed: Connection, page: str, browser_of_the_operator: Browser
) -> None:
    tell(allowed, RECEIVED)
    flow = make_flow(allowed, RECEIVED, "You are invited")
    read()
    warning = "Invites may reach a friend twice"
    assert warning not in browser_of_the_operator.get(page).content.decode()
    Program.objects.update(invites_by=Program.Inviter.SORAE)
    assert warning in browser_of_the_operator.get(page).content.decode()
    set_flow(allowed, flow, "draft")
    read()
    assert warning not in browser_of_the_operator.get(page).content.decode()


def test_without_the_scopes_the_tab_says_which_and_nothing_is_asked(
    connection: Connection, sandbox: Sandbox, browser_of_the_operator: Browser
) -> None:
    listening.take_all()
    text = browser_of_the_operator.get(f"/admin/klaviyo/accounts/{connection.pk}/flows").content.decode()
    assert "<code>flows:read</code>, <code>metrics:read</code>" in text
    assert f"/admin/integrations/{connection.pk}/allow" in text
    assert "Nobody listens" not in text
    assert sandbox.requests() == []


def test_with_metrics_alone_flows_are_not_known(sandbox: Sandbox, operator: object, without_limits: None) -> None:
    connection = consent_screen.connected_by(operator, sandbox, also=("metrics",))  # type: ignore[arg-type]
    tell(connection, REWARD)
    copy = read()
    assert (copy.has_flows, list(listening.seen(copy)), listening.started(copy)["reward_issued"]) == (
        False,
        ["reward_issued"],
        [],
    )
    assert sandbox.requests("get_flows_triggered_by_metric") == []


def test_whoever_asks_has_it_read_again_and_whoever_may_not_does_not(
    allowed: Connection, page: str, sandbox: Sandbox, browser_of_the_operator: Browser
) -> None:
    read()
    asked = len(sandbox.requests("get_metrics"))
    listening.take_all()  # it is not due again
    assert len(sandbox.requests("get_metrics")) == asked
    for _ in range(2):
        assert browser_of_the_operator.post(page, {"act": "read"}).status_code == 302
    assert " data-awaited>" in browser_of_the_operator.get(page).content.decode()
    listening.take_all()
    listening.take_all()
    assert len(sandbox.requests("get_metrics")) == asked + 1
    assert " data-awaited>" not in browser_of_the_operator.get(page).content.decode()


def test_an_account_that_is_allowed_more_is_read_at_once(
    sandbox: Sandbox, operator: object, connection: Connection, without_limits: None
) -> None:
    listening.take_all()
    assert FlowReading.objects.get().read_at is None
    consent_screen.connected_by(operator, sandbox, again=connection, also=flows_cast.ALSO)  # type: ignore[arg-type]
    listening.take_all()
    assert FlowReading.objects.get().read_at is not None


def test_what_was_read_stays_when_klaviyo_fails(allowed: Connection, page: str, sandbox: Sandbox) -> None:
    tell(allowed, REWARD)
    make_flow(allowed, REWARD)
    before = read()
    sandbox.fault("get_flows_triggered_by_metric", "503", count=10)
    after = read()
    assert (after.metrics, after.read_at, bool(after.problem)) == (before.metrics, before.read_at, True)
    assert after.next_look_at is not None
    assert after.next_look_at < timezone.now() + copies.AFTER_TROUBLE * 2
    sandbox.clear_faults()
    FlowReading.objects.update(next_look_at=F("next_look_at") - copies.AFTER_TROUBLE)
    listening.take_all()
    assert FlowReading.objects.get().problem == ""


def test_a_friend_who_is_told_of_by_events_counts_for_the_account_alone(
    ann: Advocate, second_connection: Connection, drain: Drain, browser_of_the_operator: Browser
) -> None:
    lifecycle.convert(ann, order_id="1", friend_email="ben@example.com", total="10", currency="EUR")
    drain()
    text = browser_of_the_operator.get(f"/admin/klaviyo/accounts/{second_connection.pk}/flows").content.decode()
    assert text.count('data-label="Sent in 7 days">0<') == 9
