"""Visits: landings become visits, each once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from referrals import lifecycle, signals, tasks, visits
from referrals.lifecycle.invites import reminder_went_out
from referrals.models import Advocate, Landing, Visit

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def land(ann: Advocate, visitor: str = "ben", minutes: int = 0, **more: Any) -> Landing:
    usual: dict[str, Any] = {
        "code": ann.referral_code,
        "landing_page": "https://teahouse.example/?ref=1",
        "channel": "sms",
    }
    usual |= {"visitor": visitor, "occurred_at": NOON + timedelta(minutes=minutes)}
    return Landing.objects.create(**{**usual, **more})


def test_a_landing_becomes_a_visit_of_its_moment(ann: Advocate, heard: list[tuple[str, Any]]) -> None:
    land(ann, referrer="https://chat.example/")
    assert visits.count() == 1
    visit = Visit.objects.get()
    assert heard == [("visit_recorded", visit)]
    assert (visit.advocate, visit.visitor, visit.occurred_at, visit.channel) == (ann, "ben", NOON, "sms")
    assert (visit.landing_page, visit.referrer) == ("https://teahouse.example/?ref=1", "https://chat.example/")
    assert not Landing.objects.exists()


def test_counting_again_finds_nothing(ann: Advocate) -> None:
    land(ann)
    assert [visits.count(), visits.count()] == [1, 0]
    assert Visit.objects.count() == 1


def test_one_visitor_within_half_an_hour_is_one_visit(ann: Advocate) -> None:
    for minutes in (0, 5, 29, 31):
        land(ann, minutes=minutes)
    land(ann, visitor="cy")
    assert visits.count() == 5
    assert Visit.objects.filter(visitor="ben").count() == 2
    assert Visit.objects.count() == 3
    assert not Landing.objects.exists()


def test_a_landing_by_an_invite_closes_it(ann: Advocate) -> None:
    invited = lifecycle.invite(ann, "ben@example.com")
    land(ann, invite_uid=invited.uid)
    visits.count()
    invited.refresh_from_db()
    assert (Visit.objects.get().invite, invited.closed_by) == (invited, "visited")


@pytest.mark.parametrize("seconds", [0, 2, 59, -2])
def test_who_comes_the_moment_the_mail_does_is_no_sign_of_the_friend(ann: Advocate, seconds: int) -> None:
    invited = lifecycle.went_out(lifecycle.invite(ann, "ben@example.com"), occurred_at=NOON)
    land(ann, invite_uid=invited.uid, occurred_at=NOON + timedelta(seconds=seconds))
    visits.count()
    invited.refresh_from_db()
    assert (invited.closed_by, Visit.objects.get().invite) == ("", None)
    land(ann, invite_uid=invited.uid, minutes=20)
    visits.count()
    invited.refresh_from_db()
    assert invited.closed_by == "visited"


def test_likewise_of_a_reminder(ann: Advocate) -> None:
    invited = lifecycle.went_out(lifecycle.invite(ann, "ben@example.com"), occurred_at=NOON - timedelta(days=3))
    reminder_went_out(invited)
    land(ann, invite_uid=invited.uid, occurred_at=timezone.now())
    visits.count()
    invited.refresh_from_db()
    assert invited.closed_at is None
    land(ann, invite_uid=invited.uid)
    visits.count()
    invited.refresh_from_db()
    assert invited.closed_by == "visited"


def test_one_that_comes_before_the_mail_server_has_answered_waits_until_it_has(ann: Advocate) -> None:
    invited = lifecycle.invite(ann, "ben@example.com")
    land(ann, invite_uid=invited.uid, occurred_at=timezone.now())
    assert visits.count() == 0
    lifecycle.went_out(invited)
    assert visits.count() == 1
    invited.refresh_from_db()
    assert invited.closed_at is None


@pytest.mark.parametrize("room", [0, 20])
def test_what_is_no_browser_closes_nothing(ann: Advocate, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", room)
    invited = lifecycle.went_out(lifecycle.invite(ann, "ben@example.com"), occurred_at=NOON - timedelta(days=1))
    land(ann, invite_uid=invited.uid, network="office", is_browser=False)
    assert visits.count() == 1
    invited.refresh_from_db()
    assert invited.closed_at is None
    assert not Visit.objects.filter(invite=invited).exists()


def test_an_invite_of_nobody_or_somebody_else_is_left_out_of_the_visit(ann: Advocate) -> None:
    foreign = lifecycle.invite(lifecycle.join(ann.program, "eve@example.com"), "ben@example.com")
    land(ann, invite_uid=foreign.uid)
    land(ann, visitor="cid", invite_uid=ann.uid)
    assert visits.count() == 2
    foreign.refresh_from_db()
    assert (ann.visits.filter(invite=None).count(), foreign.closed_at) == (2, None)


def test_the_same_visitor_of_two_advocates_visits_both(ann: Advocate) -> None:
    eve = lifecycle.join(ann.program, "eve@example.com")
    land(ann)
    land(eve)
    visits.count()
    assert (ann.visits.count(), eve.visits.count()) == (1, 1)


def test_landings_of_unknown_codes_are_dropped_however_many(ann: Advocate) -> None:
    for number in range(20):
        land(ann, code=f"{number:012d}")
    land(ann)
    assert visits.count(limit=1) == 1
    assert not Landing.objects.exists()


def test_no_more_than_the_limit_is_counted_at_once_the_oldest_first(ann: Advocate) -> None:
    for number in range(5):
        land(ann, visitor=str(number))
    assert visits.count(limit=2) == 2
    assert set(Visit.objects.values_list("visitor", flat=True)) == {"0", "1"}
    assert Landing.objects.count() == 3


def test_a_landing_that_another_process_has_taken_is_left_to_it(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = land(ann)
    count = visits._count

    def overtaken(*found: Any) -> bool:
        Landing.objects.filter(pk=taken.pk).delete()
        return count(*found)

    monkeypatch.setattr(visits, "_count", overtaken)
    assert visits.count() == 0
    assert not Visit.objects.exists()


def test_a_landing_that_fails_is_tried_again_and_holds_up_no_other(
    ann: Advocate, caplog: pytest.LogCaptureFixture, time_machine: Any
) -> None:
    time_machine.move_to(NOON)
    land(ann, visitor="ben")
    land(ann, visitor="cy")

    def fail_for_ben(visit: Visit, **_: Any) -> None:
        if visit.visitor == "ben":
            raise OSError(f"no space for {ann.email}")

    signals.visit_recorded.connect(fail_for_ben)
    try:
        assert visits.count() == 1
        assert Visit.objects.get().visitor == "cy"
        assert "will be tried again: OSError" in caplog.text
        assert ann.email not in caplog.text
        time_machine.shift(timedelta(days=8))
        assert Landing.objects.count() == 1
        visits.count()
        assert not Landing.objects.exists()
        assert "is dropped: OSError" in caplog.text
    finally:
        signals.visit_recorded.disconnect(fail_for_ben)


@pytest.mark.parametrize("limit", ["MOST_OF_A_NETWORK", "MOST_OF_A_CODE", "MOST_OF_A_STORE"])
def test_no_more_than_each_limit_allows_is_counted_in_an_hour(
    ann: Advocate, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, limit, 3)
    for number in range(8):
        land(ann, visitor=str(number), network="office" if limit == "MOST_OF_A_NETWORK" else str(number))
    visits.count()
    assert ann.visits.count() == 3
    land(ann, visitor="later", network="office", minutes=61)
    visits.count()
    assert ann.visits.count() == 4
    assert not Landing.objects.exists()


def test_what_one_limit_refuses_costs_no_other(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", 1)
    monkeypatch.setattr(visits, "MOST_OF_A_STORE", 2)
    for number in range(5):
        land(ann, visitor=str(number), network="office")
    land(ann, visitor="ben", network="home")
    visits.count()
    assert ann.visits.count() == 2


def test_each_advocate_is_visited_by_an_office_of_its_own_right(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", 2)
    eve = lifecycle.join(ann.program, "eve@example.com")
    for number in range(3):
        land(ann, visitor=str(number), network="office")
        land(eve, visitor=str(number), network="office")
    visits.count()
    assert (ann.visits.count(), eve.visits.count()) == (2, 2)


def test_whoever_comes_back_is_counted_with_nobody(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", 2)
    for number in range(9):
        land(ann, visitor="ben", network="office", minutes=number)
    land(ann, visitor="cy", network="office", minutes=9)
    visits.count()
    assert set(ann.visits.values_list("visitor", flat=True)) == {"ben", "cy"}


def test_a_friend_beyond_the_limit_has_come_by_the_invite_all_the_same(
    ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", 0)
    invited = lifecycle.invite(ann, "ben@example.com")
    land(ann, network="office", invite_uid=invited.uid)
    visits.count()
    invited.refresh_from_db()
    assert (ann.visits.count(), invited.closed_by) == (0, "visited")


def test_one_that_fails_is_not_counted_again_and_again(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST_OF_A_NETWORK", 1)
    land(ann, network="office")
    Landing.objects.update(occurred_at=timezone.now())

    def fail(visit: Visit, **_: Any) -> None:
        raise OSError

    signals.visit_recorded.connect(fail)
    try:
        assert [visits.count() for _ in range(3)] == [0, 0, 0]
    finally:
        signals.visit_recorded.disconnect(fail)
    assert visits.count() == 1
    assert ann.visits.count() == 1


def test_old_landings_are_counted_however_late(ann: Advocate) -> None:
    land(ann, minutes=-60 * 24 * 30)
    tasks.count_visits()
    assert Visit.objects.get().occurred_at < timezone.now() - timedelta(days=29)
