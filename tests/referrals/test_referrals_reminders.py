"""Reminders: friends who have neither come nor bought are reminded as often as their program says, and no more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from referrals import lifecycle, reminders, signals, tasks
from referrals.models import Advocate, Invite, Program, Reminder, Store

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def noon(time_machine: Any) -> Any:
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def eager(program: Program) -> Program:
    """The program reminds twice, each time after three days."""
    program.most_reminders, program.remind_after_days = 2, 3
    program.save()
    return program


def invited(advocate: Advocate, friend: str = "ben", days_ago: float = 4, **more: Any) -> Invite:
    """An invite that went out some days ago."""
    moment = NOON - days_ago * DAY
    invite = lifecycle.invite(advocate, f"{friend}@example.com", occurred_at=moment, **more)
    return lifecycle.went_out(invite, occurred_at=moment)


def reminders_made() -> list[tuple[str, int]]:
    made = Reminder.objects.order_by("pk").values_list("invite__recipient_email", "number")
    return [(email.partition("@")[0], number) for email, number in made]


def test_a_friend_is_reminded_after_the_programs_days_and_not_before(
    eager: Program, ann: Advocate, heard: list[tuple[str, Any]], noon: Any
) -> None:
    invite = invited(ann, days_ago=2.9)
    heard.clear()
    assert reminders.remind_due() == 0
    noon.shift(DAY / 10)
    assert reminders.remind_due() == 1
    assert [name for name, _ in heard] == ["invite_reminded"]
    invite.refresh_from_db()
    assert (invite.reminders_made, invite.contacted_at) == (1, NOON + DAY / 10)


def test_the_next_reminder_waits_as_long_again_and_the_last_is_the_last(
    eager: Program, ann: Advocate, noon: Any
) -> None:
    invited(ann)
    made = []
    for _ in range(12):
        made.append(reminders.remind_due())
        noon.shift(DAY)
    assert made == [1, 0, 0, 1] + [0] * 8
    assert reminders_made() == [("ben", 1), ("ben", 2)]


def test_each_program_has_its_own_days_and_number(eager: Program, ann: Advocate, tea_house: Store) -> None:
    slow = Program.objects.create(
        store=tea_house, slug="slow", name="Slow", offer="Tea", most_reminders=1, remind_after_days=30
    )
    invited(lifecycle.join(slow, "ann@example.com"), "cid", days_ago=29)
    invited(lifecycle.join(slow, "ann@example.com"), "dan", days_ago=31)
    invited(ann)
    assert reminders.remind_due() == 2
    assert reminders_made() == [("dan", 1), ("ben", 1)]


def test_a_program_without_reminders_reminds_nobody(ann: Advocate) -> None:
    invited(ann, days_ago=300)
    assert reminders.remind_due() == 0


def test_an_invite_that_never_went_out_is_not_reminded_of(eager: Program, ann: Advocate) -> None:
    invite = lifecycle.invite(ann, "ben@example.com", occurred_at=NOON - 9 * DAY)
    assert reminders.remind_due() == 0
    lifecycle.remind(invite, 1, occurred_at=NOON - 8 * DAY)
    assert reminders.remind_due() == 0


def test_nobody_is_reminded_who_came_bought_or_said_no(eager: Program, ann: Advocate) -> None:
    invites = {name: invited(ann, name) for name in ("ben", "cid", "dan", "eve", "flo")}
    lifecycle.visit(ann, invite=invites["ben"])
    lifecycle.convert(ann, order_id="1", friend_email="cid@example.com", total=9, currency="EUR")
    lifecycle.opt_out(ann.program.store, "dan@example.com", scope="invites", place="a message")
    lifecycle.suppress("eve@example.com", "bounced")
    assert reminders.remind_due() == 1
    assert reminders_made() == [("flo", 1)]
    closed = dict(Invite.objects.values_list("recipient_email", "closed_by"))
    assert [closed[f"{name}@example.com"] for name in invites] == ["visited", "converted", "opted_out", "opted_out", ""]


def test_who_said_no_to_the_newsletter_alone_is_reminded(eager: Program, ann: Advocate) -> None:
    invited(ann)
    lifecycle.opt_out(ann.program.store, "ben@example.com", scope="newsletter", place="a message")
    assert reminders.remind_due() == 1


def test_an_invite_that_has_expired_is_closed_whether_it_went_out_or_not(ann: Advocate, noon: Any) -> None:
    out = invited(ann, expires_at=NOON)
    waiting = lifecycle.invite(ann, "cid@example.com", expires_at=NOON - DAY)
    later = invited(ann, "dan", expires_at=NOON + DAY)
    assert reminders.remind_due() == 0
    assert set(Invite.objects.filter(closed_by="expired", closed_at=NOON)) == {out, waiting}
    later.refresh_from_db()
    assert later.closed_at is None


def test_reminders_by_hand_count_and_are_counted_on(eager: Program, ann: Advocate, noon: Any) -> None:
    invite = invited(ann, days_ago=9)
    lifecycle.remind(invite, 5, occurred_at=NOON - 4 * DAY)
    assert reminders.remind_due() == 1
    assert reminders_made() == [("ben", 5), ("ben", 6)]
    noon.shift(9 * DAY)
    assert reminders.remind_due() == 0


def test_no_reminder_has_a_number_above_the_highest(eager: Program, ann: Advocate) -> None:
    lifecycle.remind(invited(ann, days_ago=9), 100, occurred_at=NOON - 8 * DAY)
    assert reminders.remind_due() == 0


def test_the_longest_waiting_come_first_and_no_more_than_the_limit(eager: Program, ann: Advocate) -> None:
    for friend, days_ago in (("ben", 4), ("cid", 9), ("dan", 5)):
        invited(ann, friend, days_ago=days_ago)
    assert reminders.remind_due(limit=2) == 2
    assert reminders_made() == [("cid", 1), ("dan", 1)]


def test_an_invite_that_fails_holds_up_no_other_and_names_nobody(
    eager: Program, ann: Advocate, caplog: pytest.LogCaptureFixture
) -> None:
    for friend, days_ago in (("ben", 9), ("cid", 4)):
        invited(ann, friend, days_ago=days_ago)

    def fail_for_ben(reminder: Reminder, **_: Any) -> None:
        if reminder.invite.recipient_email.startswith("ben"):
            raise OSError(f"no space for {ann.email}")

    signals.invite_reminded.connect(fail_for_ben)
    try:
        assert reminders.remind_due(limit=1) == 1
    finally:
        signals.invite_reminded.disconnect(fail_for_ben)
    assert reminders_made() == [("cid", 1)]
    assert "will be tried again: OSError" in caplog.text
    assert "@" not in caplog.text
    assert reminders.remind_due() == 1


def test_an_invite_that_was_closed_a_moment_ago_is_left_alone(
    eager: Program, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite = invited(ann)
    remind = reminders._remind

    def overtaken(*found: Any) -> bool:
        lifecycle.close(invite, "visited")
        return remind(*found)

    monkeypatch.setattr(reminders, "_remind", overtaken)
    assert reminders.remind_due() == 0
    assert not Reminder.objects.exists()


def test_beat_asks_for_reminders(eager: Program, ann: Advocate) -> None:
    invited(ann)
    tasks.remind()
    assert reminders_made() == [("ben", 1)]
