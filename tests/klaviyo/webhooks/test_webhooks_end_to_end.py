"""From a person's click at Klaviyo to what is not sent any more: by a webhook, over the wire."""

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from integrations.models import Connection, Delivery
from klaviyo.models import ConsentWatch, Notice
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import process, turns
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import BEN, CID, TEA, State, metrics


@pytest.fixture
def watched(live_server: LiveServer, connection: Connection, settings: Settings) -> Connection:
    """The account tells a site that really listens."""
    settings.SITE_URL = live_server.url
    turns.take_all()
    assert ConsentWatch.objects.get().webhook_id
    return connection


def test_an_unsubscribe_at_klaviyo_cancels_the_invite_that_waits(
    sandbox: Sandbox, watched: Connection, ann: Advocate, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="SUBSCRIBED") for email in (BEN, CID)])
    for email in (BEN, CID):
        lifecycle.invite(ann, email)
    sandbox.flip(TEA, BEN, "unsubscribed")
    assert sandbox.wait_for_webhooks()
    assert process.all_due() == 1
    ben = Delivery.objects.get(send__isnull=False, subject=BEN)
    assert (ben.state, ben.reason_code) == (State.CANCELLED, "opted_out_at_klaviyo")
    drain()
    assert "Sorae Invite Received" not in metrics(sandbox, BEN)
    assert "Sorae Invite Received" in metrics(sandbox, CID)


@pytest.mark.parametrize("told", ["included", "id_only"])
@pytest.mark.parametrize("how", ["unsubscribed", "suppressed", "spam", "bounced"])
def test_every_kind_of_no_is_heard(sandbox: Sandbox, watched: Connection, ann: Advocate, how: str, told: str) -> None:
    sandbox.settings(webhook_profiles=told)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    sandbox.flip(TEA, BEN, how)
    assert sandbox.wait_for_webhooks()
    process.all_due()
    assert Delivery.objects.get(send__isnull=False).state == State.CANCELLED


def test_what_klaviyo_delivers_twice_is_known(sandbox: Sandbox, watched: Connection) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    sandbox.flip(TEA, BEN, "unsubscribed")
    assert sandbox.wait_for_webhooks()
    told = Notice.objects.count()
    assert sandbox.redeliver(TEA)
    assert sandbox.wait_for_webhooks()
    assert Notice.objects.count() == told >= 1
