"""Erasure of a person: figures stay, names and addresses go, and nobody writes to them again."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models

from referrals import lifecycle, noes, person_key, signals, standing, suppressions
from referrals.models import (
    Advocate,
    Conversion,
    Invite,
    OptIn,
    OptOut,
    Program,
    Reminder,
    Reward,
    Store,
    Suppression,
    Visit,
)

Heard = list[tuple[str, Any]]

BEN = "ben@example.com"
TABLES: tuple[type[models.Model], ...] = (
    Advocate,
    Invite,
    Reminder,
    Visit,
    Conversion,
    Reward,
    OptIn,
    OptOut,
    Suppression,
)
NOTHING = dict.fromkeys(["visits", "advocates", "invites", "conversions", "rewards", "opt_ins", "opt_outs"], 0)


def life_of(friend: str, ann: Advocate) -> None:
    """Somebody is invited by Ann and reminded, comes, buys, is rewarded, joins, invites Cid, and asks for news."""
    store = ann.program.store
    invited = lifecycle.invite(ann, friend, recipient_name="Benedict")
    lifecycle.remind(invited, 1)
    lifecycle.visit(ann, invite=invited, referrer="https://mail.example/benedict", landing_page="https://t.example/")
    bought = lifecycle.convert(
        ann,
        order_id=str(len(friend)),
        friend_email=friend,
        friend_first_name="Benedict",
        friend_last_name="Benedict",
        friend_phone="030 77",
        total="24.90",
        currency="EUR",
    )
    lifecycle.refund(bought, refund_id="R1", total="4.90")
    lifecycle.reward(ann, kind="cash", amount=5, currency="EUR", conversion=bought)
    lifecycle.reward(ann, kind="credit", amount=5, currency="EUR", conversion=bought, recipient="friend")
    person = lifecycle.join(
        ann.program, friend, first_name="Benedict", last_name="Benedict", phone="030 77", locale="de", tier="Gold"
    )
    lifecycle.invite(person, "cid@example.com")
    lifecycle.visit(person, referrer="https://forum.example/benedict")
    lifecycle.reward(person, kind="cash", amount=7, currency="EUR")
    lifecycle.opt_in(store, friend, wording="Yes", place="join form", first_name="Benedict", phone="030 77")
    lifecycle.opt_out(store, friend, scope="newsletter", place="a message")


def everything() -> str:
    return str([list(table._default_manager.order_by("pk").values()) for table in TABLES])


@pytest.fixture
def ben(ann: Advocate) -> Advocate:
    life_of(BEN, ann)
    return Advocate.objects.get(email=BEN)


def test_nothing_says_any_more_who_it_was(ann: Advocate, ben: Advocate) -> None:
    lifecycle.erase(" BEN@Example.com")
    told = everything().lower()
    for trace in (BEN, "benedict", "030 77", "gold", "'de'"):
        assert trace not in told
    assert "ann@example.com" in told
    assert "cid@example.com" in told
    ben.refresh_from_db()
    assert ben.email == f"erased-{person_key.of(BEN)[:16]}-{ben.pk}@erased.invalid"
    assert suppressions.is_erased(ben.email)


ENGRAVED = [
    ("Benedict", "Vespermann", "ben@example.com", "Mug for Benedict"),
    ("Benedict", "Vespermann", "ben@example.com", "MUG: BENEDICTS"),
    ("Benedict", "Vespermann", "ben@example.com", "Card (Vespermann)"),
    ("Bo", "", "x7@example.com", "Mug for Bo"),
    ("", "", "carlotta.vespermann@example.com", "Mug for Carlotta"),
    ("Anna Maria", "", "x7@example.com", "Mug for Maria"),
    ("让·雅克", "", "x7@example.com", "给让·雅克的杯子"),
    ("李明", "", "x7@example.com", "给李明的杯子"),
    ("أحمد", "", "x7@example.com", "كوب لأحمد"),
    ("Zoë", "", "x7@example.com", "Mug for ZOE"),
    ("", "Straßer", "x7@example.com", "Mug STRASSER"),
    ("I\u015f\u0131k", "", "x7@example.com", "IŞIK kupa"),
    ("マリア", "", "x7@example.com", "ﾏﾘｱ"),
    ("Anna", "", "x7@example.com", "Mug_Anna_2024"),
    ("Anna", "", "x7@example.com", "ANNA2024"),
    ("Anna", "", "x7@example.com", "Ann\u200ba"),
    ("小明", "王", "x7@example.com", "王さんのカップ"),
]
INFLECTED = [
    ("Ann", ["Anns Tee", "für Ann", "Annin paita", "Annille", "Ann\u2019s tea", "ANNS TEE"]),
    ("Anna", ["für Annas", "Annan paita", "Annalle", "dla Anny", "Annie i Marcie", "Annatasse", "Ann\u00e1nak"]),
    ("Anni", ["Annin paita"]),
    ("Ben", ["Bens Becher", "Benin muki", "dla Bena", "Benowi"]),
    ("Eva", ["pro Evu", "Evy", "Evalle"]),
    ("Matti", ["Matin muki", "Matille", "Mattin"]),
    ("Pekka", ["Pekan muki", "Pekalle"]),
    ("Marek", ["Marka", "Markowi"]),
    ("Pavel", ["pro Pavla", "Pavlovi"]),
    ("Ната", ["Кружка для Наты", "Натой"]),
    ("Иван", ["для Ивана", "Ивану"]),
    ("Яна", ["для Яны", "Яне"]),
    ("Μαρία", ["της Μαρίας"]),
    ("Zoë", ["Zoes Tasse", "ZOËN MUKI"]),
]
OTHERS = ["Green tea", "Joanna", "Banner", "Matcha", "Evening", "Benefits", "And any other", "Pavilion"]


@pytest.mark.parametrize(("name", "engravings"), INFLECTED)
def test_a_name_goes_in_any_case_of_its_language(ann: Advocate, name: str, engravings: list[str]) -> None:
    lines = [{"sku": "M", "name": engraving, "quantity": 1, "price": None} for engraving in [*engravings, *OTHERS]]
    bought = lifecycle.convert(
        ann,
        order_id="79",
        friend_email="x7@example.com",
        friend_first_name=name,
        total="19",
        currency="EUR",
        lines=lines,
    )
    lifecycle.erase("x7@example.com")
    bought.refresh_from_db()
    assert [line["name"] for line in bought.lines] == [*("" for _ in engravings), *OTHERS]


WRITTEN = ["+358 40 123 4567", "040 123 4567", "(040) 123-4567", "tel:358401234567", "+358\u201340\u20131234567"]


@pytest.mark.parametrize(("first", "last", "email", "engraving"), ENGRAVED)
def test_names_in_the_lines_of_an_order_go_as_well(
    ann: Advocate, first: str, last: str, email: str, engraving: str
) -> None:
    tea = {"sku": "T-1", "name": "Green tea", "quantity": 1, "price": "9.00"}
    mug = {"sku": "M-1", "name": engraving, "quantity": 2, "price": "5.00"}
    bought = lifecycle.convert(
        ann,
        order_id="77",
        friend_email=email,
        friend_first_name=first,
        friend_last_name=last,
        total="19",
        currency="EUR",
        lines=[tea, mug],
    )
    back = lifecycle.refund(bought, total=1, lines=[mug])
    others = lifecycle.convert(
        ann, order_id="78", friend_email="eve@example.com", total="19", currency="EUR", lines=[mug]
    )
    lifecycle.erase(email)
    for order in (bought, back, others):
        order.refresh_from_db()
    blank = {"sku": "", "name": "", "quantity": 2, "price": "5.00"}
    assert (bought.lines, back.lines, others.lines) == ([tea, blank], [blank], [mug])


@pytest.mark.parametrize("written", WRITTEN)
def test_so_does_a_phone_number_however_it_is_written(ann: Advocate, written: str) -> None:
    line = {"sku": "T-1", "name": f"Call {written}", "quantity": 1, "price": "9.00"}
    friend: dict[str, Any] = {"friend_email": "x7@example.com", "friend_phone": "+358401234567"}
    lines = [line, line | {"name": "EAN 4012345670011"}]
    bought = lifecycle.convert(ann, order_id="77", total="19", currency="EUR", lines=lines, **friend)
    lifecycle.erase("x7@example.com")
    bought.refresh_from_db()
    assert [line["name"] for line in bought.lines] == ["", "EAN 4012345670011"]


def test_so_do_those_of_an_advocate_in_what_friends_ordered(ann: Advocate) -> None:
    gift = {"sku": "M-2", "name": "A gift from Ann Lee", "quantity": 1, "price": "5.00"}
    bought = lifecycle.convert(
        ann,
        order_id="78",
        friend_email="eve@example.com",
        total="19",
        currency="EUR",
        lines=[gift, gift | {"name": ""}],
    )
    lifecycle.erase("ann@example.com")
    bought.refresh_from_db()
    assert bought.lines == [gift | {"sku": "", "name": ""}, gift | {"name": ""}]


def test_figures_stay(ann: Advocate, ben: Advocate) -> None:
    people = [ann.pk, ben.pk]
    before = standing.of(people)
    rows = [table._default_manager.count() for table in TABLES[:6]]
    lifecycle.erase(BEN)
    assert standing.of(people) == before
    assert [table._default_manager.count() for table in TABLES[:6]] == rows
    assert {float(total) for total in Conversion.objects.values_list("total", flat=True)} == {24.9, 4.9}


def test_it_says_how_many_of_each_and_the_ids_of_all_that_named_the_person(
    ann: Advocate, ben: Advocate, heard: Heard
) -> None:
    others = {ann.uid, lifecycle.invite(ann, "dan@example.com").uid}
    named = {uid for table in TABLES[1:8] for uid in table._default_manager.values_list("uid", flat=True)}
    strangers = {*ann.rewards.filter(recipient="advocate").values_list("uid", flat=True), ann.visits.get().uid}
    heard.clear()
    erased = lifecycle.erase(BEN)
    assert erased.counts == {
        "visits": 2,
        "advocates": 1,
        "invites": 1,
        "conversions": 2,
        "rewards": 2,
        "opt_ins": 1,
        "opt_outs": 1,
    }
    assert erased.mailbox_hash == person_key.of(BEN)
    assert len(erased.facts) == len(set(erased.facts))
    assert set(erased.facts) == {ben.uid} | named - others - strangers
    assert heard == [("person_erased", BEN)]


def test_the_signal_brings_the_address_and_the_facts_inside_the_transaction(ben: Advocate) -> None:
    told: list[dict[str, Any]] = []

    def listen(sender: type, email: str, facts: list[Any], **_: Any) -> None:
        told.append({"sender": sender, "email": email, "facts": facts})
        raise OSError("no space")

    before = everything()
    signals.person_erased.connect(listen)
    try:
        with pytest.raises(OSError, match="no space"):
            lifecycle.erase("BEN@Example.com")
    finally:
        signals.person_erased.disconnect(listen)
    assert (told[0]["sender"], told[0]["email"]) == (Suppression, "BEN@example.com")
    assert ben.uid in told[0]["facts"]
    assert everything() == before


def test_invites_to_and_by_the_person_are_closed_and_a_first_closing_stays(ann: Advocate, ben: Advocate) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    lifecycle.invite(eve, BEN)
    unconcerned = lifecycle.invite(ann, "dan@example.com")
    lifecycle.erase(BEN)
    assert ann.invites.exclude(pk=unconcerned.pk).get().closed_by == "visited"
    assert {eve.invites.get().closed_by, ben.invites.get().closed_by} == {"erased"}
    unconcerned.refresh_from_db()
    assert unconcerned.closed_at is None


@pytest.mark.parametrize("asked", ["BEN@münchen.example", "ben@xn--mnchen-3ya.example"])
def test_both_spellings_of_an_international_domain_are_found(ann: Advocate, asked: str) -> None:
    one, other = "ben@münchen.example", "Ben@xn--mnchen-3ya.example"
    life_of(one, ann)
    Advocate.objects.filter(email=one).update(email="somebody@example.com")
    life_of(other, ann)
    Advocate.objects.filter(email="somebody@example.com").update(email=one)  # as before the two were one person
    erased = lifecycle.erase(asked)
    assert (erased.counts["advocates"], erased.counts["invites"], erased.counts["rewards"]) == (2, 1, 4)
    assert "nchen" not in everything()


def test_a_person_of_every_store_is_erased_at_every_store(ann: Advocate, ben: Advocate) -> None:
    store = Store.objects.create(slug="cake", name="Cake", url="https://c.example/", country="DE", currency="EUR")
    cakes = Program.objects.create(store=store, slug="cakes", name="Cakes", offer="Cake")
    life_of(BEN, lifecycle.join(cakes, "ann@example.com"))
    assert lifecycle.erase(BEN).counts["advocates"] == 2
    assert set(suppressions.of(store.pk, [BEN])) == set(suppressions.of(ann.program.store.pk, [BEN])) == {BEN}


def test_somebody_unknown_is_erased_too_and_never_written_to(ann: Advocate) -> None:
    erased = lifecycle.erase("nobody@example.com")
    assert (erased.counts, erased.facts) == (NOTHING, [])
    assert Suppression.objects.get(store=None).reason == "erased"


def test_erasing_again_finds_what_has_come_since(ann: Advocate, ben: Advocate, heard: Heard) -> None:
    lifecycle.erase(BEN)
    assert lifecycle.erase(BEN).counts == NOTHING
    lifecycle.invite(ann, BEN)
    assert lifecycle.erase(BEN).counts == NOTHING | {"invites": 1}
    assert Suppression.objects.count() == 1
    assert [name for name, _ in heard].count("person_erased") == 3


def test_a_no_that_stands_is_kept_by_the_persons_key_alone(ann: Advocate) -> None:
    store = ann.program.store
    lifecycle.opt_out(store, BEN, scope="newsletter", place="a message")
    lifecycle.opt_in(store, BEN, wording="Yes", place="join form", proof="confirmed")
    lifecycle.opt_out(store, BEN, scope="everything", place="ben's page")
    assert lifecycle.erase(BEN).counts["opt_outs"] == 2
    [no] = OptOut.objects.all()
    assert (no.scope, no.place) == ("everything", "")
    assert "ben" not in everything()
    assert [stands.pk for stands in noes.standing([BEN])] == [no.pk]
    assert lifecycle.opt_out(store, BEN, scope="everything", place="a message") != no


def test_a_no_that_was_taken_back_does_not_stand_again_without_the_yes(ann: Advocate) -> None:
    store = ann.program.store
    lifecycle.opt_out(store, BEN, scope="everything", place="a message")
    lifecycle.opt_in(store, BEN, wording="Yes", place="join form", proof="confirmed")
    lifecycle.erase(BEN)
    assert noes.standing([BEN]) == []


def test_somebody_erased_may_be_invited_and_join_again_as_somebody_new(ann: Advocate, ben: Advocate) -> None:
    lifecycle.erase(BEN)
    assert lifecycle.invite(ann, BEN).closed_at is None
    again = lifecycle.join(ann.program, BEN)
    assert (again == ben, again.first_name) == (False, "")
    assert suppressions.of(ann.program.store.pk, [BEN])[BEN].reason == "erased"


def test_somebody_erased_invites_nobody_and_gets_no_new_name(ben: Advocate) -> None:
    lifecycle.erase(BEN)
    for attempt in (lambda: lifecycle.invite(ben, "dan@example.com"), lambda: lifecycle.update(ben, first_name="Ben")):
        with pytest.raises(ValidationError, match="has been erased"):
            attempt()
    ben.refresh_from_db()
    assert ben.first_name == ""


def test_an_order_of_somebody_erased_is_still_refunded_without_them(ann: Advocate, ben: Advocate) -> None:
    lifecycle.erase(BEN)
    back = lifecycle.refund(Conversion.objects.get(kind="order"), refund_id="R2", total=1)
    assert suppressions.is_erased(back.friend_email)


def test_what_is_no_address_is_refused(ann: Advocate) -> None:
    with pytest.raises(ValidationError, match="not an e-mail address"):
        lifecycle.erase("Ben")
    assert not Suppression.objects.exists()
