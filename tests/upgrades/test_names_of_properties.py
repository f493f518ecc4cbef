"""After an upgrade nobody's properties are called anything else, but where one program wrote over another."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from integrations.models import Connection
from klaviyo.mapping import property_names
from klaviyo.mapping.property_names import PLAIN
from klaviyo.models import PropertyName
from referrals.models import Advocate
from tests.upgrades import past
from tests.upgrades.past import Fixture


def join(number: int, who: str, program: int, days: int) -> dict[str, Any]:
    at = timezone.now() - timedelta(days=days)
    known = {"id": number, "program_id": program, "occurred_at": at, "created_at": at}
    return known | {"email": f"{who}@friends.test", "referral_code": f"CODE{number}"}


@pytest.fixture
def members(before: Fixture) -> Fixture:
    """People in several programs; stores 1, 2 and 3 share an account, where the settings of store 3 are off."""
    programs = {11: (1, "no"), 12: (1, "club-tea"), 13: (2, "spring"), 14: (3, "off"), 15: (1, "club_tea")}
    rows = {
        "referrals.program": [
            {"id": pk, "store_id": store, "slug": slug, "name": slug, "offer": "Tea"}
            for pk, (store, slug) in programs.items()
        ],
        "referrals.advocate": [
            join(101, "one", 1, 9),  # in one program
            join(102, "two", 1, 9),
            join(103, "TWO", 12, 3),  # the latest
            join(104, "late", 1, 3),
            join(105, "late", 12, 9),
            join(106, "no", 11, 9),  # whose count of invites wrote over a no
            join(107, "no", 1, 3),
            join(108, "same", 1, 9),  # two programs wrote over each other
            join(109, "same", 13, 8),
            join(110, "same", 12, 3),
            join(111, "off", 14, 1),
            join(112, "off", 1, 9),
            join(113, "only-off", 14, 1),
            join(114, "alike", 15, 8),
            join(115, "alike", 12, 9),
            join(116, "alike", 1, 1),
            join(117, "erased-0123456789abcdef-117", 1, 1) | {"email": "erased-0123456789abcdef-117@erased.invalid"},
        ],
        "klaviyo.profilesync": [
            {"id": 11, "store_id": 2, "connection_id": 1},
            {"id": 12, "store_id": 3, "connection_id": 1, "is_enabled": False},
        ],
    }
    past.fill_in({"migrations": before["migrations"], "groups": {}, "users": [], "rows": rows})
    return before


def test_who_is_in_several_programs_keeps_the_names_of_before(members: Fixture) -> None:
    past.upgrade()
    account = Connection.objects.get(pk=1)
    recorded = PropertyName.objects.filter(connection=account, advocate__gt=100)
    assert dict(recorded.values_list("advocate", "prefix")) == {
        101: PLAIN,
        102: "sorae_spring_",
        103: PLAIN,
        104: PLAIN,
        105: "sorae_club_tea_",
        107: PLAIN,
        108: "sorae_spring_",
        110: PLAIN,
        111: "sorae_off_",
        112: PLAIN,
        113: PLAIN,
        115: "sorae_club_tea_",
        116: PLAIN,
    }
    people = list(Advocate.objects.filter(pk__gt=100).order_by("pk"))
    told = property_names.of(account, people)
    assert {pk: told[pk] for pk in (106, 109, 114)} == {
        106: "sorae_tea_house_no_",
        109: "sorae_oslo_spring_",
        114: "sorae_tea_house_club_tea_",
    }
    assert recorded.count() == len(people) - 1  # but of the erased


def test_each_account_has_them_of_its_own(members: Fixture) -> None:
    past.upgrade()
    of_oslo = PropertyName.objects.filter(connection=2, advocate__gt=100)
    assert dict(of_oslo.values_list("advocate", "prefix")) == {109: PLAIN}


def test_it_can_be_taken_back_and_made_again(members: Fixture) -> None:
    past.upgrade()
    recorded = list(PropertyName.objects.order_by("connection", "advocate").values_list("advocate", "prefix"))
    call_command("migrate", "klaviyo", "0009", verbosity=0)
    past.upgrade()
    assert list(PropertyName.objects.order_by("connection", "advocate").values_list("advocate", "prefix")) == recorded
