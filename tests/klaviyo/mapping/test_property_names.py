"""What is told of a person in several programs stands side by side on their profile, and keeps its names for good."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from integrations.models import Connection
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.mapping import profiles, property_names
from klaviyo.mapping.property_names import NO_INVITES, PLAIN
from klaviyo.models import Erasure, PropertyName, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, person_key
from referrals.models import Advocate, Program, Store
from referrals.standing import Standing
from tests.conftest import Drain
from tests.klaviyo.story import codes, fjord, known

IDA = "ida@friends.test"
ANNA, OTHER = "anna@stra\u00dfe.test", "anna@strasse.test"  # one person by the older reading of addresses


def program(store: Store, slug: str) -> Program:
    return Program.objects.create(store=store, slug=slug, name=slug, offer="Tea")


def another_store(connection: Connection, slug: str = "oslo", **setting: Any) -> Store:
    store = Store.objects.create(slug=slug, name=slug, url="https://oslo.example/", country="NO", currency="NOK")
    StoreSetting.objects.create(
        store=store, connection=connection, **{"behaviour": StoreSetting.Behaviour.CREATE} | setting
    )
    return store


def names(connection: Connection, *people: Advocate) -> list[str]:
    given = property_names.of(connection, people)
    return [given[person.pk] for person in people]


def test_the_first_program_keeps_the_plain_names_whatever_is_told_of_first(
    sandbox: Sandbox, spring: Program, setting: StoreSetting, drain: Drain
) -> None:
    first = lifecycle.join(spring, IDA)
    drain()
    assert codes(sandbox, IDA) == {"sorae_referral_code": first.referral_code}
    second = lifecycle.join(program(spring.store, "autumn-tea"), IDA.upper())
    lifecycle.update(second, tier="gold")
    lifecycle.update(first, tier="silver")
    drain()
    ours = known(sandbox, IDA).properties
    assert codes(sandbox, IDA) == {
        "sorae_referral_code": first.referral_code,
        "sorae_autumn_tea_referral_code": second.referral_code,
    }
    assert (ours["sorae_tier"], ours["sorae_autumn_tea_tier"]) == ("silver", "gold")


def test_a_program_whose_count_would_stand_where_a_no_does_has_other_names(
    sandbox: Sandbox, spring: Program, setting: StoreSetting, drain: Drain
) -> None:
    lifecycle.join(spring, IDA)
    lifecycle.join(program(spring.store, "no"), IDA)
    drain()
    lifecycle.opt_out(spring.store, IDA, scope="invites", place="a link")
    drain()
    assert known(sandbox, IDA).properties[NO_INVITES] is True
    lifecycle.update(Advocate.objects.get(program__slug="no"), tier="gold")
    drain()
    ours = known(sandbox, IDA).properties
    assert (ours[NO_INVITES], ours["sorae_tea_house_no_invites"]) == (True, 0)


def test_programs_of_one_name_in_two_stores_stand_side_by_side(
    sandbox: Sandbox, spring: Program, connection: Connection, setting: StoreSetting, drain: Drain
) -> None:
    plain = lifecycle.join(program(spring.store, "winter"), IDA)
    here = lifecycle.join(spring, IDA)
    there = lifecycle.join(program(another_store(connection), "spring"), IDA)
    drain()
    assert codes(sandbox, IDA) == {
        "sorae_referral_code": plain.referral_code,
        "sorae_spring_referral_code": here.referral_code,
        "sorae_oslo_spring_referral_code": there.referral_code,
    }


@pytest.mark.parametrize(
    ("slugs", "expected"),
    [
        (("a-b", "a_b"), [PLAIN, "sorae_a_b_"]),
        (("x", "a-b", "a_b"), [PLAIN, "sorae_a_b_", "sorae_tea_house_a_b_"]),
        (("x", "a-b", "a_b", "a--b"), [PLAIN, "sorae_a_b_", "sorae_tea_house_a_b_", "sorae_a__b_"]),
        (("x", "tea-house-a-b", "a-b", "a_b"), [PLAIN, "sorae_tea_house_a_b_", "sorae_a_b_", "sorae_tea_house_a_b_2_"]),
        (("x", "Spring", "spring"), [PLAIN, "sorae_Spring_", "sorae_spring_"]),
        (("no", "x"), [PLAIN, "sorae_x_"]),
        (("x", "no-"), [PLAIN, "sorae_no__"]),
    ],
)
def test_slugs_that_read_alike_have_names_of_their_own(
    connection: Connection, setting: StoreSetting, tea_house: Store, slugs: tuple[str, ...], expected: list[str]
) -> None:
    people = [lifecycle.join(program(tea_house, slug), IDA) for slug in slugs]
    assert names(connection, *reversed(people)) == expected[::-1]
    assert names(connection, *people) == expected


def test_no_two_prefixes_of_a_person_can_make_one_name() -> None:
    assert property_names.meet("sorae_", "sorae_amount_") is False
    assert property_names.meet("sorae_spring_", "sorae_spring_") is True
    assert property_names.meet("sorae_", "sorae_program_") is False  # no property is called "type"


def test_every_word_of_a_profile_is_one_that_names_are_compared_by(ann: Advocate) -> None:
    ann.tier = "gold"
    standing = Standing(earned={"EUR": 5, "USD": 2}, owed={"SEK": 1})  # type: ignore[dict-item]
    told, _ = profiles.profile(ann, standing)
    words = {name.removeprefix(PLAIN) for name in told["properties"]}
    assert [word for word in words if not property_names.WORD.fullmatch(word)] == []
    assert set(property_names.WORDS) - words == {"amount_earned_eur", "amount_owed_eur"}


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_store_that_joins_an_account_later_leaves_names_as_they_are(
    connection: Connection, setting: StoreSetting, spring: Program, is_enabled: bool
) -> None:
    older = lifecycle.join(program(Store.objects.create(slug="old", name="Old", currency="EUR"), "spring"), IDA)
    second, third = lifecycle.join(program(spring.store, "x"), IDA), lifecycle.join(spring, IDA)
    assert names(connection, third, second) == ["sorae_spring_", PLAIN]
    StoreSetting.objects.update(is_enabled=is_enabled)
    StoreSetting.objects.create(store=older.program.store, connection=connection)
    assert names(connection, older, second, third) == ["sorae_old_spring_", PLAIN, "sorae_spring_"]


def test_a_store_that_is_off_when_the_account_first_hears_of_a_person_comes_behind(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    off = lifecycle.join(program(another_store(connection, is_enabled=False), "fjord"), IDA)
    on = lifecycle.join(spring, IDA)
    assert names(connection, off, on) == ["sorae_fjord_", PLAIN]


def test_names_stay_when_a_program_is_called_something_else(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    people = [lifecycle.join(spring, IDA), lifecycle.join(program(spring.store, "autumn"), IDA)]
    was = names(connection, *people)
    Program.objects.filter(slug="autumn").update(slug="harvest")
    assert names(connection, *Advocate.objects.order_by("pk")) == was == [PLAIN, "sorae_autumn_"]


def test_each_account_has_names_of_its_own(
    connection: Connection, second_connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    here = lifecycle.join(spring, IDA)
    there = lifecycle.join(program(another_store(second_connection), "fjord"), IDA)
    assert names(connection, here) == names(second_connection, there) == [PLAIN]


def test_who_has_another_address_keeps_the_names_that_are_free_there(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    autumn = program(spring.store, "autumn")
    ida, bo = [lifecycle.join(one, IDA) for one in (spring, autumn)], lifecycle.join(spring, "bo@friends.test")
    assert names(connection, *ida, bo) == [PLAIN, "sorae_autumn_", PLAIN]
    Advocate.objects.filter(pk=ida[1].pk).update(email=bo.email)
    moved = Advocate.objects.get(pk=ida[1].pk)
    assert names(connection, ida[0], moved, bo) == [PLAIN, "sorae_autumn_", PLAIN]
    Advocate.objects.filter(pk=moved.pk).update(email="cy@friends.test")
    Advocate.objects.filter(pk=ida[0].pk).update(email="cy@friends.test")
    assert names(connection, *Advocate.objects.order_by("pk")) == [PLAIN, "sorae_autumn_", PLAIN]


def test_who_takes_an_address_whose_plain_names_are_given_has_others(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    ida = lifecycle.join(spring, IDA)
    bo = lifecycle.join(program(spring.store, "autumn"), "bo@friends.test")
    assert names(connection, ida, bo) == [PLAIN, PLAIN]
    Advocate.objects.filter(pk=ida.pk).update(email=bo.email)
    assert names(connection, *Advocate.objects.order_by("pk")) == ["sorae_spring_", PLAIN]


@pytest.mark.parametrize("one", ["jo@bücher.example", "jo@xn--bcher-kva.example"])
def test_two_spellings_of_an_address_are_one_profile(
    connection: Connection, setting: StoreSetting, spring: Program, one: str
) -> None:
    [other] = {"jo@bücher.example", "jo@xn--bcher-kva.example"} - {one}
    people = [lifecycle.join(spring, one), lifecycle.join(program(spring.store, "autumn"), other)]
    assert names(connection, *people) == [PLAIN, "sorae_autumn_"]


def test_a_new_way_to_read_addresses_changes_no_names(
    connection: Connection, setting: StoreSetting, spring: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_one(email: str) -> str:
        return person_key.mailbox(email).replace("+two", "")

    autumn, winter = program(spring.store, "autumn"), program(spring.store, "winter")
    monkeypatch.setattr(person_key, "READINGS", {1: as_one})
    monkeypatch.setattr(person_key, "VERSION", 1)
    one, other = IDA, IDA.replace("@", "+two@")
    people = [lifecycle.join(spring, one), lifecycle.join(autumn, one), lifecycle.join(spring, other)]
    was = names(connection, *people)
    assert was == [PLAIN, "sorae_autumn_", "sorae_spring_"]
    monkeypatch.setattr(person_key, "READINGS", {1: as_one, 2: person_key.mailbox})
    monkeypatch.setattr(person_key, "VERSION", 2)
    later = [lifecycle.join(winter, one), lifecycle.join(winter, other)]
    assert names(connection, *later, *people)[2:] == was
    assert names(connection, later[0]) == ["sorae_winter_"]
    monkeypatch.setattr(person_key, "READINGS", {3: person_key.mailbox})  # nothing is found as it was
    monkeypatch.setattr(person_key, "VERSION", 3)
    assert names(connection, *people) == was


def test_workers_that_name_a_persons_programs_at_once_give_no_name_twice(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    programs = [spring, *(program(spring.store, f"p{number}") for number in range(3))]
    people = [[lifecycle.join(one, f"{n}@friends.test") for one in programs] for n in range(5)]
    columns = [[rows[place] for rows in people] for place in range(len(programs))]
    given: dict[int, str] = {}
    begin = threading.Barrier(len(columns))

    def name(some: Iterable[Advocate]) -> None:
        begin.wait()
        given.update(property_names.of(connection, list(some)))
        connections.close_all()

    workers = [threading.Thread(target=name, args=[column]) for column in columns]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [[given[one.pk] for one in rows] for rows in people] == [[PLAIN, "sorae_p0_", "sorae_p1_", "sorae_p2_"]] * 5


def test_what_another_worker_has_just_taken_is_taken(
    connection: Connection, setting: StoreSetting, spring: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = lifecycle.join(spring, IDA), lifecycle.join(program(spring.store, "autumn"), IDA)
    looked = property_names._taken

    def overtaken(*about: Any) -> Any:
        found = looked(*about)
        with monkeypatch.context() as alone:
            alone.setattr(property_names, "_taken", looked)
            PropertyName.objects.get_or_create(
                connection=connection, advocate=second, person=person_key.of(IDA), prefix=PLAIN
            )
        return found

    monkeypatch.setattr(property_names, "_taken", overtaken)
    assert names(connection, first, second) == ["sorae_spring_", PLAIN]


def test_of_the_erased_no_name_is_kept_and_who_comes_back_has_some(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    gone, bo = lifecycle.join(spring, IDA), lifecycle.join(spring, "bo@friends.test")
    names(connection, gone, bo)
    receipt = erase.erase(IDA, None)
    assert [row.advocate for row in PropertyName.objects.all()] == [bo]
    PropertyName.objects.create(  # by a worker that was at it
        connection=connection, advocate=gone, person=person_key.of(IDA), prefix=PLAIN
    )
    Erasure.objects.update(requested_at=timezone.now() - timedelta(minutes=10))
    back = lifecycle.join(program(spring.store, "autumn"), IDA)
    repeat.once_more(receipt.pk)
    assert names(connection, back) == [PLAIN]
    assert set(PropertyName.objects.values_list("advocate", flat=True)) == {bo.pk, back.pk}
    gone.refresh_from_db()
    assert names(connection, gone) == [PLAIN]
    assert not PropertyName.objects.filter(advocate=gone).exists()


def test_who_is_erased_while_they_are_told_of_gets_no_name(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    gone, moved = lifecycle.join(spring, IDA), lifecycle.join(spring, "bo@friends.test")
    erase.erase(IDA, None)
    Advocate.objects.filter(pk=moved.pk).update(email="bo@elsewhere.test")
    assert names(connection, gone, moved) == [PLAIN, PLAIN]  # as they were read
    assert [row.person for row in PropertyName.objects.all()] == [person_key.of("bo@elsewhere.test")]


def test_who_joins_another_program_is_told_of_in_that_alone(
    sandbox: Sandbox, spring: Program, setting: StoreSetting, connection: Connection, drain: Drain
) -> None:
    lifecycle.join(spring, IDA)
    drain()
    fjord_tea = fjord(connection)
    told = len(sandbox.requests("create_or_update_profile"))
    lifecycle.join(fjord_tea, IDA)
    drain()
    assert len(sandbox.requests("create_or_update_profile")) == told + 1


def named(connection: Connection, advocate: Advocate, version: int, email: str) -> None:
    key = {"person": person_key.digest(version, email), "key_version": version}
    PropertyName.objects.create(connection=connection, advocate=advocate, prefix="sorae_old_", **key)


def test_names_of_an_older_key_stay(connection: Connection, setting: StoreSetting, spring: Program) -> None:
    anna = lifecycle.join(spring, ANNA)
    named(connection, anna, 1, ANNA)
    assert names(connection, anna) == ["sorae_old_"]
    property_names.forget(OTHER)
    assert PropertyName.objects.count() == 1
    Advocate.objects.update(email="anna@elsewhere.test")
    property_names.forget(ANNA)
    assert not PropertyName.objects.exists()


def test_a_key_is_nobody_elses_whom_another_reading_gives_the_same(
    connection: Connection, setting: StoreSetting, spring: Program
) -> None:
    other = lifecycle.join(spring, OTHER)
    named(connection, other, 2, OTHER)
    assert PropertyName.objects.get().person == person_key.digest(1, ANNA)
    Advocate.objects.update(email="anna@elsewhere.test")
    property_names.forget(ANNA)
    assert PropertyName.objects.count() == 1
    Advocate.objects.update(email=ANNA)  # whose profile is not the one that has these names
    other.refresh_from_db()
    assert names(connection, other) == ["sorae_old_"]
    assert [(row.key_version, row.person) for row in PropertyName.objects.all()] == [(2, person_key.of(ANNA))]
