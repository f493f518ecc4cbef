"""Every page, on a wide screen and a narrow one, by day and by night: nothing sticks out, nothing goes wrong."""

from typing import Literal

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from integrations.api import tokens
from integrations.models import ApiToken, Connection, Delivery, MessageHold, RefusedCall
from integrations.pauses import message_hold
from klaviyo import actions
from klaviyo.imports import backfill as walking
from klaviyo.models import ActionRun, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Store
from tests.browser import accessibility, house
from tests.conftest import Drain
from tests.klaviyo.syncs import made_syncs

STICKS_OUT = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def addresses() -> list[str]:
    """The pages of a house in which something has happened."""
    connection, setting = Connection.objects.get(), StoreSetting.objects.get()
    stories = [f"integrations/deliveries/{delivery.pk}/" for delivery in Delivery.objects.all()]
    return [
        "",
        "integrations/",
        "integrations/klaviyo/",
        f"integrations/{connection.pk}/",
        f"integrations/{connection.pk}/disconnect",
        "integrations/klaviyo/enable",
        f"klaviyo/accounts/{connection.pk}/samples",
        f"klaviyo/accounts/{connection.pk}/backfill",
        f"klaviyo/backfills/{walking.begin(setting).pk}/",
        f"klaviyo/accounts/{connection.pk}/flows",
        f"klaviyo/accounts/{connection.pk}/flows/kit",
        f"klaviyo/accounts/{connection.pk}/flows/kit/remove",
        f"klaviyo/accounts/{connection.pk}/review?store={another_store().pk}",
        *(address.removeprefix("/admin/") for address in made_syncs.addresses()),
        "integrations/klaviyo/key",
        f"integrations/{connection.pk}/key",
        "integrations/deliveries/",
        "integrations/deliveries/?state=failed",
        *stories,
        "klaviyo/settings/",
        "klaviyo/settings/add/",
        f"klaviyo/settings/{setting.pk}/",
        f"klaviyo/settings/{setting.pk}/remove",
        "klaviyo/people/preview",
        "klaviyo/events/",
        "klaviyo/actions/",
        "klaviyo/actions/?q=nothing+has+these+words",
        f"klaviyo/actions/{connection.pk}/add_profile_to_list/",
        f"klaviyo/actions/{connection.pk}/create_campaign/",
        f"klaviyo/actions/{connection.pk}/raw_request/",
        "klaviyo/actions/runs/",
        "klaviyo/actions/runs/?outcome=error",
        *(f"klaviyo/actions/runs/{run.pk}/" for run in ActionRun.objects.all()),
        "referrals/advocate/",
        "referrals/store/",
        f"referrals/store/{setting.store.pk}/change/",
        "auth/user/",
        "password_change/",
        "integrations/messages/release",
        "integrations/activity/",
        "integrations/tokens/",
        "integrations/tokens/make",
        f"integrations/tokens/{ApiToken.objects.get().pk}/revoke",
    ]


def another_store() -> Store:
    """Which no account serves, with a name that has no place to break."""
    return Store.objects.create(slug="other", name="W" * 100, url="https://other.example/", currency="EUR")


def a_token_with_long_names() -> None:
    """As long as they may be, without a place to break; and a call with it that was refused."""
    connections = list(Connection.objects.all())
    token, _ = tokens.make("Till" * 25, None, abilities=["read", "raw", "a" * 60], connections=connections)
    code, route = RefusedCall.Code.ABILITY_NOT_ALLOWED, "/connections/{connection}/actions/a_name_that_is_long_indeed"
    RefusedCall.objects.create(token=token, code=code, method="POST", route=route, what="a" * 100)


def runs_of_actions() -> None:
    """One that lists, one that fails, and one that is only tried."""
    connection = Connection.objects.get()
    actions.run("list_profiles", connection)
    actions.run("get_list", connection, list_id="W" * 64)
    actions.run(
        "create_event", connection, actions.How(dry=True), event_name="W" * 127, profile={"email": "ben@example.com"}
    )


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])  # a scheme has colours alone
def test_a_page_fits_its_screen(
    signed_in: Page, ann: Advocate, drain: Drain, width: int, scheme: Literal["light", "dark"]
) -> None:
    lifecycle.invite(ann, "ben.the.friend.with.a.very.long.address.indeed@mail.friends-of-tea.example")
    lifecycle.convert(ann, order_id="1001", friend_email="ben@example.com", total="49.90", currency="EUR")
    drain()
    a_token_with_long_names()
    runs_of_actions()
    house.flows_and_a_kit(Connection.objects.get())
    made_syncs.fill(Connection.objects.get())
    message_hold.begin("PostgreSQL is on a new timeline: it was restored, or a standby was promoted.")
    lifecycle.invite(ann, "cid@example.com")
    MessageHold.objects.update(copy_ends_at=timezone.now(), lost_until=timezone.now())
    page = signed_in
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    assert [problem for address in addresses() for problem in problems(page, f"/admin/{address}")] == []


@pytest.mark.parametrize("width", [1440, 390])
def test_a_page_of_the_sandbox_fits_its_screen(
    page: Page, ann: Advocate, drain: Drain, sandbox: Sandbox, width: int
) -> None:
    drain()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(sandbox.url)
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    within = sorted({link for link in links if link.startswith(sandbox.url)} | {sandbox.url})
    assert len(within) > 3
    found = [problem for address in within for problem in [*problems(page, address), *accessibility.objections(page)]]
    assert found == []


def problems(page: Page, address: str) -> list[str]:
    """What is wrong with the page at an address."""
    answer = page.goto(address)
    assert answer is not None
    wrong = [f"{address} answers {answer.status}"] if answer.status != 200 else []
    sticks_out = page.evaluate(STICKS_OUT)
    return wrong + ([f"{address} is {sticks_out} px too wide"] if sticks_out else [])
