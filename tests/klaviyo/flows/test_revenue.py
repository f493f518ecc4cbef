"""What flows earned stands beside what friends' orders came to, in the same days and the same currency."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from integrations.models import Connection
from klaviyo.flows import listening, revenue
from klaviyo.mapping.catalogue import REWARD_ISSUED
from klaviyo.models import FlowReading, FlowRevenue, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Program, Store
from tests.klaviyo.flows_cast import make_flow, metric_id, tell

ORDERS = "Placed Order"


@pytest.fixture
def page(allowed: Connection, without_limits: None) -> str:
    return f"/admin/klaviyo/accounts/{allowed.pk}/flows"


@pytest.fixture
def flow(allowed: Connection, page: str) -> str:
    """A flow that our event starts, and that has brought two orders; another flow's orders are none of ours."""
    tell(allowed, REWARD_ISSUED.name)
    flow_id = make_flow(allowed, REWARD_ISSUED.name, "Thanks")
    sent: dict[str, Any] = {"$flow": flow_id, "$message": "MsgOne"}
    bought: dict[str, Any] = {"$attributed_flow": flow_id, "$attributed_message": "MsgOne"}
    tell(allowed, "Received Email", "ann@example.com", **sent)
    tell(allowed, ORDERS, "ann@example.com", 30.0, **bought)
    tell(allowed, ORDERS, "ben@example.com", 12.5, **bought)
    other: dict[str, Any] = {"$attributed_flow": "Other1", "$attributed_message": "MsgTwo"}
    tell(allowed, ORDERS, "cas@example.com", 500.0, **other)
    listening.take_all()
    return flow_id


def test_the_operator_chooses_once_and_it_is_read(
    flow: str, allowed: Connection, page: str, sandbox: Sandbox, browser_of_the_operator: Browser
) -> None:
    revenue.take_all()
    assert sandbox.requests("query_flow_values") == []
    orders = metric_id(allowed, ORDERS)
    assert f'<option value="{orders}" selected>{ORDERS}' in browser_of_the_operator.get(page).content.decode()
    browser_of_the_operator.post(page, {"act": "metric", "metric": orders})
    revenue.take_all()
    copy = FlowRevenue.objects.get()
    assert [(one.flow_id, one.name, one.recipients, one.conversions, one.value) for one in revenue.earned(copy)] == [
        (flow, "Thanks", 1, 2, 42.5)
    ]
    text = browser_of_the_operator.get(page).content.decode()
    assert "<b>42.50 EUR</b>" in text
    assert "500.00" not in text
    revenue.take_all()
    assert len(sandbox.requests("query_flow_values")) == 1


def test_referred_orders_of_the_same_days_stand_beside_it(
    flow: str, allowed: Connection, page: str, tea_house: Store, spring: Program, browser_of_the_operator: Browser
) -> None:
    StoreSetting.objects.create(store=tea_house, connection=allowed)
    ann = lifecycle.join(spring, "ann@example.com")
    now = timezone.now()
    for number, (total, currency, days) in enumerate(
        [("20.00", "EUR", 1), ("5.50", "EUR", 29), ("7.00", "USD", 2), ("900.00", "EUR", 40)]
    ):
        about: dict[str, Any] = {"friend_email": f"f{number}@example.com", "total": total, "currency": currency}
        lifecycle.convert(ann, order_id=str(number), occurred_at=now - timedelta(days=days), **about)
    [first] = ann.conversions.filter(order_id="0")
    lifecycle.refund(first, refund_id="r", total="4.00")
    revenue.choose(allowed, next(one for one in listening.conversions(FlowReading.objects.get()) if one.name == ORDERS))
    revenue.take_all()
    referred = {name: Decimal(total) for name, total in FlowRevenue.objects.get().referred.items()}
    assert referred == {"EUR": Decimal("21.5"), "USD": Decimal("7")}
    text = browser_of_the_operator.get(page).content.decode()
    assert "<b>21.50 EUR</b>" in text
    assert "7.00 USD" in text


def test_no_metric_and_no_scope_are_told_with_what_to_do(
    allowed: Connection, page: str, browser_of_the_operator: Browser
) -> None:
    listening.take_all()
    assert "no metric yet that could count as a conversion" in browser_of_the_operator.get(page).content.decode()
    Connection.objects.update(scopes="accounts:read")
    assert (
        "What flows earned is not known: flows:read, metrics:read are"
        in browser_of_the_operator.get(page).content.decode()
    )


def test_a_metric_that_is_not_the_accounts_is_none(
    flow: str, page: str, browser_of_the_operator: Browser, sandbox: Sandbox
) -> None:
    answer = browser_of_the_operator.post(page, {"act": "metric", "metric": "../x"}, follow=True)
    assert "Choose another" in answer.content.decode()
    assert not FlowRevenue.objects.exclude(metric_id="").exists()


def test_a_report_that_fails_leaves_what_was_read(flow: str, allowed: Connection, page: str, sandbox: Sandbox) -> None:
    revenue.choose(allowed, next(one for one in listening.conversions(FlowReading.objects.get()) if one.name == ORDERS))
    revenue.take_all()
    before = FlowRevenue.objects.get()
    sandbox.fault("query_flow_values", "503")
    revenue.ask(allowed)
    revenue.take_all()
    after = FlowRevenue.objects.get()
    assert (after.flows, after.read_at, bool(after.problem)) == (before.flows, before.read_at, True)


def test_the_third_report_of_a_minute_waits(flow: str, allowed: Connection, sandbox: Sandbox) -> None:
    revenue.choose(allowed, next(one for one in listening.conversions(FlowReading.objects.get()) if one.name == ORDERS))
    sandbox.fault("query_flow_values", "429", retry_after="300")
    revenue.take_all()
    copy = FlowRevenue.objects.get()
    assert (copy.read_at, bool(copy.problem)) == (None, True)
    assert copy.next_look_at is not None
    assert copy.next_look_at > timezone.now() + timedelta(minutes=4)
