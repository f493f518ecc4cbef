"""Everybody in a store's programs is told of, by imports, however often the walk breaks off."""

import pytest
from django.core.management import CommandError

from integrations.errors import TemporaryError
from integrations.models import Connection, Delivery, Job
from klaviyo.imports import backfill as walking
from klaviyo.models import Backfill, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.imports.walks import backfill, emails, end_imports
from tests.klaviyo.story import TEA, choose_list

IMPORT, LOOK_UP = "bulk_import_profiles", "get_profiles"


def test_everybody_is_told_of_in_a_few_imports(sandbox: Sandbox, people: list[Advocate], setting: StoreSetting) -> None:
    said = backfill()
    end_imports()
    assert emails(sandbox) == {person.email for person in people}
    assert (len(sandbox.requests(IMPORT)), len(sandbox.requests(LOOK_UP))) == (3, 0)
    assert "10 of 10" in said
    assert Backfill.objects.get().state == Backfill.State.DONE
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.DONE}
    assert not Delivery.objects.exists()
    known = sandbox.profile(TEA, people[0].email)
    assert known
    assert known.properties["sorae_referral_code"] == people[0].referral_code


def test_a_walk_that_broke_off_goes_on_where_it_was(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    walk = walking.begin(setting)
    assert walking.step(walk.pk)
    sandbox.fault(IMPORT, "503")
    with pytest.raises(TemporaryError):
        walking.step(walk.pk)
    assert walking.begin(setting).pk == walk.pk
    while walking.step(walk.pk):
        pass
    assert emails(sandbox) == {person.email for person in people}
    assert Backfill.objects.get().told == 10


def test_unusable_and_erased_people_are_left_out(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    Advocate.objects.filter(pk=people[0].pk).update(email="no address")
    lifecycle.erase(people[1].email)
    said = backfill()
    assert len(emails(sandbox)) == 8
    assert "2 are left out" in said


def test_nobody_is_made_where_only_those_known_are_updated(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    sandbox.put_profiles(TEA, [SeedProfile(email=people[2].email)])
    backfill()
    assert emails(sandbox) == {people[2].email}
    known = sandbox.profile(TEA, people[2].email)
    assert known
    assert known.properties["sorae_referral_code"] == people[2].referral_code


def test_newcomers_join_the_list_and_names_fill_in_only(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting
) -> None:
    list_id = choose_list(sandbox)
    Advocate.objects.update(first_name="Ours")
    sandbox.put_profiles(TEA, [SeedProfile(email=people[0].email, first_name="Theirs")])
    backfill()
    [members] = [one.members for one in sandbox.lists(TEA) if one.id == list_id]
    assert len(members) == 9
    names = {profile.email: profile.first_name for profile in sandbox.profiles(TEA)}
    assert names == {person.email: "Ours" for person in people} | {people[0].email: "Theirs"}


def test_whoever_changed_meanwhile_is_told_of_once_more(
    sandbox: Sandbox, people: list[Advocate], setting: StoreSetting, drain: Drain
) -> None:
    backfill()
    lifecycle.visit(people[3])
    drain()
    end_imports()
    assert Delivery.objects.filter(kind="profile", state="queued").count() == 1
    drain()
    known = sandbox.profile(TEA, people[3].email)
    assert known
    assert known.properties["sorae_visits"] == 1


@pytest.mark.parametrize("connected", [False, True])
def test_what_is_not_possible_is_said(setting: StoreSetting, people: list[Advocate], connected: bool) -> None:
    if connected:
        StoreSetting.objects.update(is_enabled=False)
    else:
        Connection.objects.update(state=Connection.State.RECONNECT)
    with pytest.raises(CommandError):
        backfill()
    with pytest.raises(CommandError, match="nowhere"):
        backfill("nowhere")
