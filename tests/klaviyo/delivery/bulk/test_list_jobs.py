"""Many people onto a list in one request."""

from collections.abc import Callable

import pytest

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals.models import Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import ADD, come_back, joined, the_connection
from tests.klaviyo.story import TEA, State, choose_list, states

Sent = Callable[[], list[Exchange]]
NUMBER = 12


def plan(setting: StoreSetting, emails: list[str]) -> None:
    """As when so many newcomers were made one by one, and are to join the list."""
    Delivery.objects.all().delete()
    Delivery.objects.bulk_create(
        Delivery(
            connection=the_connection(),
            kind="list",
            key=f"list:{setting.pk}:{email}",
            subject=email,
            options={"sync": setting.pk},
            occurred_at="2026-11-20T00:00:00Z",
            shared_tries=3,
        )
        for email in emails
    )


@pytest.fixture
def newcomers(sandbox: Sandbox, setting: StoreSetting, spring: Program) -> list[str]:
    """So many are at Klaviyo, and are to join the list."""
    choose_list(sandbox)
    emails = [person.email for person in joined(spring, NUMBER)]
    sandbox.put_profiles(TEA, [SeedProfile(email=email) for email in emails])
    plan(setting, emails)
    return emails


def members(sandbox: Sandbox) -> set[str]:
    return {email for seen in sandbox.lists(TEA) if seen.name == "Advocates" for email in seen.members}


def test_many_join_in_one_request(sandbox: Sandbox, newcomers: list[str], drain: Drain) -> None:
    drain()
    assert len(sandbox.requests(ADD)) == 1
    assert members(sandbox) == set(newcomers)
    assert states() == {State.ACCEPTED}


def test_a_thousand_at_most_join_at_once(sent: Sent, sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    choose_list(sandbox)
    emails = [f"more-{number}@friends.test" for number in range(1_100)]
    sandbox.put_profiles(TEA, [SeedProfile(email=email) for email in emails])
    plan(setting, emails)
    drain()
    sizes = [len(exchange.json["data"]) for exchange in sent() if exchange.operation == ADD]
    assert sorted(sizes) == [100, 1_000]
    assert members(sandbox) == set(emails)


@pytest.mark.parametrize("kind", ["accept_then_drop", "502", "truncated", "html_403"])
def test_what_nobody_knows_of_is_done_one_by_one(
    sandbox: Sandbox, newcomers: list[str], drain: Drain, kind: str
) -> None:
    sandbox.fault(ADD, kind)
    drain()
    come_back(drain)
    assert members(sandbox) == set(newcomers)
    assert states() == {State.ACCEPTED}


def test_one_whom_klaviyo_does_not_show_yet_keeps_none_of_the_others(
    sandbox: Sandbox, setting: StoreSetting, newcomers: list[str], drain: Drain
) -> None:
    plan(setting, [*newcomers, "not-there-yet@friends.test"])
    drain()
    assert members(sandbox) == set(newcomers)
    waits = Delivery.objects.get(state=State.QUEUED)
    assert (waits.subject, waits.reason_code) == ("not-there-yet@friends.test", "not_there_yet")


def test_a_list_that_is_gone_holds_all_of_them_for_a_person(
    sandbox: Sandbox, newcomers: list[str], drain: Drain
) -> None:
    StoreSetting.objects.update(list_id="GoNe42", list_name="Old")
    drain()
    come_back(drain)
    assert set(Delivery.objects.values_list("state", "reason_code")) == {(State.HELD, "list_gone")}


def test_nobody_is_put_on_a_list_of_a_store_that_was_switched_off(
    sandbox: Sandbox, newcomers: list[str], drain: Drain
) -> None:
    StoreSetting.objects.update(is_enabled=False)
    drain()
    assert set(Delivery.objects.values_list("state", "reason_code")) == {(State.SKIPPED, "sync_off")}
    assert sandbox.requests(ADD) == []
