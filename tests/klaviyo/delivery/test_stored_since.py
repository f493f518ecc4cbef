"""What happens between *Allow* and the join of a store reaches the account once it is joined, once each."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo import tasks
from klaviyo.delivery import stored_since
from klaviyo.mapping.events import Event
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, reminders
from referrals.models import Advocate, Invite, OptIn, Program, Reminder, Reward, Visit
from tests.conftest import TEA_HOUSE_LTD, Drain
from tests.klaviyo.sending_cast import EITHER_WAY, REMINDER, flows, got, invited_days_ago, let_invite
from tests.klaviyo.story import BEN, make_due


def join(connection: Connection, program: Program) -> StoreSetting:
    assert connection.connected_at
    setting = StoreSetting(
        store=program.store,
        connection=connection,
        behaviour=StoreSetting.Behaviour.CREATE,
        newsletter_list_id="TeaNews",
    )
    stored_since.tell(setting, connection.connected_at)
    setting.save()
    return setting


def a_story(program: Program) -> Advocate:
    """Of each kind of fact one."""
    ann = lifecycle.join(program, "ann@example.com", first_name="Ann")
    lifecycle.invite(ann, "dan@example.com")
    lifecycle.visit(ann, visitor="v1", landing_page="https://teahouse.example/")
    lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    reward = lifecycle.reward(ann, kind=Reward.Kind.CREDIT, amount="5.00", currency="EUR")
    lifecycle.reverse(reward, Reward.Reason.FRAUD)
    lifecycle.opt_in(
        program.store, "cid@example.com", wording="Yes, please.", place="checkout", proof=OptIn.Proof.SIGNED_IN
    )
    return ann


def walk(drain: Drain) -> None:
    for _ in range(2):
        tasks.tell_noes()
        drain()
        make_due()


def metrics(sandbox: Sandbox) -> list[str]:
    return sorted(event.metric for event in sandbox.events(TEA_HOUSE_LTD))


def test_each_kind_of_fact_arrives_once(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    a_story(spring)
    assert not Delivery.objects.exists()
    join(connection, spring)
    walk(drain)
    found = metrics(sandbox)
    assert "Sorae Advocate Started" in found
    assert {"Sorae Referred Visit", "Sorae Conversion", "Sorae Referred Purchase"} <= set(found)
    assert {"Sorae Reward Issued", "Sorae Reward Reversed", "Sorae Invite Received"} <= set(found)
    assert Delivery.objects.filter(kind="subscribe").count() == 1
    StoreSetting.objects.update(facts_due_at=None)
    walk(drain)
    assert metrics(sandbox) == found
    assert Delivery.objects.filter(kind="subscribe").count() == 1
    assert StoreSetting.objects.get().facts_since is None


def test_what_a_slow_transaction_stores_after_the_first_look_is_found_at_the_second(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    ann = lifecycle.join(spring, "ann@example.com")
    setting = join(connection, spring)
    walk(drain)
    Visit.objects.create(advocate=ann, visitor="v2", landing_page="https://teahouse.example/")  # no signal: it saw none
    tasks.tell_noes()
    drain()
    assert "Sorae Referred Visit" not in metrics(sandbox)
    setting.refresh_from_db()
    assert setting.facts_due_at is not None
    assert setting.facts_due_at > timezone.now() + timedelta(minutes=5)
    StoreSetting.objects.update(facts_due_at=timezone.now())
    walk(drain)
    assert metrics(sandbox).count("Sorae Referred Visit") == 1


def test_what_is_older_than_the_consent_stays_untold(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    ann = a_story(spring)
    for model in (Advocate, Visit, Reward):
        model.objects.update(created_at=timezone.now() - timedelta(days=2))
    ann.conversions.update(created_at=timezone.now() - timedelta(days=2))
    ann.rewards.update(reversed_at=timezone.now() - timedelta(days=2))
    ann.invites.update(created_at=timezone.now() - timedelta(days=2), occurred_at=timezone.now() - timedelta(days=8))
    OptIn.objects.update(created_at=timezone.now() - timedelta(days=2))
    join(connection, spring)
    walk(drain)
    assert metrics(sandbox) == []
    assert not Delivery.objects.filter(kind="subscribe").exists()


def test_nobody_who_was_erased_is_told_of(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    a_story(spring)
    lifecycle.erase("ann@example.com")
    join(connection, spring)
    walk(drain)
    assert sandbox.profile(TEA_HOUSE_LTD, "ann@example.com") is None


def test_a_store_that_is_switched_off_waits(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    a_story(spring)
    join(connection, spring)
    StoreSetting.objects.update(is_enabled=False)
    walk(drain)
    assert metrics(sandbox) == []
    setting = StoreSetting.objects.get()
    setting.is_enabled = True
    setting.save()
    walk(drain)
    assert "Sorae Conversion" in metrics(sandbox)


def test_what_people_refer_to_themselves_is_told_to_nobody(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    ann = lifecycle.join(spring, "ann@example.com")
    lifecycle.convert(ann, order_id="1001", friend_email="ann@example.com", total="49.90", currency="EUR")
    join(connection, spring)
    walk(drain)
    assert metrics(sandbox) == ["Sorae Advocate Started"]


def test_an_invite_of_a_slow_transaction_goes_at_the_second_look(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    ann = lifecycle.join(spring, "ann@example.com")
    join(connection, spring)
    walk(drain)
    Invite.objects.create(advocate=ann, recipient_email="dan@example.com")  # no signal: it saw no setting
    walk(drain)
    assert "Sorae Invite Received" not in metrics(sandbox)
    StoreSetting.objects.update(facts_due_at=timezone.now())
    walk(drain)
    assert metrics(sandbox).count("Sorae Invite Received") == 1


def test_who_is_erased_while_the_walk_has_them_in_hand_is_told_of_to_nobody(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    ann = lifecycle.join(spring, "ann@example.com")
    lifecycle.convert(ann, order_id="1001", friend_email="ben@example.com", total="49.90", currency="EUR")
    join(connection, spring)
    asked = iter([False])

    def is_over() -> bool:
        """Asked between reading what there is of a kind, and telling it: first of who joined, then of the order."""
        if next(asked, None) is None:
            lifecycle.erase("ben@example.com")
        return False

    stored_since.go_on(is_over)
    drain()
    assert sandbox.profile(TEA_HOUSE_LTD, "ben@example.com") is None
    assert "ben@example.com" not in str([event.properties for event in sandbox.events(TEA_HOUSE_LTD)])


def test_it_goes_on_from_where_the_time_was_up(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_since, "AT_ONCE", 2)
    for number in range(5):
        lifecycle.join(spring, f"friend-{number}@example.com")
    join(connection, spring)
    for told in (2, 4, 5):
        left = iter([False])
        stored_since.go_on(lambda left=left: next(left, True))  # type: ignore[misc]
        assert Delivery.objects.filter(kind="event").count() == told
    stored_since.go_on(lambda: False)
    drain()
    assert metrics(sandbox) == ["Sorae Advocate Started"] * 5


def test_an_odd_fact_keeps_no_other_from_its_way(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = lifecycle.join(spring, "odd@example.com")
    lifecycle.join(spring, "ann@example.com")
    real = stored_since.KINDS[0].tell

    def unreadable(advocate: Advocate) -> list[Event]:
        if advocate.pk == odd.pk:
            raise ValueError
        return real(advocate)

    monkeypatch.setattr(stored_since, "KINDS", (replace(stored_since.KINDS[0], tell=unreadable),))
    join(connection, spring)
    walk(drain)
    assert metrics(sandbox) == ["Sorae Advocate Started"]


def test_where_the_database_goes_away_nothing_is_passed_over(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.join(spring, "ann@example.com")
    join(connection, spring)
    with monkeypatch.context() as patch:

        def away(*_: object) -> None:
            raise OperationalError

        patch.setattr("integrations.outbox.add", away)
        tasks.tell_noes()
    assert StoreSetting.objects.get().facts_reached == {}
    walk(drain)
    assert metrics(sandbox) == ["Sorae Advocate Started"]


def test_a_yes_that_was_kept_without_its_person_goes_nowhere(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    """Told late, of somebody who was erased since: what stands in the place of their address is no address."""
    lifecycle.erase(BEN)
    said: dict[str, Any] = {"wording": "Yes, please.", "place": "checkout", "proof": OptIn.Proof.SIGNED_IN}
    lifecycle.opt_in(spring.store, BEN, occurred_at=timezone.now() - timedelta(hours=1), **said)
    lifecycle.opt_in(spring.store, "cid@example.com", **said)
    join(connection, spring)
    walk(drain)
    asked = Delivery.objects.filter(kind="subscribe").values_list("subject", flat=True)
    assert list(asked) == ["cid@example.com"]


def test_what_happens_while_the_store_is_off_is_not_told_when_it_is_on_again(
    sandbox: Sandbox, connection: Connection, spring: Program, drain: Drain
) -> None:
    """Nor what the second look would find; what was stored before the join, and after, is told."""
    ann = lifecycle.join(spring, "ann@example.com")
    setting = join(connection, spring)
    for is_enabled in (False, True):
        lifecycle.visit(ann, visitor=f"v{is_enabled}", landing_page=f"https://teahouse.example/{is_enabled}")
        setting.is_enabled = is_enabled
        setting.save()
    lifecycle.visit(ann, visitor="v3", landing_page="https://teahouse.example/on-again")
    walk(drain)
    StoreSetting.objects.update(facts_due_at=timezone.now())
    walk(drain)
    told = sandbox.events(TEA_HOUSE_LTD)
    visited = {event.properties["landing_page"] for event in told if event.metric == "Sorae Referred Visit"}
    assert visited == {"https://teahouse.example/False", "https://teahouse.example/on-again"}
    assert "Sorae Advocate Started" in metrics(sandbox)
    setting.refresh_from_db()
    assert (setting.facts_since, setting.facts_until) == (None, None)


@pytest.fixture
def parted(ann: Advocate, setting: StoreSetting, drain: Drain) -> Invite:
    """Ben's invite went out two days ago; since then the store is joined to no account."""
    invite = invited_days_ago(ann, drain)
    StoreSetting.objects.all().delete()
    return invite


def join_again(connection: Connection, program: Program, drain: Drain) -> None:
    setting = join(connection, program)
    StoreSetting.objects.filter(pk=setting.pk).update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    walk(drain)
    StoreSetting.objects.update(facts_due_at=timezone.now())
    walk(drain)


@EITHER_WAY
def test_a_reminder_that_was_due_before_the_join_goes_once(
    sandbox: Sandbox, ann: Advocate, parted: Invite, drain: Drain, inviter: Program.Inviter
) -> None:
    let_invite(ann, inviter)
    before = got(sandbox, BEN)
    assert reminders.remind_due() == 1
    join_again(Connection.objects.get(), ann.program, drain)
    assert got(sandbox, BEN) == before + 1
    assert Send.objects.filter(kind=Send.Kind.REMINDER).count() == 1


def test_of_several_reminders_of_an_invite_the_latest_goes(
    sandbox: Sandbox, ann: Advocate, parted: Invite, drain: Drain
) -> None:
    for number in (1, 2):
        lifecycle.remind(parted, number)
    join_again(Connection.objects.get(), ann.program, drain)
    assert flows(sandbox, BEN).count(REMINDER) == 1
    assert Send.objects.get(kind=Send.Kind.REMINDER).reminder == parted.reminders.get(number=2)


@pytest.mark.parametrize("change", ["older than the consent", "too late", "came", "said no"])
def test_a_reminder_that_nobody_needs_any_more_stays(
    sandbox: Sandbox, ann: Advocate, parted: Invite, drain: Drain, change: str
) -> None:
    reminder = lifecycle.remind(parted, 1)
    row, days_ago = Reminder.objects.filter(pk=reminder.pk), timezone.now() - timedelta(days=4)
    match change:
        case "older than the consent":
            row.update(created_at=timezone.now() - timedelta(days=1))
        case "too late":
            row.update(occurred_at=days_ago)
        case "came":
            lifecycle.close(parted, Invite.Closing.VISITED)
        case "said no":
            lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="A page")
    join_again(Connection.objects.get(), ann.program, drain)
    assert REMINDER not in flows(sandbox, BEN)
