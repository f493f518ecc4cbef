"""Klaviyo merges profiles: what it says of them meanwhile costs no event, and nobody's profile for good."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Delivery
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA, State, choose_list, known, make_due, metrics, outcome

GONE = "01JC0000000000000000000000"


def conflict(**meta: str) -> tuple[int, bytes]:
    error = {"id": "1", "status": 409, "code": "duplicate_profile", "title": "Conflict.", "detail": "Taken."}
    return 409, json.dumps({"errors": [error | ({"meta": meta} if meta else {})]}).encode()


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "one that is gone": lambda _: conflict(duplicate_profile_id=GONE),
    "nobody": lambda _: conflict(),
}


@pytest.mark.parametrize("named", ANSWERS)
def test_the_event_goes_by_its_address_and_the_profile_later(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil, named: str
) -> None:
    lifecycle.update(ann, tier="gold", phone="+358401234567")
    Delivery.objects.filter(kind="profile").update(state=State.HELD)  # the event is the first to tell of her
    spoil("create_or_update_profile", ANSWERS[named])
    drain()
    assert outcome("advocate_started") == (State.ACCEPTED, "")
    assert "address alone" in str(Delivery.objects.get(options__metric="advocate_started").warnings)
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    Delivery.objects.filter(kind="profile").update(state=State.QUEUED)
    make_due()
    drain()
    profile = Delivery.objects.get(kind="profile")
    assert (profile.state, profile.reason_code) == (State.QUEUED, "profile_conflict")
    spoil("create_or_update_profile", lambda document: document)
    make_due()
    drain()
    assert Delivery.objects.get(kind="profile").state == State.ACCEPTED
    assert known(sandbox, ann.email).properties["sorae_tier"] == "gold"


def test_the_person_is_looked_up_anew_and_found_as_whom_they_are_by_now(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    lifecycle.update(ann, tier="gold")

    def merged(_: Any) -> Any:
        sandbox.put_profiles(TEA, [SeedProfile("ann@work.test", others={ann.email: "SUBSCRIBED"})])
        return conflict(duplicate_profile_id=GONE)

    sandbox.fault("create_or_update_profile", "503", count=0)
    spoil("get_profiles", lambda document: document)
    Delivery.objects.filter(kind="event").delete()
    spoil("create_or_update_profile", merged, times=1)
    sandbox.put_profiles(TEA, [])
    drain()
    assert Delivery.objects.get(kind="profile").state == State.ACCEPTED


def test_whoever_is_merged_joins_no_list(sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil) -> None:
    choose_list(sandbox)
    spoil("create_or_update_profile", ANSWERS["nobody"])
    drain()
    assert Delivery.objects.get(kind="list").reason_code == "not_ours"
