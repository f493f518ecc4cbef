"""Workers that are killed while Klaviyo has taken a request for many, and nobody has written that down."""

from collections import Counter

import pytest

from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import House

PEOPLE = 60


@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_killed_in_the_middle_of_a_bulk_request_loses_and_doubles_nothing(house: House, number: int) -> None:
    house.env["KLAVIYO_BULK_FROM"] = "20"
    house.klaviyo.settings(bulk_refuses_known_ids=True)
    people = house.play("join", PEOPLE)
    house.observer.at_request = number  # the import of the people, or the job of what happened to them
    house.observer.act = house.kill_workers
    first = house.start_worker("-B")
    house.wait_until(lambda: first.poll() is not None)
    taken = {entry.operation for entry in house.klaviyo.requests() if entry.method == "POST"}
    assert taken & {"bulk_import_profiles", "bulk_create_events"}

    house.lose_messages()
    house.play("end-leases")
    house.start_worker("-B")

    assert house.wait_until_settled() == {"accepted": 2 * PEOPLE}
    told = Counter(event.email for event in house.klaviyo.events(TEA_HOUSE_LTD, "Sorae Advocate Started"))
    assert told == Counter(people)
    assert {profile.email for profile in house.klaviyo.profiles(TEA_HOUSE_LTD)} == set(people)
