"""Who joins a store's list: those whom we created for it, for good and once; nobody else."""

import json
from datetime import timedelta

from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, CID, KARI, TEA, State, choose_list, fjord, known, let_pass, make_due, states

UNKNOWN_PROFILE = json.dumps(
    {"errors": [{"id": "1", "status": 400, "code": "invalid", "title": "Invalid.", "source": {"pointer": "/data/"}}]}
).encode()


def test_a_friend_who_buys_joins_and_one_who_is_merely_invited_does_not(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    list_id = choose_list(sandbox)
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")
    drain()
    assert known(sandbox, ann.email).lists == known(sandbox, CID).lists == (list_id,)
    assert known(sandbox, BEN).lists == ()


def test_who_is_brought_for_two_stores_joins_the_list_of_the_first(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    first = choose_list(sandbox)
    [second] = sandbox.put_lists(TEA, [SeedList("Oslo")])
    oslo = fjord(connection, list_id=second, list_name="Oslo")
    lifecycle.join(oslo, ann.email)
    lifecycle.join(oslo, KARI)
    drain()
    assert known(sandbox, ann.email).lists == (first,)
    assert known(sandbox, KARI).lists == (second,)


def test_who_is_created_for_one_store_joins_no_list_of_a_store_that_creates_nobody(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    first = choose_list(sandbox)
    [second] = sandbox.put_lists(TEA, [SeedList("Oslo")])
    lifecycle.join(fjord(connection, list_id=second, behaviour=StoreSetting.Behaviour.UPDATE_EXISTING), ann.email)
    drain()
    assert known(sandbox, ann.email).lists == (first,)


def test_a_newcomer_whom_klaviyo_does_not_show_yet_joins_later(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    list_id = choose_list(sandbox)
    asked = 0

    def shown_late(document: dict[str, object]) -> dict[str, object]:
        nonlocal asked
        asked += 1
        return document if asked > 2 else {"data": []}

    spoil("get_profiles", shown_late)
    drain()
    listing = Delivery.objects.get(kind="list")
    assert (listing.state, listing.reason_code) == (State.QUEUED, "not_there_yet")
    make_due()
    drain()
    assert known(sandbox, ann.email).lists == (list_id,)


def test_a_list_add_that_is_refused_for_the_person_is_tried_again(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    list_id = choose_list(sandbox)
    spoil("add_profiles_to_list", lambda _: (400, UNKNOWN_PROFILE), times=2)
    for _ in range(2):
        drain()
        listing = Delivery.objects.get(kind="list")
        assert (listing.state, listing.reason_code) == (State.QUEUED, "not_there_yet")
        make_due()
    drain()
    assert states() == {State.ACCEPTED}
    assert known(sandbox, ann.email).lists == (list_id,)


def test_one_who_cannot_be_added_yet_does_not_keep_others_off_the_list(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    list_id = choose_list(sandbox)
    lifecycle.join(spring, CID)
    spoil("add_profiles_to_list", lambda _: (400, UNKNOWN_PROFILE), times=1)
    drain()
    assert sorted(Delivery.objects.filter(kind="list").values_list("state", flat=True)) == [
        State.ACCEPTED,
        State.QUEUED,
    ]
    make_due()
    drain()
    assert known(sandbox, ann.email).lists == known(sandbox, CID).lists == (list_id,)


def test_a_list_add_waits_until_it_is_known_who_made_the_person(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    choose_list(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    sandbox.fault("create_or_update_profile", "503", count=2)
    drain()
    listing = Delivery.objects.get(kind="list")
    assert listing.state == State.QUEUED
    assert listing.next_try_at > timezone.now() + timedelta(seconds=30)
    let_pass(timedelta(seconds=8))
    drain()
    assert known(sandbox, ann.email).lists == ()
    assert sandbox.requests("add_profiles_to_list") == []


def test_who_joins_two_programs_of_a_store_joins_its_list_once(
    sandbox: Sandbox, setting: StoreSetting, tea_house: Store, ann: Advocate, drain: Drain
) -> None:
    list_id = choose_list(sandbox)
    autumn = Program.objects.create(store=tea_house, slug="autumn", name="Autumn", offer="Tea")
    lifecycle.join(autumn, ann.email.upper())
    drain()
    assert known(sandbox, ann.email).lists == (list_id,)
    assert len(sandbox.requests("add_profiles_to_list")) == 1
