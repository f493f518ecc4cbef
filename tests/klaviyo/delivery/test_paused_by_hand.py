"""An account that an operator has paused: all that Sorae sends waits, noes and erasures go, and nothing is lost."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from integrations import outbox, pauses
from integrations.models import Connection, Delivery, Lease, Pause
from integrations.pauses import by_hand
from integrations.workers import worker
from klaviyo.actions import task
from klaviyo.actions.run import run
from klaviyo.api.client import Client
from klaviyo.delivery import profiles
from klaviyo.delivery.erasure import erase
from klaviyo.imports import backfill
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Connect, Drain
from tests.klaviyo.newsletter_cast import choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.sending_cast import let_invite, mailed
from tests.klaviyo.story import BEN, CID, KARI, TEA, State, make_due, metrics

CHANGES = ("POST", "PATCH", "DELETE")


@pytest.fixture
def pause(ann: Advocate, browser_of_the_operator: Browser, sandbox: Sandbox, drain: Drain) -> str:
    """Ann is at Klaviyo; the address under which her account is paused, which it is now, by a double click."""
    drain()
    choose_newsletter(sandbox)
    page = f"/admin/integrations/{StoreSetting.objects.get().connection_id}/"
    for _ in range(2):
        assert browser_of_the_operator.post(f"{page}pause").status_code == 302
    return page


def waiting() -> int:
    return Delivery.objects.filter(state=State.QUEUED).count()


def test_all_sorts_wait_and_go_once_it_is_resumed(
    pause: str, ann: Advocate, browser_of_the_operator: Browser, sandbox: Sandbox, drain: Drain
) -> None:
    said = len(sandbox.requests())
    let_invite(ann, Program.Inviter.KLAVIYO)
    lifecycle.invite(ann, BEN)
    let_invite(ann, Program.Inviter.SORAE)
    lifecycle.invite(ann, CID)
    say_yes(KARI)
    lifecycle.convert(ann, order_id="1001", friend_email="dan@friends.test", total="49.90", currency="EUR")
    for _ in range(2):
        worker.sweep()
        drain()
        make_due()
    assert len(sandbox.requests()) == said, "Klaviyo is not even asked about anybody"
    assert (mailed(), waiting(), Delivery.objects.filter(attempts_made=0, state=State.QUEUED).count()) == ([], 6, 6)
    for _ in range(2):
        browser_of_the_operator.post(f"{pause}resume")
    drain()
    make_due()
    drain()
    assert waiting() == 0
    assert "Sorae Invite Received" in metrics(sandbox, BEN)
    assert (mailed(), jobs(sandbox)) == ([CID], 1)
    assert metrics(sandbox, "dan@friends.test") == ["Sorae Referred Purchase"]


def test_a_persons_own_acts_go(pause: str, ann: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    no = say_no(BEN, "everything")
    erase.erase(ann.email, None)
    assert outbox.connections_with_work() == [StoreSetting.objects.get().connection_id]
    drain()
    assert fate(no)[0] == State.ACCEPTED
    assert sandbox.requests("request_profile_deletion")


@pytest.mark.parametrize("in_bulk", [False, True])
def test_what_is_claimed_already_is_given_back_untried(
    in_bulk: bool, ann: Advocate, sandbox: Sandbox, drain: Drain, operator: User
) -> None:
    connection = StoreSetting.objects.get().connection
    batch = outbox.claim(connection)
    before = sandbox.requests("create_event") + sandbox.requests("create_or_update_profile")
    by_hand.begin(connection, operator)
    if in_bulk:
        profiles.deliver(connection, [one for one in batch if one.kind == "profile"])
        assert not sandbox.requests("bulk_import_profiles")
    else:
        worker.deliver(connection, batch)
    assert sandbox.requests("create_event") + sandbox.requests("create_or_update_profile") == before
    told = Delivery.objects.filter(reason_code="paused")
    assert set(told.values_list("state", "attempts_made")) == {(State.QUEUED, 0)}
    by_hand.end(connection)
    Lease.objects.update(until=timezone.now())
    outbox.give_back_expired()
    make_due()
    drain()
    assert "Sorae Advocate Started" in metrics(sandbox, ann.email)


def test_actions_that_change_something_are_refused_and_others_not(
    pause: str, setting: StoreSetting, sandbox: Sandbox
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    changes = len([one for one in sandbox.requests() if one.method in CHANGES])
    outcome = run("create_list", setting.connection, list_name="VIP")
    assert (outcome.outcome, outcome.errors[0].code) == ("error", "paused")
    assert "Paused by" in outcome.reason
    raw = run("raw_request", setting.connection, method="POST", url="/api/lists", data={})
    assert raw.errors[0].code == "paused"
    assert len([one for one in sandbox.requests() if one.method in CHANGES]) == changes
    assert run("get_profiles", setting.connection, email=BEN).outcome == "success"
    assert run("unsubscribe_profiles", setting.connection, profiles=[{"email": BEN}]).outcome == "success"


def test_samples_and_backfills_wait(
    pause: str, setting: StoreSetting, browser_of_the_operator: Browser, sandbox: Sandbox
) -> None:
    page = f"/admin/klaviyo/accounts/{setting.connection_id}/samples"
    answer = browser_of_the_operator.post(page, {"email": "me@teahouse.example", "once": "a form"})
    assert (answer.status_code, b"once somebody has resumed" in answer.content) == (400, True)
    walk = backfill.begin(setting)
    assert not backfill.step(walk.pk)
    walk.refresh_from_db()
    assert "resumes the account" in walk.problem
    by_hand.end(setting.connection)
    assert backfill.step(walk.pk)


def test_trouble_begins_and_ends_without_touching_it(pause: str, setting: StoreSetting) -> None:
    pauses.trouble(setting.connection, "", pauses.NOT_ANSWERING, "Away.", most=timedelta(hours=1))
    pauses.forget_old()
    Pause.objects.filter(kind="").delete()
    assert by_hand.of(setting.connection)


def test_the_pages_say_who_and_when(
    pause: str, setting: StoreSetting, ann: Advocate, browser_of_the_operator: Browser
) -> None:
    lifecycle.invite(ann, BEN)
    row = Delivery.objects.filter(state=State.QUEUED).latest("pk")
    for page, words in (
        (pause, "Paused by operator."),
        ("/admin/integrations/", "1 paused"),
        ("/admin/integrations/klaviyo/", "Paused by operator."),
        ("/admin/", "paused"),
        (f"/admin/integrations/deliveries/{row.pk}/", "It waits until somebody resumes it"),
        ("/admin/integrations/activity/", "Paused."),
    ):
        assert words in browser_of_the_operator.get(page).content.decode(), page
    seen = browser_of_the_operator.post("/admin/klaviyo/people/preview", {"email": ann.email}, follow=True)
    assert "What would go waits until somebody resumes" in seen.content.decode()


def test_it_outlives_a_reconnect(pause: str, connection: Connection, ann: Advocate, drain: Drain) -> None:
    Connection.objects.update(state="reconnect")
    lifecycle.invite(ann, BEN)
    outbox.hold_strays()
    Connection.objects.update(state="connected")
    outbox.release(connection)
    drain()
    assert waiting()
    assert not pauses.of(connection).resting.isdisjoint({"event", "profile"})
    assert "unsubscribe" not in pauses.of(connection).resting


@pytest.mark.parametrize(("name", "goes"), [("create_list", False), ("unsubscribe_profiles", True)])
def test_an_action_that_waits_for_its_turn_when_the_account_is_paused_is_refused_all_the_same(
    name: str, goes: bool, setting: StoreSetting, sandbox: Sandbox, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN)])
    take_turn = Client._take_turn

    def late(client: Client, asked: Any) -> None:
        if asked.operation.method in CHANGES:
            by_hand.begin(setting.connection, operator)
            time.sleep(task.OBEYED_FOR)
        take_turn(client, asked)

    monkeypatch.setattr(task, "OBEYED_FOR", 0.01)
    monkeypatch.setattr(Client, "_take_turn", late)
    given: dict[str, Any] = {"profiles": [{"email": BEN}]} if goes else {"list_name": "VIP"}
    outcome = run(name, setting.connection, **given)
    assert outcome.outcome == ("success" if goes else "error")
    assert [error.code for error in outcome.errors] == ([] if goes else ["paused"])
    assert bool([one for one in sandbox.requests() if one.method in CHANGES and "oauth" not in one.path]) is goes


def test_it_goes_along_when_another_account_takes_the_place_of_this_one(
    pause: str, ann: Advocate, browser_of_the_operator: Browser, drain: Drain, connect: Connect
) -> None:
    let_invite(ann, Program.Inviter.SORAE)
    lifecycle.invite(ann, CID)
    old = StoreSetting.objects.get().connection
    connect(account="Qk7LmA", start=f"/admin/integrations/{old.pk}/reconnect")
    other = Connection.objects.exclude(pk=old.pk).get()
    browser_of_the_operator.post(f"/admin/integrations/{other.pk}/decide", {"choice": "replace"})
    assert StoreSetting.objects.get().connection_id == other.pk
    drain()
    assert mailed() == [], "what Sorae mails itself goes by the new account, once somebody resumes it"
    page = browser_of_the_operator.get(f"/admin/integrations/{other.pk}/").content.decode()
    assert "Paused by operator." in page
    browser_of_the_operator.post(f"/admin/integrations/{other.pk}/resume")
    drain()
    assert mailed() == [CID]
