"""What we delivered, read back by Klaviyo's own client, which nobody here wrote."""

from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI

from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import TEA_HOUSE_LTD, Drain

BEN = "ben+tea@friends.test"


@pytest.fixture
def official(sandbox: Sandbox) -> Any:
    token = sandbox.connect(TEA_HOUSE_LTD).access_token
    return KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=token)


def test_the_official_client_finds_the_people_and_the_events(official: Any, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, BEN)
    order = lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    drain()

    wanted = f'any(email,["{ann.email}","{BEN}"])'
    people = official.Profiles.get_profiles(filter=wanted, additional_fields_profile=["subscriptions"]).data
    found = {person.attributes.email: person for person in people}
    assert set(found) == {ann.email, BEN}
    assert found[ann.email].attributes.properties["sorae_referral_code"] == ann.referral_code
    assert found[BEN].attributes.subscriptions.email.marketing.consent == "NEVER_SUBSCRIBED"

    page = official.Events.get_events(include=["metric", "profile"])
    metrics = {one["id"]: one["attributes"]["name"] for one in page.included if one["type"] == "metric"}
    stand = sorted(
        (metrics[event.relationships.metric.data.id], event.relationships.profile.data.id) for event in page.data
    )
    assert stand == sorted(
        [
            ("Sorae Advocate Started", found[ann.email].id),
            ("Sorae Invite Sent", found[ann.email].id),
            ("Sorae Invite Received", found[BEN].id),
            ("Sorae Conversion", found[ann.email].id),
            ("Sorae Referred Purchase", found[BEN].id),
        ]
    )
    [sale] = [event for event in page.data if metrics[event.relationships.metric.data.id] == "Sorae Conversion"]
    told = sale.attributes.event_properties
    assert (told["fact_id"], told["order_id"], told["total"]) == (str(order.uid), "1001", 49.9)
