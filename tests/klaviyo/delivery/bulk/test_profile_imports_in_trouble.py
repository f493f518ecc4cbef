"""An import that Klaviyo refuses, or of which nobody knows, and who moved meanwhile."""

from collections.abc import Callable

import pytest

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox
from referrals.models import Advocate, Program
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import IMPORT, INVALID, UPSERT, joined, only_profiles
from tests.klaviyo.story import TEA, State, known, states

Sent = Callable[[], list[Exchange]]
PHONE = "+358401234567"


def test_who_moved_meanwhile_goes_alone_by_the_new_address(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    people = joined(spring, 10)
    only_profiles()
    Advocate.objects.filter(pk=people[0].pk).update(email="moved@friends.test")
    settle()
    assert sandbox.profile(TEA, "person-0@friends.test") is None
    assert known(sandbox, "moved@friends.test").properties["sorae_referral_code"] == people[0].referral_code
    assert states() == {State.ACCEPTED}


def test_whom_klaviyo_points_at_goes_alone_and_fails_with_its_reason(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None], spoil: Spoil
) -> None:
    sandbox.settings(malformed=("person-3@friends.test",))
    spoil(UPSERT, lambda _: (400, INVALID))
    joined(spring, 10)
    only_profiles()
    settle()
    failed = Delivery.objects.get(state=State.FAILED)
    assert failed.subject == "person-3@friends.test"
    assert "Invalid email address" in failed.reason
    assert len(sandbox.requests(UPSERT)) == 1
    assert [entry.status for entry in sandbox.requests(IMPORT)] == [400, 202]


@pytest.mark.parametrize("kind", ["accept_then_drop", "truncated", "503", "wrong_success", "empty_list"])
def test_an_import_of_which_nobody_knows_is_made_again(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None], kind: str
) -> None:
    people = joined(spring, 10)
    only_profiles()
    sandbox.fault(IMPORT, kind)
    settle()
    assert states() == {State.ACCEPTED}
    assert (len(sandbox.requests(IMPORT)), len(sandbox.requests(UPSERT))) == (2, 0)
    assert {profile.email for profile in sandbox.profiles(TEA)} == {person.email for person in people}
