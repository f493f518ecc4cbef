"""Messages to people while these are held: all of them wait, facts and noes flow, and then they go, or never do."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from integrations import outbox
from integrations.models import Attempt, Delivery, MessageHold
from integrations.outbox import held_messages
from integrations.outbox.held_messages import Early
from integrations.pauses import message_hold
from integrations.workers import worker
from klaviyo.consent import gate
from klaviyo.delivery.newsletter import subscribe
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, OptIn, Program, Reminder, Visit
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.sending_cast import invited_days_ago, let_invite, mailed
from tests.klaviyo.story import BEN, CID, KARI, TEA, State, make_due, metrics

HELD = (State.QUEUED, "messages_held")
RECEIVED = "Sorae Invite Received"


def hold() -> MessageHold:
    return message_hold.begin("We restored the copy of noon.")


def let_go(drain: Drain, early: Early = Early.GO) -> int | None:
    known = message_hold.current()
    assert known
    cancelled = held_messages.let_go(known, None, early)
    drain()
    return cancelled


def fates(**which: str) -> list[tuple[str, str, int]]:
    rows = Delivery.objects.filter(**which).order_by("pk")
    return [(row.state, row.reason_code, row.attempts_made) for row in rows]


@pytest.fixture
def all_sorts(ann: Advocate, sandbox: Sandbox, drain: Drain) -> OptIn:
    """Ann has joined; by Klaviyo Ben is invited, by Sorae Cid, and Kari wants the newsletter."""
    drain()
    choose_newsletter(sandbox)
    let_invite(ann, Program.Inviter.KLAVIYO)
    lifecycle.invite(ann, BEN)
    let_invite(ann, Program.Inviter.SORAE)
    lifecycle.invite(ann, CID)
    return say_yes(KARI)


def test_whatever_goes_to_people_waits_and_then_goes_at_once(
    all_sorts: OptIn, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    hold()
    worker.sweep()
    drain()
    drain()
    assert metrics(sandbox, BEN) == []
    assert mailed() == []
    assert jobs(sandbox) == 0
    assert fates(reason_code="messages_held") == [(State.QUEUED, "messages_held", 0)] * 3
    assert let_go(drain) == 0
    assert metrics(sandbox, BEN) == [RECEIVED]
    assert mailed() == [CID]
    assert jobs(sandbox) == 1
    assert message_hold.current() is None


def test_klaviyo_is_asked_about_nobody_meanwhile_and_no_worker_is_busy_with_it(
    all_sorts: OptIn, sandbox: Sandbox, drain: Drain
) -> None:
    hold()
    worker.sweep()
    drain()  # what else there is
    before = Attempt.objects.count()
    assert outbox.connections_with_work() == []
    drain()
    assert Attempt.objects.count() == before
    assert held_messages.explain() == 0


def test_facts_and_noes_and_erasures_flow(all_sorts: OptIn, sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    hold()
    lifecycle.convert(ann, order_id="1001", friend_email="ben@example.com", total="49.90", currency="EUR")
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    no = say_no(BEN, "everything")
    drain()
    assert "Sorae Conversion" in metrics(sandbox, ann.email)
    assert fate(no)[0] == State.ACCEPTED
    assert fates(kind="event", subject=BEN)[0][:2] in [(State.CANCELLED, "opted_out"), (State.SKIPPED, "opted_out")]
    lifecycle.erase(CID)
    assert let_go(drain) == 0
    assert metrics(sandbox, BEN) == []
    assert mailed() == []


@pytest.mark.parametrize("inviter", Program.Inviter)
def test_a_hold_that_comes_while_a_message_is_in_hand_is_seen_at_the_last_look(
    inviter: str, ann: Advocate, sandbox: Sandbox, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    let_invite(ann, inviter)
    invite, look = lifecycle.invite(ann, BEN), gate.last_look

    def held_in_time(*asked: object) -> None:
        hold()
        look(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(gate, "last_look", held_in_time)
    drain()
    assert (metrics(sandbox, BEN), mailed()) == ([], [])
    assert fates(source=str(invite.uid)) == [(*HELD, 0)]
    monkeypatch.setattr(gate, "last_look", look)
    let_go(drain)
    assert len(metrics(sandbox, BEN)) + len(mailed()) == 1


def test_an_opt_in_in_hand_is_called_off_as_well(
    ann: Advocate, sandbox: Sandbox, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    choose_newsletter(sandbox)
    yes, look = say_yes(), subscribe._last_look

    def held_in_time(*asked: object) -> None:
        hold()
        look(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(subscribe, "_last_look", held_in_time)
    drain()
    assert (fate(yes), jobs(sandbox)) == (HELD, 0)


def test_what_a_worker_has_claimed_already_is_given_back(all_sorts: OptIn, sandbox: Sandbox, drain: Drain) -> None:
    connection = StoreSetting.objects.get().connection
    batch = outbox.claim(connection)
    hold()
    worker.deliver(connection, batch)
    assert fates(reason_code="messages_held") == [(State.QUEUED, "messages_held", 0)] * 3
    make_due()
    let_go(drain)
    assert (metrics(sandbox, BEN), mailed(), jobs(sandbox)) == ([RECEIVED], [CID], 1)


def test_early_ones_may_be_cancelled_and_what_came_later_goes(
    all_sorts: OptIn, ann: Advocate, sandbox: Sandbox, drain: Drain
) -> None:
    known = hold()
    lifecycle.invite(ann, "dan@friends.test")
    known.refresh_from_db()
    assert [(one.kind, one.early, one.all) for one in held_messages.counts(known)] == [
        ("email", 1, 2),
        ("event", 1, 1),
        ("subscribe", 1, 1),
    ]
    assert let_go(drain, Early.CANCEL_MAIL) == 1
    assert mailed() == ["dan@friends.test"]
    assert metrics(sandbox, BEN) == [RECEIVED]
    assert [row[:2] for row in fates(kind="email", subject=CID)] == [(State.CANCELLED, "operator")]


def test_what_was_made_after_workers_last_worked_cannot_have_gone(all_sorts: OptIn, sandbox: Sandbox) -> None:
    known = hold()
    known.lost_until = timezone.now() - timedelta(hours=1)
    assert {one.early for one in held_messages.counts(known)} == {0}


def test_all_early_ones_may_be_cancelled(all_sorts: OptIn, sandbox: Sandbox, drain: Drain) -> None:
    hold()
    assert let_go(drain, Early.CANCEL_ALL) == 3
    assert (metrics(sandbox, BEN), mailed(), jobs(sandbox)) == ([], [], 0)


def test_what_is_not_due_yet_goes_no_sooner_for_it(ann: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    drain()
    let_invite(ann, Program.Inviter.SORAE)
    lifecycle.invite(ann, BEN)
    Delivery.objects.filter(kind="email").update(next_try_at=F("next_try_at") + timedelta(hours=1))
    hold()
    worker.sweep()
    let_go(drain)
    assert (mailed(), fates(kind="email")) == ([], [(State.QUEUED, "", 0)])


def test_only_one_of_two_operators_lets_them_go(all_sorts: OptIn) -> None:
    known = hold()
    assert held_messages.let_go(known, None) == 0
    assert held_messages.let_go(known, None, Early.CANCEL_ALL) is None
    assert not Delivery.objects.filter(state=State.CANCELLED).exists()


def test_the_commands_do_it(
    all_sorts: OptIn, drain: Drain, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("release_messages")
    assert "No messages are held." in capsys.readouterr().out
    call_command("hold_messages", because="We restored the copy of noon.")
    assert "Messages to people are held; 3 wait." in capsys.readouterr().out
    drain()
    assert mailed() == []
    settings.HOLD_MESSAGES = True
    with pytest.raises(CommandError, match="HOLD_MESSAGES"):
        call_command("release_messages")
    settings.HOLD_MESSAGES = False
    call_command("release_messages", cancel_early="email")
    assert "Released: 2; cancelled: 1." in capsys.readouterr().out
    drain()
    assert mailed() == []


def test_what_a_restored_database_makes_again_has_the_same_id(ann: Advocate, drain: Drain) -> None:
    """A reminder and a visit that the copy lacks are made anew; Klaviyo drops an event whose id it knows."""
    invite, then = invited_days_ago(ann, drain), timezone.now()
    first = (lifecycle.remind(invite, 1).uid, lifecycle.visit(ann, visitor="abc", occurred_at=then).uid)
    Reminder.objects.all().delete()
    Visit.objects.all().delete()
    again = (lifecycle.remind(invite, 1).uid, lifecycle.visit(ann, visitor="abc", occurred_at=then).uid)
    assert first == again
    assert lifecycle.remind(invite, 2).uid not in again
