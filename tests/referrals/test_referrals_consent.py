"""Consent: opt-ins by words that are kept, opt-outs, and suppressed addresses."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from referrals import lifecycle, signals, suppressions
from referrals.models import Advocate, Invite, OptIn, OptOut, Program, Store, Suppression, Wording

Heard = list[tuple[str, Any]]

BEN = "ben@example.com"
WORDS = "Send me the Tea House newsletter."
INTERNATIONAL, IN_ASCII = "Ben@münchen.example", "ben@xn--mnchen-3ya.example"


def ask(store: Store, email: str = BEN, **more: Any) -> OptIn:
    return lifecycle.opt_in(store, email, **{"wording": WORDS, "place": "join form", **more})


def refuse(store: Store, email: str = BEN, scope: str = "newsletter", **more: Any) -> OptOut:
    return lifecycle.opt_out(store, email, scope=scope, place="a message", **more)


@pytest.fixture
def cake_house(db: None) -> Store:
    return Store.objects.create(slug="cake", name="Cake", url="https://cake.example/", country="DE", currency="EUR")


# --- Asking ---------------------------------------------------------------------------------------


def test_an_opt_in_says_who_where_when_on_which_channels_and_to_which_words(ann: Advocate, heard: Heard) -> None:
    asked = ask(
        ann.program.store, " Ben@EXAMPLE.com", channels=["sms", "email", "sms"], phone="030 1", first_name="Ben"
    )
    asked.refresh_from_db()
    assert heard == [("opted_in", asked)]
    assert (asked.email, asked.phone, asked.first_name) == ("Ben@example.com", "030 1", "Ben")
    assert (asked.channels, asked.place, asked.wording.text) == (["email", "sms"], "join form", WORDS)
    assert timezone.now() - asked.occurred_at < timedelta(minutes=1)


def test_each_wording_is_kept_once_per_store(tea_house: Store, cake_house: Store) -> None:
    first = ask(tea_house)
    assert ask(tea_house, "cid@example.com", wording=f" {WORDS}\n").wording == first.wording
    assert ask(tea_house, wording="Other words").wording != first.wording
    assert ask(cake_house).wording != first.wording
    assert Wording.objects.count() == 3


def test_the_same_within_ten_minutes_is_one_opt_in(ann: Advocate, heard: Heard) -> None:
    store = ann.program.store
    first = ask(store)
    heard.clear()
    assert ask(store, "BEN@example.com", place="invite page") == first
    assert ask(store, occurred_at=first.occurred_at - timedelta(minutes=9)) == first
    assert heard == []
    assert ask(store, occurred_at=first.occurred_at - timedelta(minutes=11)) != first


@pytest.mark.parametrize(
    "other",
    [{"wording": "Other words"}, {"channels": ["email", "sms"], "phone": "030 1"}, {"email": "cid@example.com"}],
    ids=["words", "channels", "person"],
)
def test_another_wording_channel_or_person_is_another_opt_in(tea_house: Store, other: dict[str, Any]) -> None:
    assert ask(tea_house) != ask(tea_house, **other)


def test_another_number_is_another_opt_in(tea_house: Store) -> None:
    assert ask(tea_house, channels=["sms"], phone="030 1") != ask(tea_house, channels=["sms"], phone="030 2")


def test_who_said_no_a_moment_ago_may_ask_again(ann: Advocate, heard: Heard) -> None:
    first = ask(ann.program.store)
    refuse(ann.program.store)
    assert ask(ann.program.store) != first
    assert [name for name, _ in heard] == ["opted_in", "opted_out", "opted_in"]


def test_asking_takes_no_address_off_the_list_of_those_not_written_to(tea_house: Store) -> None:
    refuse(tea_house, scope="everything")
    ask(tea_house)
    assert suppressions.of(tea_house.pk, [BEN])[BEN].reason == "unsubscribed"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("email", {"email": "ben"}),
        ("wording", {"wording": "  "}),
        ("wording", {"wording": "x" * 10_001}),
        ("place", {"place": ""}),
        ("place", {"place": "x" * 201}),
        ("channels", {"channels": []}),
        ("channels", {"channels": "email"}),
        ("channels", {"channels": ["pigeon"]}),
        ("channels", {"channels": [["email"]]}),
        ("channels", {"channels": None}),
        ("phone", {"channels": ["sms"]}),
        ("first_name", {"first_name": "A\0nn"}),
        ("occurred_at", {"occurred_at": "today"}),
        ("store", {"store": Store(name="Not saved")}),
    ],
)
def test_an_opt_in_that_cannot_be_right_is_refused(tea_house: Store, field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        ask(**{"store": tea_house, **wrong})
    (sentence,) = refusal.value.message_dict[field]
    assert field in sentence
    assert sentence.endswith(".")
    assert not OptIn.objects.exists()
    assert not Wording.objects.exists()


# --- Saying no ------------------------------------------------------------------------------------


def test_saying_no_is_told_once_until_the_person_asks_again(ann: Advocate, heard: Heard) -> None:
    store = ann.program.store
    first = refuse(store)
    assert refuse(store, "BEN@Example.com") == first
    assert heard == [("opted_out", first)]
    ask(store)
    assert refuse(store) != first
    assert OptOut.objects.count() == 2


def test_a_no_is_said_anew_when_the_last_one_is_of_long_before(ann: Advocate, heard: Heard) -> None:
    """In between they may have asked for the store's e-mail where nobody tells us of it."""
    store, now = ann.program.store, timezone.now()
    first = refuse(store, occurred_at=now - timedelta(hours=3))
    assert refuse(store, occurred_at=now - timedelta(hours=3) + timedelta(minutes=9)) == first
    second = refuse(store)
    assert second != first
    assert refuse(store, occurred_at=now - timedelta(hours=2)) == second
    assert heard == [("opted_out", first), ("opted_out", second)]


def test_a_no_that_is_told_again_late_is_the_same(tea_house: Store) -> None:
    first = refuse(tea_house, occurred_at=timezone.now() - timedelta(hours=2))
    ask(tea_house, occurred_at=timezone.now() - timedelta(hours=1))
    assert refuse(tea_house, occurred_at=first.occurred_at) == first
    assert refuse(tea_house) != first


def test_a_no_to_the_newsletter_leaves_invites_alone(ann: Advocate) -> None:
    invited = lifecycle.invite(ann, BEN)
    refuse(ann.program.store)
    invited.refresh_from_db()
    assert invited.closed_at is None
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("scope", ["invites", "everything"])
def test_a_no_to_invites_closes_everybodys_and_suppresses_at_the_store(
    ann: Advocate, cake_house: Store, heard: Heard, scope: str
) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    cakes = Program.objects.create(store=cake_house, slug="cakes", name="Cakes", offer="Cake")
    elsewhere = lifecycle.invite(lifecycle.join(cakes, "ann@example.com"), BEN)
    mine = [lifecycle.invite(person, BEN) for person in (ann, eve)]
    others = lifecycle.invite(ann, "cid@example.com")
    heard.clear()
    refuse(ann.program.store, scope=scope)
    assert [name for name, _ in heard] == ["suppressed", "opted_out"]
    closed = Invite.objects.filter(closed_by="opted_out", closed_at__isnull=False)
    assert set(closed) == set(mine)
    assert not {elsewhere, others} & set(closed)
    assert (suppressions.of(cake_house.pk, [BEN]), len(suppressions.of(ann.program.store.pk, [BEN]))) == ({}, 1)


def test_a_no_told_again_closes_what_has_come_since(ann: Advocate, heard: Heard) -> None:
    refuse(ann.program.store, scope="invites")
    late = lifecycle.invite(ann, BEN)
    heard.clear()
    refuse(ann.program.store, scope="invites")
    late.refresh_from_db()
    assert (late.closed_by, heard) == ("opted_out", [])


@pytest.mark.parametrize(("field", "wrong"), [("scope", {"scope": "all"}), ("email", {"email": ""})])
def test_a_no_that_cannot_be_understood_is_refused(tea_house: Store, field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        refuse(tea_house, **wrong)
    assert field in refusal.value.message_dict


def test_a_receiver_that_fails_takes_back_all_that_a_no_has_done(ann: Advocate) -> None:
    invited = lifecycle.invite(ann, BEN)

    def full_disk(**_: Any) -> None:
        raise OSError("no space")

    signals.opted_out.connect(full_disk)
    try:
        with pytest.raises(OSError, match="no space"):
            refuse(ann.program.store, scope="everything")
    finally:
        signals.opted_out.disconnect(full_disk)
    invited.refresh_from_db()
    assert invited.closed_at is None
    assert not OptOut.objects.exists()
    assert not Suppression.objects.exists()


# --- Who is not written to --------------------------------------------------------------------------


def test_an_address_is_suppressed_once_per_store_and_reason(ann: Advocate, heard: Heard) -> None:
    store = ann.program.store
    first = lifecycle.suppress(BEN, "bounced", store)
    assert lifecycle.suppress("BEN@example.com", "bounced", store) == first
    assert lifecycle.suppress(BEN, "bounced") == lifecycle.suppress(BEN, "bounced") != first
    lifecycle.suppress(BEN, "complained", store)
    a_complaint = ["suppressed", "suppressed", "opted_out"]  # which is a no to all of the store's e-mail, too
    assert [name for name, _ in heard] == ["suppressed", "suppressed", *a_complaint]
    assert BEN not in str(Suppression.objects.values())


def test_what_every_store_leaves_alone_is_closed_everywhere(ann: Advocate, cake_house: Store) -> None:
    cakes = Program.objects.create(store=cake_house, slug="cakes", name="Cakes", offer="Cake")
    for person in (ann, lifecycle.join(cakes, "ann@example.com")):
        lifecycle.invite(person, BEN)
    lifecycle.suppress(BEN, "complained")
    assert Invite.objects.filter(closed_by="opted_out").count() == 2


def test_a_no_holds_for_both_spellings_of_a_domain(ann: Advocate) -> None:
    invited = [lifecycle.invite(ann, address) for address in (INTERNATIONAL, IN_ASCII)]
    refuse(ann.program.store, IN_ASCII, scope="invites")
    assert {invite.pk for invite in invited} == set(
        Invite.objects.filter(closed_by="opted_out").values_list("pk", flat=True)
    )
    assert set(suppressions.of(ann.program.store.pk, [INTERNATIONAL])) == {IN_ASCII}


def test_the_weightiest_reason_is_named_in_one_query(
    tea_house: Store, cake_house: Store, django_assert_num_queries: Any
) -> None:
    for reason in ("unsubscribed", "complained", "bounced"):
        lifecycle.suppress(BEN, reason, tea_house)
    lifecycle.suppress("cid@example.com", "bounced")
    lifecycle.suppress("dan@example.com", "erased", cake_house)
    with django_assert_num_queries(1):
        held = suppressions.of(tea_house.pk, ["BEN@example.com", "cid@example.com", "dan@example.com", "", "\ud800"])
    assert {address: row.reason for address, row in held.items()} == {BEN: "complained", "cid@example.com": "bounced"}


@pytest.mark.parametrize(
    ("reason", "store", "field"), [("mood", None, "reason"), ("bounced", Store(name="Not saved"), "store")]
)
def test_a_suppression_for_nothing_known_is_refused(db: None, reason: str, store: Store | None, field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        lifecycle.suppress(BEN, reason, store)
    assert field in refusal.value.message_dict
