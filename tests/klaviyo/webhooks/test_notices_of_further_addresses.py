"""A profile with several addresses: what is heard of one of them is about that one."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.models import Connection, Delivery
from klaviyo.consent import opt_outs, topics
from klaviyo.models import Notice
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import process
from referrals import lifecycle
from referrals.models import Advocate
from tests.klaviyo.story import BEN, TEA, State
from tests.klaviyo.webhooks.notices import body, item, post, watch_of

FIRST = "ben@work.test"


@pytest.fixture
def ben_id(sandbox: Sandbox, connection: Connection, ann: Advocate) -> str:
    """Ben's profile with two addresses; an invite waits for each."""
    watch_of(connection)
    [id] = sandbox.put_profiles(TEA, [SeedProfile(FIRST, consent="SUBSCRIBED", others={BEN: "SUBSCRIBED"})])
    for email in (BEN, FIRST):
        lifecycle.invite(ann, email)
    return id


def tell(topic: str, ben_id: str, email: str, ago: timedelta = timedelta(seconds=30)) -> None:
    """A change that names an address, and the profile by its first one."""
    told: dict[str, Any] = item(topic, FIRST, ben_id, ago=ago)
    told["payload"]["data"]["attributes"]["event_properties"]["email"] = email
    assert post(body(told)) == 200
    process.all_due()
    assert not Notice.objects.filter(processed_at=None).exists()


def of(email: str) -> str:
    state: str = Delivery.objects.get(send__isnull=False, subject=email).state
    return state


def test_a_no_cancels_what_waits_for_the_address_that_it_names(ben_id: str) -> None:
    tell(topics.UNSUBSCRIBED, ben_id, BEN)
    assert (of(BEN), of(FIRST)) == (State.CANCELLED, State.QUEUED)
    tell(topics.UNSUBSCRIBED, ben_id, FIRST)
    assert of(FIRST) == State.CANCELLED


def test_a_yes_of_one_address_takes_back_no_no_of_another(connection: Connection, ben_id: str) -> None:
    tell(topics.UNSUBSCRIBED, ben_id, FIRST, ago=timedelta(minutes=2))
    tell(topics.SUBSCRIBED, ben_id, BEN)
    assert opt_outs.has_said_no_lately(connection, FIRST, ben_id)


def test_what_the_account_says_of_the_first_address_cancels_nothing_of_the_second(
    sandbox: Sandbox, ben_id: str
) -> None:
    sandbox.flip(TEA, FIRST, "unsubscribed")
    tell(topics.PREFERENCES, ben_id, BEN)
    assert (of(BEN), of(FIRST)) == (State.QUEUED, State.QUEUED)
    tell(topics.PREFERENCES, ben_id, FIRST)
    assert (of(BEN), of(FIRST)) == (State.QUEUED, State.CANCELLED)


def test_the_first_addresses_yes_confirms_no_opt_in_of_the_second(sandbox: Sandbox, ben_id: str) -> None:
    opt_in = Delivery.objects.create(
        connection=Connection.objects.get(),
        kind="subscribe",
        key="subscribe:1",
        subject=BEN,
        state=State.ACCEPTED,
        reason_code=opt_outs.PENDING.code,
        occurred_at="2026-11-01T00:00:00Z",
        settled_at="2026-11-01T00:00:00Z",
    )
    tell(topics.JOINED_A_LIST, ben_id, BEN)
    opt_in.refresh_from_db()
    assert opt_in.state == State.ACCEPTED
    tell(topics.SUBSCRIBED, ben_id, BEN)
    opt_in.refresh_from_db()
    assert opt_in.state == State.CONFIRMED
