"""Many waiting profiles go in imports: what each says, who goes in which, and how large they are."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Delivery, Job
from klaviyo.api import bulk
from klaviyo.delivery import profiles
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import IMPORT, UPSERT, joined, older, only_profiles
from tests.klaviyo.story import TEA, State, choose_list, known, states

Sent = Callable[[], list[Exchange]]
PHONE = "+358401234567"


def imports(sent: Sent) -> list[tuple[list[str], list[dict[str, Any]]]]:
    """Of each import the lists that it names, and what it says of its people."""
    found = []
    for exchange in sent():
        if exchange.operation == IMPORT:
            data = exchange.json["data"]
            lists = [one["id"] for one in data.get("relationships", {}).get("lists", {}).get("data", [])]
            found.append((lists, [one["attributes"] for one in data["attributes"]["profiles"]["data"]]))
    return found


def asked_about(sent: Sent) -> int:
    return len([exchange for exchange in sent() if exchange.operation == "get_profiles"])


def test_many_go_in_one_import(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    people = joined(spring, 20)
    settle()
    assert len(sandbox.requests(IMPORT)) == 1
    assert sandbox.requests(UPSERT) == []
    assert states() == {State.ACCEPTED}
    for person in people:
        assert known(sandbox, person.email).properties["sorae_referral_code"] == person.referral_code


def test_until_klaviyo_has_done_it_a_profile_is_being_sent(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    joined(spring, 20)
    drain()
    assert states(kind="profile") == {State.SENDING}
    job = Job.objects.get()
    assert (job.size, job.state) == (20, Job.State.RUNNING)


def test_names_fill_in_what_klaviyo_lacks_and_overwrite_nothing(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="person-1@friends.test", first_name="Known", locale="fi-FI")])
    joined(spring, 8, first_name="Told", last_name="Person")
    settle()
    assert known(sandbox, "person-1@friends.test").first_name == "Known"
    assert known(sandbox, "person-1@friends.test").last_name == "Person"
    assert known(sandbox, "person-2@friends.test").first_name == "Told"


def test_a_phone_number_goes_only_where_nobody_has_it(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="owner@friends.test", phone_number=PHONE)])
    people = joined(spring, 8)
    for number, phone in enumerate((PHONE, "+358401111111", "+358401111111")):
        lifecycle.update(people[number], phone=phone)
    only_profiles()
    settle()
    assert known(sandbox, "owner@friends.test").phone_number == PHONE
    assert [known(sandbox, person.email).phone_number for person in people[:4]] == [None, "+358401111111", None, None]
    assert states() == {State.ACCEPTED}


def test_newcomers_join_the_list_in_an_import_of_their_own(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    list_id = choose_list(sandbox)
    old = [f"person-{number}@friends.test" for number in range(3)]
    sandbox.put_profiles(TEA, [SeedProfile(email=email) for email in old])
    people = joined(spring, 10)
    only_profiles()
    settle()
    by_list = {tuple(lists): {one["email"] for one in told} for lists, told in imports(sent)}
    assert by_list == {(): set(old), (list_id,): {person.email for person in people} - set(old)}
    (seen,) = [one for one in sandbox.lists(TEA) if one.id == list_id]
    assert set(seen.members) == by_list[(list_id,)]
    assert Delivery.objects.filter(kind="list").count() == 0


def test_where_nobody_may_be_made_only_those_who_are_known_are_told_of(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    sandbox.put_profiles(TEA, [SeedProfile(email="person-1@friends.test")])
    joined(spring, 10)
    only_profiles()
    settle()
    assert [profile.email for profile in sandbox.profiles(TEA)] == ["person-1@friends.test"]
    assert Delivery.objects.get(subject="person-1@friends.test").state == State.ACCEPTED
    assert Delivery.objects.filter(state=State.SKIPPED, reason_code="unknown_person").count() == 9


def test_without_names_and_list_nobody_is_looked_up(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    joined(spring, 10)
    only_profiles()
    settle()
    assert asked_about(sent) == 0
    assert states() == {State.ACCEPTED}


def test_a_single_name_is_reason_enough_to_ask_about_that_person(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    people = joined(spring, 10)
    lifecycle.update(people[0], first_name="Told")
    only_profiles()
    settle()
    assert asked_about(sent) == 1
    assert known(sandbox, people[0].email).first_name == "Told"


def test_an_import_keeps_to_number_and_bytes(setting: StoreSetting, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = Delivery()
    many = [(delivery, {"n": number}, 100) for number in range(bulk.MOST_PROFILES + 1)]
    assert [len(pack) for pack in profiles.packs(many)] == [bulk.MOST_PROFILES, 1]
    large = [(delivery, {"n": number}, 90_000) for number in range(120)]
    packs = [*profiles.packs(large)]
    assert [one for pack in packs for one in pack] == large
    assert max(sum(size + 2 for _, _, size in pack) for pack in packs) <= bulk.MOST_BYTES


def test_events_of_those_who_are_being_imported_wait_for_nobody(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    joined(spring, 10)
    older()
    settle()
    assert states() == {State.ACCEPTED}
    assert len(sandbox.events(TEA, "Sorae Advocate Started")) == 10


def test_a_number_that_an_import_ignores_is_told_to_those_who_have_one(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, settle: Callable[[], None]
) -> None:
    people = joined(spring, 8)
    lifecycle.update(people[1], phone=PHONE)
    only_profiles()
    sandbox.fault(IMPORT, "partial_failure")
    settle()
    assert states(kind="profile") <= {State.ACCEPTED, State.SKIPPED}
    told = dict(Delivery.objects.filter(kind="profile", state=State.ACCEPTED).values_list("subject", "warnings"))
    assert told.pop(people[1].email) == ["Klaviyo took it without the phone number."]
    assert set(map(tuple, told.values())) == {()}
    assert known(sandbox, people[1].email).phone_number is None
