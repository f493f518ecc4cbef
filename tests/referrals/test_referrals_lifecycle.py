"""The verbs of the lifecycle: each stores one fact and sends one signal, together or not at all, and only once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from referrals import codes, lifecycle, signals
from referrals.lifecycle import people
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

Verb = Callable[[], Any]
Heard = list[tuple[str, Any]]

FACTS: tuple[type[models.Model], ...] = (
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


def order(ann: Advocate, order_id: str = "1001") -> Conversion:
    return lifecycle.convert(ann, order_id=order_id, friend_email="ben@example.com", total="24.90", currency="EUR")


def grant(ann: Advocate, **more: Any) -> Reward:
    return lifecycle.reward(ann, kind="credit", amount="5", currency="EUR", **more)


def join(ann: Advocate) -> Verb:
    return lambda: lifecycle.join(ann.program, "Eve@Example.com")


def update(ann: Advocate) -> Verb:
    return lambda: lifecycle.update(ann, tier="Gold", phone="not a number")


def invite(ann: Advocate) -> Verb:
    return lambda: lifecycle.invite(ann, "ben@example.com", recipient_name="Ben")


def remind(ann: Advocate) -> Verb:
    invited = lifecycle.invite(ann, "ben@example.com")
    return lambda: lifecycle.remind(invited, 1)


def went_out(ann: Advocate) -> Verb:
    invited = lifecycle.invite(ann, "ben@example.com")
    return lambda: lifecycle.went_out(invited)


def opt_in(ann: Advocate) -> Verb:
    return lambda: lifecycle.opt_in(ann.program.store, "ben@example.com", wording="Yes", place="join form")


def opt_out(ann: Advocate) -> Verb:
    return lambda: lifecycle.opt_out(ann.program.store, "ben@example.com", scope="newsletter", place="a message")


def suppress(ann: Advocate) -> Verb:
    lifecycle.invite(ann, "ben@example.com")
    return lambda: lifecycle.suppress("ben@example.com", "bounced", ann.program.store)


def visit(ann: Advocate) -> Verb:
    return lambda: lifecycle.visit(ann, landing_page="https://teahouse.example/", visitor="someone")


def convert(ann: Advocate) -> Verb:
    return lambda: order(ann)


def refund(ann: Advocate) -> Verb:
    bought = order(ann)
    return lambda: lifecycle.refund(bought, refund_id="R1", total="4.90")


def reward(ann: Advocate) -> Verb:
    bought = order(ann)
    return lambda: grant(ann, conversion=bought)


def reverse(ann: Advocate) -> Verb:
    granted = grant(ann)
    return lambda: lifecycle.reverse(granted, "refund")


def pay(ann: Advocate) -> Verb:
    granted = grant(ann)
    return lambda: lifecycle.pay(granted)


VERBS = [
    (join, "advocate_joined", Advocate),
    (update, "advocate_updated", None),
    (invite, "invite_sent", Invite),
    (remind, "invite_reminded", Reminder),
    (went_out, "invite_went_out", None),
    (opt_in, "opted_in", OptIn),
    (opt_out, "opted_out", OptOut),
    (suppress, "suppressed", Suppression),
    (visit, "visit_recorded", Visit),
    (convert, "conversion_recorded", Conversion),
    (refund, "conversion_refunded", Conversion),
    (reward, "reward_issued", Reward),
    (reverse, "reward_reversed", None),
    (pay, "advocate_updated", None),
]
every_verb = pytest.mark.parametrize(("verb", "signal", "stored"), VERBS, ids=lambda it: getattr(it, "__name__", None))


def everything() -> dict[str, list[dict[str, Any]]]:
    return {fact.__name__: list(fact._default_manager.order_by("pk").values()) for fact in FACTS}


def counts() -> dict[str, int]:
    return {name: len(rows) for name, rows in everything().items()}


@every_verb
def test_a_verb_stores_one_fact_and_sends_one_signal(
    ann: Advocate,
    heard: Heard,
    verb: Callable[[Advocate], Verb],
    signal: str,
    stored: type[models.Model] | None,
) -> None:
    act = verb(ann)
    before = counts()
    heard.clear()
    fact = act()
    new = {name: number - before[name] for name, number in counts().items() if number != before[name]}
    assert new == ({stored.__name__: 1} if stored else {})
    assert [name for name, _ in heard] == [signal]
    told = heard[0][1]
    assert told == (fact.advocate if verb is pay else fact)
    assert told.pk is not None


@every_verb
def test_the_same_fact_told_again_is_the_stored_one_and_says_nothing(
    ann: Advocate, heard: Heard, verb: Callable[[Advocate], Verb], signal: str, stored: object
) -> None:
    act = verb(ann)
    first, before = act(), everything()
    heard.clear()
    assert act() == first
    assert heard == []
    assert everything() == before


@every_verb
def test_a_receiver_that_fails_takes_the_fact_back(
    ann: Advocate, verb: Callable[[Advocate], Verb], signal: str, stored: object
) -> None:
    act = verb(ann)
    before = everything()

    def full_disk(**_: Any) -> None:
        raise OSError("no space")

    getattr(signals, signal).connect(full_disk)
    try:
        with pytest.raises(OSError, match="no space"):
            act()
    finally:
        getattr(signals, signal).disconnect(full_disk)
    assert everything() == before
    act()
    assert everything() != before


@every_verb
def test_a_signal_is_sent_inside_the_transaction_of_its_fact(
    ann: Advocate, verb: Callable[[Advocate], Verb], signal: str, stored: object
) -> None:
    act, inside = verb(ann), []
    depth = len(transaction.get_connection().savepoint_ids)

    def look(**_: Any) -> None:
        inside.append(len(transaction.get_connection().savepoint_ids) > depth)

    getattr(signals, signal).connect(look)
    try:
        act()
    finally:
        getattr(signals, signal).disconnect(look)
    assert inside == [True]


def test_a_fact_has_an_id_of_its_own_and_the_time_that_was_told(ann: Advocate) -> None:
    march = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    invited = lifecycle.invite(ann, "ben@example.com", occurred_at=march)
    invited.refresh_from_db()
    assert invited.uid.version == 4
    assert invited.occurred_at == march
    assert invited.created_at > march


# --- People ---------------------------------------------------------------------------------------


def test_a_person_joins_once_whatever_the_case_of_the_address(ann: Advocate, heard: Heard) -> None:
    again = lifecycle.join(ann.program, "  ANN@Example.COM ", first_name="Anna")
    assert (again, again.first_name, again.email) == (ann, "Ann", "ann@example.com")
    assert heard == []


def test_an_address_is_kept_as_given_but_for_its_domain(program: Program) -> None:
    assert lifecycle.join(program, " Ann.Lee+Tea@EXAMPLE.Com\n").email == "Ann.Lee+Tea@example.com"


def test_plus_addresses_are_people_of_their_own(ann: Advocate) -> None:
    assert lifecycle.join(ann.program, "ann+work@example.com") != ann


def test_a_person_joins_once_however_the_domain_is_written(ann: Advocate, heard: Heard) -> None:
    for one, other in (
        ("anna@\U0001f4a9.la", "Anna@XN--LS8H.la"),
        ("anna@xn--bcher-kva.example", "anna@bücher.example"),
    ):
        heard.clear()
        assert lifecycle.join(ann.program, one) == lifecycle.join(ann.program, other)
        assert len(heard) == 1
    assert lifecycle.join(ann.program, "anna@strasse.test") != lifecycle.join(ann.program, "anna@straße.test")


def test_the_same_person_joins_another_program_as_another_advocate(ann: Advocate, tea_house: Store) -> None:
    partners = Program.objects.create(store=tea_house, slug="partners", name="Partners", type="affiliate")
    partner = lifecycle.join(partners, ann.email)
    assert (partner.role, ann.role) == ("affiliate", "advocate")
    assert partner.referral_code != ann.referral_code


def test_a_person_who_joined_a_moment_ago_in_another_process_is_found(
    ann: Advocate, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, answers = people._member, iter([None])
    monkeypatch.setattr(people, "_member", lambda person: next(answers, look(person)))
    assert lifecycle.join(ann.program, "ANN@example.com") == ann
    assert heard == []


def test_a_code_that_is_taken_is_drawn_again(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter(["0123456789AB"])
    monkeypatch.setattr(codes, "new", lambda: next(draws))
    monkeypatch.setattr(Advocate._meta.get_field("referral_code"), "_get_default", lambda: ann.referral_code)
    assert lifecycle.join(ann.program, "eve@example.com").referral_code == "0123456789AB"


def test_a_bad_phone_is_kept_as_it_is(program: Program) -> None:
    assert lifecycle.join(program, "ann@example.com", phone=" 030 / call me ").phone == "030 / call me"


@pytest.mark.parametrize("name", ["👩‍🌾 Ann", "李小龍", "محمد", "Zoë", "O'Brien-Šmíd", "<b>Ann</b>", "‮nnA"])
def test_names_of_any_script_are_kept(program: Program, name: str) -> None:
    person = lifecycle.join(program, "ann@example.com", first_name=name)
    person.refresh_from_db()
    assert person.first_name == name


def test_names_are_stored_composed(program: Program) -> None:
    assert lifecycle.join(program, "ann@example.com", first_name="Zoe\u0308").first_name == "Zoë"


def test_an_update_leaves_alone_what_is_not_named(ann: Advocate) -> None:
    changed = lifecycle.update(ann, last_name="Lee-Smith", role="affiliate")
    assert (changed.first_name, changed.last_name, changed.role) == ("Ann", "Lee-Smith", "affiliate")
    assert lifecycle.update(ann, last_name="").last_name == ""


def test_the_share_link_is_the_sites_address_and_the_code(ann: Advocate, settings: Any) -> None:
    settings.SITE_URL = "https://refer.example/"
    assert ann.share_link == f"https://refer.example/r/{ann.referral_code}"


def test_a_person_who_is_not_stored_cannot_act(ann: Advocate) -> None:
    with pytest.raises(ValidationError, match="Let the person join first"):
        lifecycle.invite(Advocate(program=ann.program, email="eve@example.com"), "ben@example.com")


# --- Invites, reminders and visits -------------------------------------------------------------------


def test_a_friend_is_invited_once_whatever_the_case_of_the_address(ann: Advocate, heard: Heard) -> None:
    first = lifecycle.invite(ann, "Ben@example.com")
    assert lifecycle.invite(ann, "bEN@EXAMPLE.com", channel="sms") == first
    assert [name for name, _ in heard] == ["invite_sent"]


def test_two_advocates_may_invite_the_same_friend(ann: Advocate) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    assert lifecycle.invite(ann, "ben@example.com") != lifecycle.invite(eve, "ben@example.com")


def test_each_reminder_of_an_invite_has_its_number_once(ann: Advocate) -> None:
    invited = lifecycle.invite(ann, "ben@example.com")
    assert lifecycle.remind(invited, 1) != lifecycle.remind(invited, 2)
    assert lifecycle.remind(invited, 2).number == 2
    assert invited.reminders.count() == 2


def test_an_invite_goes_out_once_whether_closed_or_not(ann: Advocate, heard: Heard) -> None:
    invited = lifecycle.close(lifecycle.invite(ann, "ben@example.com"), "opted_out")
    first = lifecycle.went_out(invited, occurred_at=datetime(2026, 3, 1, tzinfo=UTC))
    again = lifecycle.went_out(invited)
    assert again.went_out_at == again.contacted_at == first.went_out_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert [name for name, _ in heard] == ["invite_sent", "invite_went_out"]


def test_the_first_closing_of_an_invite_stays(ann: Advocate, heard: Heard) -> None:
    invited = lifecycle.invite(ann, "ben@example.com")
    heard.clear()
    closed = lifecycle.close(invited, "visited")
    again = lifecycle.close(invited, "converted")
    assert (again.closed_by, again.closed_at) == ("visited", closed.closed_at)
    assert heard == []


def test_a_reminder_by_hand_counts_whatever_its_number(ann: Advocate) -> None:
    invited = lifecycle.close(lifecycle.invite(ann, "ben@example.com"), "visited")
    march = datetime(2026, 3, 1, tzinfo=UTC)
    for number, moment in ((7, march), (2, march - timedelta(days=3)), (7, march + timedelta(days=3))):
        lifecycle.remind(invited, number, occurred_at=moment)
    invited.refresh_from_db()
    assert (invited.reminders_made, invited.contacted_at) == (2, march)


def test_a_visit_by_an_invite_closes_it_even_when_it_is_no_new_visit(ann: Advocate) -> None:
    first, second = (lifecycle.invite(ann, f"{name}@example.com") for name in ("ben", "cid"))
    visited = lifecycle.visit(ann, visitor="someone", invite=first)
    assert visited.invite == first
    assert lifecycle.visit(ann, visitor="someone", invite=second) == visited
    assert set(ann.invites.filter(closed_by="visited")) == {first, second}


def test_a_visit_without_an_invite_closes_none(ann: Advocate) -> None:
    lifecycle.invite(ann, "ben@example.com")
    lifecycle.visit(ann)
    assert not ann.invites.exclude(closed_at=None).exists()


def test_an_invite_of_somebody_else_is_refused_for_a_visit(ann: Advocate) -> None:
    invited = lifecycle.invite(lifecycle.join(ann.program, "eve@example.com"), "ben@example.com")
    with pytest.raises(ValidationError, match="not an invite of this advocate"):
        lifecycle.visit(ann, invite=invited)
    assert not Visit.objects.exists()


def test_an_order_closes_everybodys_invites_of_the_friend_to_the_program(ann: Advocate, tea_house: Store) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    partners = Program.objects.create(store=tea_house, slug="partners", name="Partners", type="affiliate")
    elsewhere = lifecycle.invite(lifecycle.join(partners, ann.email), "ben@example.com")
    mine = [lifecycle.invite(person, "BEN@example.com") for person in (ann, eve)]
    others = lifecycle.invite(ann, "cid@example.com")
    order(ann)
    assert set(Invite.objects.filter(closed_by="converted")) == set(mine)
    assert set(Invite.objects.filter(closed_at=None)) == {elsewhere, others}


def test_one_visitor_within_half_an_hour_is_one_visit(ann: Advocate) -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for minutes in (0, 10, 29, -20, 30, 45):
        lifecycle.visit(ann, visitor="someone", occurred_at=noon + timedelta(minutes=minutes))
    lifecycle.visit(ann, visitor="someone else", occurred_at=noon)
    assert sorted(ann.visits.filter(visitor="someone").values_list("occurred_at", flat=True)) == [
        noon,
        noon + timedelta(minutes=30),
    ]
    assert ann.visits.count() == 3


def test_visits_without_a_visitor_all_count(ann: Advocate) -> None:
    assert lifecycle.visit(ann) != lifecycle.visit(ann)


def test_addresses_of_pages_are_cut_and_not_refused(ann: Advocate) -> None:
    visited = lifecycle.visit(
        ann, landing_page="https://t.example/" + "a" * 9_000, referrer="https://s.example/" + "क़" * 9_000
    )
    assert len(visited.landing_page) == 1_000
    assert len(visited.referrer) == 500


# --- Orders and refunds ---------------------------------------------------------------------------------


def test_a_second_order_and_a_second_refund_are_facts_of_their_own(ann: Advocate, heard: Heard) -> None:
    first, second = order(ann, "1001"), order(ann, "1002")
    one = lifecycle.refund(first, refund_id="R1", total="4.90")
    two = lifecycle.refund(first, refund_id="R2", total="20.00")
    assert len({first, second, one, two}) == 4
    assert [name for name, _ in heard] == ["conversion_recorded"] * 2 + ["conversion_refunded"] * 2


def test_an_order_is_stored_with_its_lines(ann: Advocate) -> None:
    bought = lifecycle.convert(
        ann,
        order_id="1001",
        friend_email="BEN@Example.com",
        friend_first_name="Ben",
        total=Decimal("24.9"),
        currency="eur",
        discount_code="TEA5",
        lines=[{"sku": "T-1", "name": "Grüner Tee 🍵", "quantity": 2, "price": "12.45"}, {"price": 0}],
    )
    bought.refresh_from_db()
    assert bought.lines == [
        {"sku": "T-1", "name": "Grüner Tee 🍵", "quantity": 2, "price": "12.45"},
        {"sku": "", "name": "", "quantity": 1, "price": "0.00"},
    ]
    assert (bought.total, bought.currency, bought.friend_email) == (
        Decimal("24.90"),
        "EUR",
        "BEN@example.com",
    )
    assert bought.program == ann.program


def test_a_refund_without_an_amount_is_of_the_whole_order(ann: Advocate) -> None:
    back = lifecycle.refund(order(ann))
    assert (back.kind, back.total, back.currency) == ("refund", Decimal("24.90"), "EUR")
    assert back.refunds == order(ann)
    assert (back.order_id, back.friend_email) == ("1001", "ben@example.com")


def test_no_more_goes_back_than_was_paid(ann: Advocate, heard: Heard) -> None:
    bought = order(ann)
    with pytest.raises(ValidationError, match=r"which is 24\.90 EUR"):
        lifecycle.refund(bought, refund_id="R0", total="24.91")
    first = lifecycle.refund(bought, refund_id="R1", total="4.90")
    with pytest.raises(ValidationError, match=r"which is 20\.00 EUR"):
        lifecycle.refund(bought, refund_id="R2", total="20.01")
    rest = lifecycle.refund(bought, refund_id="R3")
    assert rest.total == Decimal("20.00")
    for total in (None, "0.01"):
        with pytest.raises(ValidationError, match=r"which is 0\.00 EUR"):
            lifecycle.refund(bought, refund_id="R4", total=total)
    assert lifecycle.refund(bought, refund_id="R1", total="4.90") == first
    assert lifecycle.refund(bought, refund_id="R3") == rest
    assert [name for name, _ in heard] == ["conversion_recorded"] + ["conversion_refunded"] * 2


def test_what_cost_nothing_goes_back_for_nothing(ann: Advocate) -> None:
    free = lifecycle.convert(ann, order_id="9", friend_email="ben@example.com", total=0, currency="EUR")
    assert lifecycle.refund(free).total == 0


def test_a_refund_of_a_refund_is_refused(ann: Advocate) -> None:
    with pytest.raises(ValidationError, match="not a refund of it"):
        lifecycle.refund(lifecycle.refund(order(ann)))


def test_an_order_is_not_credited_to_a_second_advocate(ann: Advocate, heard: Heard) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    order(ann)
    heard.clear()
    with pytest.raises(ValidationError, match="credited to another advocate"):
        order(eve)
    assert heard == []
    assert not eve.conversions.exists()


def test_the_same_order_counts_in_each_program(ann: Advocate, tea_house: Store) -> None:
    partners = Program.objects.create(store=tea_house, slug="partners", name="Partners", type="affiliate")
    assert order(ann) != order(lifecycle.join(partners, ann.email))


# --- Rewards -------------------------------------------------------------------------------------------


def test_a_conversion_rewards_each_recipient_once_per_kind(ann: Advocate) -> None:
    bought = order(ann)
    own, gift = grant(ann, conversion=bought), grant(ann, conversion=bought, recipient="friend")
    assert own != gift
    assert grant(ann, conversion=bought) == own
    assert (own.recipient_email, gift.recipient_email) == ("ann@example.com", "ben@example.com")


def test_rewards_without_a_conversion_all_count(ann: Advocate) -> None:
    assert grant(ann) != grant(ann)
    assert grant(ann, recipient="friend", recipient_email="Cy@Example.com").recipient_email == "Cy@example.com"


def test_somebody_elses_address_is_refused_for_a_known_recipient(ann: Advocate) -> None:
    for recipient in ("advocate", "friend"):
        with pytest.raises(ValidationError, match="somebody else's"):
            grant(ann, conversion=order(ann), recipient=recipient, recipient_email="cy@example.com")


def test_a_friend_without_an_address_cannot_be_rewarded(ann: Advocate) -> None:
    with pytest.raises(ValidationError, match="recipient_email is missing"):
        grant(ann, recipient="friend")


def test_only_an_advocates_own_orders_are_rewarded(ann: Advocate) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    for wrong in (order(eve), lifecycle.refund(order(eve))):
        with pytest.raises(ValidationError, match="not an order of this advocate"):
            grant(ann, conversion=wrong)


def test_a_reward_is_reversed_once_and_the_first_reason_stays(ann: Advocate, heard: Heard) -> None:
    granted = grant(ann)
    heard.clear()
    lifecycle.reverse(granted, "refund")
    again = lifecycle.reverse(granted, "fraud")
    assert again.reversal_reason == "refund"
    assert [name for name, _ in heard] == ["reward_reversed"]


def test_a_reversed_reward_is_not_paid(ann: Advocate) -> None:
    granted = grant(ann)
    lifecycle.reverse(granted, "fraud")
    with pytest.raises(ValidationError, match="has been reversed"):
        lifecycle.pay(granted)


def test_a_paid_reward_may_still_be_reversed(ann: Advocate) -> None:
    paid = lifecycle.pay(grant(ann))
    assert lifecycle.reverse(paid, "refund").reversed_at is not None


def test_the_database_itself_refuses_a_fact_twice(ann: Advocate) -> None:
    bought = order(ann)
    lifecycle.invite(ann, "ben@example.com")
    twice: list[models.Model] = [
        Advocate(program=ann.program, email="ANN@example.com"),
        Invite(advocate=ann, recipient_email="BEN@example.com"),
        Conversion(advocate=ann, order_id="1001", friend_email="x@example.com", total=1, currency="EUR"),
        Conversion(advocate=ann, order_id="9", kind="refund", friend_email="x@example.com", total=1, currency="EUR"),
    ]
    grant(ann, conversion=bought)
    twice.append(Reward(advocate=ann, recipient="advocate", conversion=bought, kind="credit", amount=1, currency="EUR"))
    for fact in twice:
        with pytest.raises(IntegrityError), transaction.atomic():
            fact.save()


def test_host_code_may_send_a_signal_with_its_own_instance(ann: Advocate, heard: Heard) -> None:
    own = Reward.objects.create(
        advocate=ann, recipient="advocate", recipient_email=ann.email, kind="cash", amount=5, currency="EUR"
    )
    signals.reward_issued.send(sender=Reward, reward=own)
    assert heard == [("reward_issued", own)]
    assert own.occurred_at <= timezone.now()
