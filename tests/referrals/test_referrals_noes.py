"""Which came last, the yes or the no: by turns at the store, whatever the clocks say; what is unclear is a no."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from referrals import lifecycle, noes, person_key, suppressions
from referrals.lifecycle import consent
from referrals.models import OptIn, OptOut, Store

BEN = "ben@example.com"
AHEAD, ZONES = timedelta(seconds=5), timedelta(hours=2)


def yes(store: Store, email: str = BEN, **more: Any) -> OptIn:
    words = f"I want it. ({timezone.now()})"
    return lifecycle.opt_in(store, email, **{"wording": words, "place": "a page", "proof": "signed_in"} | more)


def no(store: Store, email: str = BEN, **more: Any) -> OptOut:
    return lifecycle.opt_out(store, email, **{"scope": "everything", "place": "a page"} | more)


def stands(store: Store) -> bool:
    return bool(noes.standing([BEN], [store.pk]))


def test_the_later_word_counts(tea_house: Store) -> None:
    no(tea_house)
    assert stands(tea_house)
    last = yes(tea_house)
    assert not stands(tea_house)
    assert not noes.said_after(last)
    no(tea_house)
    assert stands(tea_house)
    assert noes.said_after(last)


def test_each_complaint_counts_that_comes_after_its_taking_back(tea_house: Store) -> None:
    lifecycle.suppress(BEN, "complained", tea_house)
    lifecycle.suppress(BEN, "complained", tea_house)
    assert OptOut.objects.count() == 1
    yes(tea_house, proof="confirmed")
    assert not stands(tea_house)
    lifecycle.suppress(BEN, "complained", tea_house)
    assert stands(tea_house)


@pytest.mark.parametrize("ahead", [AHEAD, ZONES, timedelta(days=300)])
def test_a_yes_told_by_a_clock_that_is_ahead_is_never_later_than_a_no_that_came_after_it(
    tea_house: Store, ahead: timedelta
) -> None:
    asked = yes(tea_house, occurred_at=timezone.now() + ahead)
    assert asked.occurred_at <= timezone.now() + timedelta(seconds=1)
    no(tea_house)
    assert stands(tea_house)
    assert noes.said_after(asked)


@pytest.mark.parametrize("behind", [AHEAD, ZONES])
def test_a_no_told_by_a_clock_that_is_behind_counts_as_what_it_is(tea_house: Store, behind: timedelta) -> None:
    asked = yes(tea_house)
    no(tea_house, occurred_at=timezone.now() - behind)
    assert stands(tea_house)
    assert noes.said_after(asked)


@pytest.mark.parametrize(("before", "is_undone"), [(1, False), (4, False), (6, True)])
def test_a_yes_whose_time_was_told_must_be_later_by_more_than_clocks_differ(
    tea_house: Store, before: int, is_undone: bool
) -> None:
    said_no = timezone.now() - timedelta(hours=1)
    no(tea_house, occurred_at=said_no)
    asked = yes(tea_house, occurred_at=said_no + timedelta(minutes=before))
    assert stands(tea_house) != is_undone
    assert noes.said_after(asked) != is_undone


def test_a_yes_of_yesterday_told_after_the_no_of_today_undoes_nothing(tea_house: Store) -> None:
    no(tea_house)
    asked = yes(tea_house, occurred_at=timezone.now() - timedelta(days=1))
    assert stands(tea_house)
    assert noes.said_after(asked)


@pytest.mark.parametrize(("proof", "is_undone"), [("", False), ("signed_in", True), ("confirmed", True)])
def test_only_what_is_proved_undoes_a_no(tea_house: Store, proof: str, is_undone: bool) -> None:
    no(tea_house)
    asked = yes(tea_house, proof=proof)
    assert stands(tea_house) != is_undone
    assert noes.said_before(asked)


def test_a_yes_to_text_messages_undoes_no_no_to_mail(tea_house: Store) -> None:
    no(tea_house)
    yes(tea_house, channels=["sms"], phone="030 1")
    assert stands(tea_house)


def test_a_confirmation_proves_a_yes_from_then_on(tea_house: Store) -> None:
    no(tea_house, occurred_at=timezone.now() - timedelta(hours=1))
    asked = yes(tea_house, proof="")
    assert lifecycle.confirm(asked, timezone.now()).proof == "confirmed"
    assert not stands(tea_house)


def test_a_confirmation_that_is_heard_of_late_undoes_no_later_no(tea_house: Store) -> None:
    asked = yes(tea_house, proof="")
    clicked_at = timezone.now()
    no(tea_house)
    lifecycle.confirm(asked, clicked_at)
    assert stands(tea_house)


def test_a_yes_to_another_store_undoes_nothing(tea_house: Store) -> None:
    other = Store.objects.create(slug="cake", name="Cake", url="https://cake.example/", country="DE", currency="EUR")
    no(tea_house)
    yes(other)
    assert stands(tea_house)


def test_the_same_ticked_by_a_stranger_first_is_proved_by_who_signs_in(tea_house: Store) -> None:
    words: dict[str, Any] = {"wording": "The same words.", "place": "a page"}
    stranger = lifecycle.opt_in(tea_house, BEN, **words)
    signed_in = lifecycle.opt_in(tea_house, BEN, proof="signed_in", **words)
    assert (stranger.proof, signed_in.proof) == ("", "signed_in")
    assert lifecycle.opt_in(tea_house, BEN, **words) in (stranger, signed_in)
    assert OptIn.objects.count() == 2


def test_a_hosts_own_rows_take_their_turns(tea_house: Store) -> None:
    asked = yes(tea_house)
    own = OptOut.objects.create(store=tea_house, email=BEN, scope="everything", place="the host")
    assert (own.turn, own.person) == (asked.turn + 1, person_key.of(BEN))
    assert stands(tea_house)
    [made] = OptOut.objects.bulk_create(
        [OptOut(store=tea_house, email="cid@example.com", scope="everything", place="x")]
    )
    consent.note_no(made)
    made.refresh_from_db()
    assert (made.turn, made.person) == (own.turn + 1, person_key.of("cid@example.com"))


@pytest.mark.parametrize(
    "spelt",
    [
        "Ben <{}>",
        "<{}>",
        " < {} > ",
        "Ben\n<{}>",
        "mailto:{}",
        "MAILTO:{}?subject=No",
        "<mailto:{}>",
        "{}.",
        "<{}.>",
        "{}...",
    ],
)
@pytest.mark.parametrize("is_made_at_once", [True, False])
def test_a_hosts_own_row_is_the_no_of_whom_it_means(tea_house: Store, spelt: str, is_made_at_once: bool) -> None:
    row = OptOut(store=tea_house, email=spelt.format(BEN), scope="everything", place="the host")
    if is_made_at_once:
        OptOut.objects.bulk_create([row])
    else:
        row.save()
    consent.note_no(row)
    assert [no.pk for no in noes.standing([BEN])] == [row.pk]
    assert suppressions.of(tea_house.pk, [BEN])
    row.refresh_from_db()
    assert row.email == BEN


@pytest.mark.parametrize(
    "spelt", ["Ben", "<>", "<Ben>", "<a@b.example> <c@d.example>", "mailto:", ".", "Ben <ben@>", ""]
)
def test_a_row_that_means_nobody_certain_is_kept_as_it_is(tea_house: Store, spelt: str) -> None:
    row = OptOut.objects.create(store=tea_house, email=spelt, scope="everything", place="the host")
    consent.note_no(row)
    assert (row.email, row.person) == (spelt, person_key.of(spelt))
    assert suppressions.of(tea_house.pk, [spelt])


def test_a_key_of_an_older_reading_is_found(tea_house: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    no(tea_house)
    newer = person_key.VERSION + 1
    monkeypatch.setattr(person_key, "READINGS", {**person_key.READINGS, newer: lambda email: f"another {email}"})
    monkeypatch.setattr(person_key, "VERSION", newer)
    assert stands(tea_house)
    yes(tea_house)
    assert OptIn.objects.get().key_version == newer
