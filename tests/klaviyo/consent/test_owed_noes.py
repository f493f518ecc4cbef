"""A person's no is state: every account takes it before anybody can reach the person there, whatever operators do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.outbox import retention, retrying
from klaviyo import tasks
from klaviyo.api import privacy
from klaviyo.api.client import Client
from klaviyo.consent import owed_noes
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle, signals
from referrals.models import Advocate, OptOut, Store, Suppression
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import UNSUBSCRIBE, choose_newsletter, fate, say_no, say_yes
from tests.klaviyo.story import BEN, TEA, State, choose_list, fjord, known, make_due, metrics

OTHER = "Qk7LmA"
HOUR = timedelta(hours=1)

Sent = Callable[[], list[Exchange]]


def put(sandbox: Sandbox, account: str = TEA, **told: Any) -> None:
    sandbox.put_profiles(account, [SeedProfile(email=BEN, **{"consent": "SUBSCRIBED"} | told)])


def live_on(drain: Drain) -> None:
    """What beat and workers do in the next minute."""
    for _ in range(3):
        tasks.tell_noes()
        drain()
        make_due()


def is_reachable(sandbox: Sandbox, account: str = TEA) -> bool:
    profile = sandbox.profile(account, BEN)
    return profile is not None and profile.can_receive


def buy(ann: Advocate, order: str = "1", email: str = BEN, **more: Any) -> None:
    lifecycle.convert(ann, order_id=order, friend_email=email, total="20", currency="EUR", **more)


def about_ben(exchanges: list[Exchange]) -> list[str | None]:
    """What Klaviyo was asked to do about him, in order."""
    return [exchange.operation for exchange in exchanges if f'"{BEN}"'.encode() in exchange.body]


def switch(setting: StoreSetting, *, on: bool) -> None:
    setting.is_enabled = on
    setting.save()


def part(setting: StoreSetting) -> None:
    setting.delete()


def join(setting: StoreSetting) -> StoreSetting:
    return StoreSetting.objects.create(
        store=setting.store, connection=setting.connection, behaviour=StoreSetting.Behaviour.CREATE
    )


# --- Whatever an operator does ----------------------------------------------------------------------


def test_a_disconnect_that_cancels_what_waits_cancels_nobodys_no(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, browser_of_the_operator: Browser, drain: Drain
) -> None:
    put(sandbox)
    drain()
    buy(ann)
    no = say_no(scope="everything")
    answer = browser_of_the_operator.post(
        reverse("integrations:disconnect", args=[setting.connection_id]), {"waiting": "cancel"}, follow=True
    )
    assert "own no or erasure is not cancelled" in answer.content.decode()
    assert fate(no) == (State.HELD, "disconnected")
    assert Delivery.objects.filter(kind="event", state=State.CANCELLED).exists()


def test_a_no_goes_though_the_settings_are_off(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    put(sandbox)
    switch(setting, on=False)
    no = say_no(scope="everything")
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert not is_reachable(sandbox)


def test_a_no_that_waits_while_the_settings_are_switched_off_and_on_goes(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    put(sandbox)
    no = say_no(scope="everything")
    switch(setting, on=False)
    switch(setting, on=True)
    drain()
    assert fate(no) == (State.ACCEPTED, "")


def test_a_no_that_waits_goes_to_an_account_that_the_store_has_parted_from(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    put(sandbox)
    no = say_no(scope="everything")
    part(setting)
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert not is_reachable(sandbox)


def test_a_no_that_waits_while_the_store_is_parted_and_joined_again_goes(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    list_id = choose_newsletter(sandbox)
    put(sandbox, lists=[list_id])
    no = say_no()
    part(setting)
    drain()
    assert known(sandbox, BEN).lists == (list_id,)  # no list is known, so nothing narrower than all could be ended
    join(setting)
    choose_newsletter(sandbox)
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    assert known(sandbox, BEN).lists == ()


@pytest.mark.parametrize("scope", ["everything", "invites", "newsletter"])
def test_a_no_said_while_the_store_is_parted_is_told_when_it_joins(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain, scope: str
) -> None:
    list_id = choose_newsletter(sandbox)
    put(sandbox, lists=[list_id])
    part(setting)
    no = say_no(scope=scope)
    live_on(drain)
    assert not Delivery.objects.exists()
    join(setting)
    choose_newsletter(sandbox)
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    assert (list_id not in known(sandbox, BEN).lists) or not is_reachable(sandbox)


def test_a_further_account_is_told_of_earlier_noes(
    sandbox: Sandbox, setting: StoreSetting, second_connection: Connection, drain: Drain
) -> None:
    put(sandbox)
    put(sandbox, OTHER)
    say_no(scope="everything", ago=HOUR)
    drain()
    assert is_reachable(sandbox, OTHER)
    StoreSetting.objects.create(store=setting.store, connection=second_connection)
    live_on(drain)
    assert not is_reachable(sandbox, OTHER)
    assert len(sandbox.requests(UNSUBSCRIBE)) == 2


def test_a_no_of_thousands_before_is_told_however_often_the_walk_is_cut_off(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owed_noes, "AT_ONCE", 2)
    part(setting)
    people = [f"friend{number}@friends.test" for number in range(7)]
    for email in people:
        say_no(email, scope="everything")
    joined = join(setting)
    assert owed_noes.tell_next(joined)  # and the worker dies
    tasks.tell_noes()
    assert set(Delivery.objects.values_list("subject", flat=True)) == set(people)
    joined.refresh_from_db()
    assert joined.noes_told_at
    assert not owed_noes.due_settings().exists()


def test_a_yes_that_is_proved_and_later_leaves_nothing_to_be_told(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    put(sandbox)
    part(setting)
    say_no(scope="everything", ago=HOUR)
    say_yes()
    join(setting)
    live_on(drain)
    assert is_reachable(sandbox)
    assert sandbox.requests(UNSUBSCRIBE) == []


def test_a_no_that_was_cancelled_by_an_earlier_version_is_told(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    put(sandbox)
    no = say_no(scope="everything")
    Delivery.objects.update(state=State.CANCELLED, reason_code="operator", subject="", settled_at=timezone.now())
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    assert not is_reachable(sandbox)


def test_a_no_is_never_given_up(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    put(sandbox)
    no = say_no(scope="everything")
    sandbox.fault(UNSUBSCRIBE, "500", count=100)
    for _ in range(14):
        drain()
        make_due()
    assert fate(no)[0] == State.QUEUED
    sandbox.clear_faults()
    make_due()
    drain()
    assert fate(no) == (State.ACCEPTED, "")


# --- Whom Klaviyo does not know yet -------------------------------------------------------------------


@pytest.mark.parametrize("bulk_from", [1_000, 1])
def test_whom_we_make_known_to_klaviyo_arrives_there_with_their_no(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, settings: Any, bulk_from: int
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    no = say_no(scope="everything")
    drain()
    assert fate(no) == (State.SKIPPED, "not_at_klaviyo")
    assert sandbox.profile(TEA, BEN) is None
    buy(ann)
    live_on(drain)
    assert "Sorae Referred Purchase" in metrics(sandbox, BEN)
    assert not is_reachable(sandbox)
    asked = about_ben(sent())
    assert asked.index(UNSUBSCRIBE) < asked.index("create_or_update_profile")


@pytest.mark.parametrize("bulk_from", [1_000, 1])
def test_an_advocate_who_said_no_arrives_with_it_and_joins_no_list(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, settings: Any, bulk_from: int
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    drain()
    choose_list(sandbox)
    say_no(scope="everything")
    drain()
    lifecycle.join(ann.program, BEN, first_name="Ben")
    live_on(drain)
    assert known(sandbox, BEN).properties["sorae_referral_code"]
    assert (is_reachable(sandbox), known(sandbox, BEN).lists) == (False, ())


def test_a_klaviyo_that_keeps_no_no_of_strangers_is_told_again_when_there_is_a_profile(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    """Whether an unsubscribe of an unknown address makes a profile is not published."""
    say_no(scope="everything")
    drain()
    buy(ann)
    drain()
    put(sandbox, consent="NEVER_SUBSCRIBED")
    assert is_reachable(sandbox)
    live_on(drain)
    assert not is_reachable(sandbox)


def test_whoever_was_deleted_there_arrives_with_their_no_again(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    """And a Klaviyo that keeps no no of strangers is told again, though it has taken this one before."""
    put(sandbox)
    no = say_no(scope="everything")
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    privacy.request_deletion(Client(setting.connection), BEN, [])
    assert sandbox.profile(TEA, BEN) is None
    buy(ann)
    drain()
    put(sandbox, consent="NEVER_SUBSCRIBED")
    live_on(drain)
    assert not is_reachable(sandbox)


def test_a_no_of_before_an_erasure_stands_when_the_person_is_back(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    """Klaviyo has deleted them, and their no with them."""
    put(sandbox)
    say_no(scope="everything")
    live_on(drain)
    lifecycle.erase(BEN)
    privacy.request_deletion(Client(setting.connection), BEN, [])
    assert sandbox.profile(TEA, BEN) is None
    buy(ann)
    live_on(drain)
    assert metrics(sandbox, BEN)
    assert not is_reachable(sandbox)


def test_a_no_of_before_an_erasure_is_told_where_somebody_else_made_the_person_known_again(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    put(sandbox)
    say_no(scope="everything")
    live_on(drain)
    lifecycle.erase(BEN)
    privacy.request_deletion(Client(setting.connection), BEN, [])
    put(sandbox, consent="NEVER_SUBSCRIBED")
    buy(ann)
    live_on(drain)
    assert not is_reachable(sandbox)


def test_a_no_that_was_told_long_ago_is_told_once(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    """The record of it names nobody any more, and the account knows what the person has said there since."""
    put(sandbox)
    no = say_no(scope="everything")
    live_on(drain)
    Delivery.objects.update(settled_at=timezone.now() - 1_000 * 24 * HOUR)
    retention.forget()
    assert Delivery.objects.get(source=str(no.uid)).subject == ""
    sandbox.flip(TEA, BEN, "subscribed")
    buy(ann)
    live_on(drain)
    assert "Sorae Referred Purchase" in metrics(sandbox, BEN)
    assert is_reachable(sandbox)
    assert len(sandbox.requests(UNSUBSCRIBE)) == 1


def test_whoever_is_erased_while_their_no_is_read_is_named_no_more(sandbox: Sandbox, setting: StoreSetting) -> None:
    part(setting)
    no = say_no(scope="everything")
    setting = join(setting)
    lifecycle.erase(BEN)
    owed_noes.tell_again(setting.connection, [no])  # as it was read before
    assert not Delivery.objects.exclude(subject="").exists()


def test_a_no_of_before_an_erasure_is_told_of_who_is_only_rewarded(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    put(sandbox)
    say_no(scope="everything")
    live_on(drain)
    lifecycle.erase(BEN)
    privacy.request_deletion(Client(setting.connection), BEN, [])
    put(sandbox, consent="NEVER_SUBSCRIBED")
    lifecycle.reward(ann, kind="discount", amount="5", currency="EUR", recipient="friend", recipient_email=BEN)
    live_on(drain)
    assert not is_reachable(sandbox)
    assert metrics(sandbox, BEN) == ["Sorae Reward Issued"]


def test_whom_somebody_else_made_known_is_not_told_of_before_their_no(
    sent: Sent, sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    drain()
    no = say_no(scope="everything")
    drain()
    put(sandbox, consent="NEVER_SUBSCRIBED")
    buy(ann)
    drain()
    event = Delivery.objects.get(subject=BEN, kind="event")
    assert (event.state, event.reason_code) in ((State.QUEUED, "no_first"), (State.ACCEPTED, ""))
    live_on(drain)
    assert fate(no) == (State.ACCEPTED, "")
    assert not is_reachable(sandbox)
    event.refresh_from_db()
    assert event.state == State.ACCEPTED
    assert about_ben(sent())[-2:] == [UNSUBSCRIBE, "create_event"]


def test_an_account_of_two_stores_is_told_before_the_other_store_makes_the_profile(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    program = fjord(setting.connection)
    say_no(scope="everything")
    drain()
    kari = lifecycle.join(program, "kari@oslo.test")
    buy(kari)
    live_on(drain)
    assert metrics(sandbox, BEN)
    assert not is_reachable(sandbox)


def test_who_complained_of_our_mail_is_unsubscribed_at_each_account(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    put(sandbox)
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED, setting.store)
    drain()
    assert not is_reachable(sandbox)


def test_who_complains_after_an_erasure_is_unsubscribed(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED, setting.store)
    lifecycle.erase(BEN)
    put(sandbox)
    lifecycle.suppress(BEN, Suppression.Reason.COMPLAINED, setting.store)
    live_on(drain)
    assert not is_reachable(sandbox)


# --- However it is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        '"ben"@friends.test',
        "ben@friends.test\u200b",
        " BEN@Friends.test",
        "ben\0@friends.test",
        "b" * 60 + "@" + "f" * 60 + ".test",
    ],
)
def test_a_hosts_own_no_is_taken_in_however_it_is_written(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, written: str
) -> None:
    no = OptOut(store=setting.store, email=written, scope="everything", place="the host")
    if len(written) <= 100 and "\0" not in written:
        no.save()
    signals.opted_out.send(sender=OptOut, opt_out=no)
    [delivery] = Delivery.objects.filter(kind="unsubscribe")
    drain()
    delivery.refresh_from_db()
    listed = Suppression.objects.get()
    assert (listed.store, listed.reason) == (setting.store, "unsubscribed")
    if "ben" in written.lower():
        lifecycle.invite(ann, BEN)
        drain()
        assert metrics(sandbox, BEN) == []
    assert delivery.state in (State.FAILED, State.SKIPPED)
    assert delivery.reason_code in ("malformed_email", "not_at_klaviyo")


def test_who_says_no_again_after_a_yes_at_klaviyo_is_unsubscribed_again(
    sandbox: Sandbox, setting: StoreSetting, drain: Drain
) -> None:
    """They subscribed by a form of Klaviyo's own meanwhile, and that took our earlier no back there."""
    put(sandbox)
    say_no(scope="everything", ago=timedelta(days=1))
    drain()
    assert not is_reachable(sandbox)
    sandbox.flip(TEA, BEN, "subscribed")
    assert is_reachable(sandbox)
    say_no(scope="everything")
    drain()
    assert not is_reachable(sandbox)


# --- Parted and joined again: everything else ---------------------------------------------------------


def test_what_waited_goes_after_a_part_and_a_join(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    buy(ann)
    part(setting)
    join(setting)
    drain()
    assert {row.state for row in Delivery.objects.all()} == {State.ACCEPTED}


def test_what_was_skipped_while_the_store_was_parted_goes_when_it_joins_again(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    buy(ann)
    part(setting)
    drain()
    assert {row.reason_code for row in Delivery.objects.all()} == {"sync_off"}
    join(setting)
    live_on(drain)
    assert {row.state for row in Delivery.objects.all()} == {State.ACCEPTED}
    assert "Sorae Referred Purchase" in metrics(sandbox, BEN)


def test_what_was_skipped_of_somebody_who_was_erased_says_so_and_does_not_wait_for_a_join(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    buy(ann)
    part(setting)
    drain()
    lifecycle.erase(BEN)
    join(setting)
    live_on(drain)
    theirs = Delivery.objects.filter(options__metric="referred_purchase")
    assert [(row.state, row.reason_code) for row in theirs] == [(State.CANCELLED, "erased")]
    assert sandbox.profile(TEA, BEN) is None


def test_a_retry_heals_what_went_by_a_setting_that_is_gone(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    """Rows of before say the setting's id only."""
    buy(ann)
    for row in Delivery.objects.all():
        row.options = {**{k: v for k, v in row.options.items() if k != "store"}, "sync": setting.pk}
        row.save()
    part(setting)
    join(setting)
    drain()
    retrying.again(Delivery.objects.all())
    drain()
    assert {row.state for row in Delivery.objects.all()} == {State.ACCEPTED}


def test_another_stores_setting_at_the_account_is_not_taken_for_it(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    fjord(setting.connection)
    buy(ann)
    part(setting)
    drain()
    assert {row.reason_code for row in Delivery.objects.all()} == {"sync_off"}
    assert Store.objects.count() == 2


def test_a_reminder_knows_its_invite_after_a_part_and_a_join(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    drain()
    invite = lifecycle.invite(ann, BEN)
    drain()
    part(setting)
    StoreSetting.objects.filter(pk=join(setting).pk).update(reminder_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    lifecycle.remind(invite, 1)
    drain()
    assert metrics(sandbox, BEN) == ["Sorae Invite Received", "Sorae Invite Reminder"]
