"""A sample of each event goes once to an address of the operator's own, and to nobody who said no; no flow starts."""

import pytest
from django.test import Client

from integrations.models import Connection
from klaviyo.mapping.catalogue import METRICS
from klaviyo.models import ActionRun, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from tests.conftest import TEA_HOUSE_LTD

ME = "me@teahouse.example"


@pytest.fixture
def page(setting: StoreSetting) -> str:
    return f"/admin/klaviyo/accounts/{setting.connection_id}/samples"


def test_one_of_each_goes_once_and_starts_no_flow(browser_of_the_operator: Client, sandbox: Sandbox, page: str) -> None:
    for _ in range(2):  # a double click
        answer = browser_of_the_operator.post(page, {"email": ME, "once": "a form"})
        assert answer.status_code == 302
    run = ActionRun.objects.get()
    assert (run.action, run.outcome) == ("bulk_create_events", "success")
    events = sandbox.events(TEA_HOUSE_LTD)
    assert sorted(event.metric for event in events) == sorted(metric.name for metric in METRICS.values())
    assert all(event.properties["sample"] is True for event in events)
    sent = sandbox.requests("bulk_create_events")
    assert len(sent) == 1
    assert '"backfill":true' in run.exchanged.replace(" ", "")  # on the one person, for all of their events


@pytest.mark.parametrize("how", ["here", "at_klaviyo", "listed", "erased"])
def test_none_goes_to_whoever_said_no(
    browser_of_the_operator: Client, sandbox: Sandbox, page: str, setting: StoreSetting, how: str
) -> None:
    match how:
        case "here":
            lifecycle.opt_out(setting.store, ME, scope="everything", place="footer")
        case "at_klaviyo":
            sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(ME, consent="UNSUBSCRIBED")])
        case "listed":
            lifecycle.suppress(ME, "complained")
        case "erased":
            lifecycle.opt_in(setting.store, ME, wording="Yes.", place="checkout")
            lifecycle.erase(ME)
    answer = browser_of_the_operator.post(page, {"email": ME.upper(), "once": "a form"})
    assert answer.status_code == 400
    assert b"A sample goes to an address of your own" in answer.content
    assert not ActionRun.objects.exists()
    assert sandbox.requests("bulk_create_events") == []


def test_why_none_goes_is_told_as_it_is(browser_of_the_operator: Client, sandbox: Sandbox, page: str) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(ME, suppressions=["HARD_BOUNCE"])])
    answer = browser_of_the_operator.post(page, {"email": ME, "once": "a form"})
    assert answer.status_code == 400
    assert b"hard bounce" in answer.content
    assert b"has said no" not in answer.content


def test_an_odd_address_and_an_account_that_is_away(browser_of_the_operator: Client, page: str) -> None:
    assert browser_of_the_operator.post(page, {"email": "me"}).status_code == 400
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert browser_of_the_operator.get(page).status_code == 404


def test_where_it_leads_says_what_became_of_it(browser_of_the_operator: Client, page: str) -> None:
    answer = browser_of_the_operator.post(page, {"email": ME, "once": "a form"}, follow=True)
    assert answer.status_code == 200
    assert ActionRun.objects.get().outcome == "success"
