"""After an upgrade, what the version before had begun goes on: each open delivery ends as it should, nothing twice."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.management import call_command
from django.db.models import F, Min
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations import tasks
from integrations.models import (
    Attempt,
    Connection,
    DatabaseMark,
    Delivery,
    HealthCheck,
    Job,
    Lease,
    MessageHold,
    Pause,
)
from klaviyo import tasks as klaviyo_tasks
from klaviyo.imports import backfill_chunks
from klaviyo.models import AccountLists, Backfill, ConsentWatch, Erasure, Miss, Notice, Reading, Send, StoreSetting
from klaviyo.pages import receipts
from klaviyo.pages.operators import PERMISSIONS
from klaviyo.sandbox import Sandbox
from referrals import person_key
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Program, Store
from tests import budgets, consent_screen
from tests.conftest import Drain
from tests.upgrades import past
from tests.upgrades.conftest import Requests
from tests.upgrades.klaviyo_then import HARBOR, NORDLYS, TEA
from tests.upgrades.past import Fixture

State = Delivery.State
Ends = dict[tuple[str, str], tuple[str, str]]

ACCEPTED = (State.ACCEPTED.value, "")
OTHER_ENDS: Ends = {  # of what waited or was in hand; all else is accepted
    ("event", "invite-no"): (State.SKIPPED, "unsubscribed"),
    ("event", "reminder-no"): (State.SKIPPED, "unsubscribed"),
    ("event", "invite-here"): (State.SKIPPED, "complained"),
    ("event", "invite-notice"): (State.SKIPPED, "opted_out_at_klaviyo"),
    ("email", "email-broken"): (State.FAILED, "outcome_unknown"),
    ("subscribe", "subscribe-unanswered"): (State.FAILED, "outcome_unknown"),
    ("erase", ""): (State.ACCEPTED, "deletion_asked"),  # once it is asked for, nobody knows any more of whom
}
WAIT_AT_FIRST: Ends = {
    ("list", "list-queued"): (State.QUEUED, ""),  # their kind is frozen
    ("list", "list-expired"): (State.QUEUED, ""),
    ("list", "expired"): (State.QUEUED, ""),
    ("erase", "erase-queued"): (State.QUEUED, "imports_first"),
    ("erase", "erase-expired"): (State.QUEUED, "imports_first"),
    ("profile", "imported-1"): (State.SENDING, ""),
    ("profile", "imported-2"): (State.SENDING, ""),
}
ON_THE_WAY = (State.QUEUED, State.SENDING)
ONE_BY_ONE_OR_IN_BULK = pytest.mark.parametrize("bulk_from", [1_000, 1])
MESSAGES_THAT_LEFT = ("invite-taken", "invite-read")  # although no worker lived to say so


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_chunks, "CHUNK", 2)


def rows_of(fixture: Fixture, connection: int, *states: str) -> list[dict[str, Any]]:
    """Deliveries as they were before the upgrade."""
    rows = fixture["rows"]["integrations.delivery"]
    return [row for row in rows if row["connection_id"] == connection and row.get("state", "queued") in states]


def ends(rows: Iterable[dict[str, Any]]) -> Ends:
    """What became of them, by kind and person."""
    now = Delivery.objects.in_bulk([row["id"] for row in rows])
    return {(one.kind, one.subject.partition("@")[0]): (one.state, one.reason_code) for one in now.values()}


def work(drain: Drain) -> None:
    """The sweeps and workers of the next seconds."""
    tasks.sweep()
    tasks.tidy()
    drain()


def end_leases() -> None:
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))


def end_imports(sandbox: Sandbox) -> None:
    sandbox.settings(import_seconds=0)
    while Job.objects.filter(state=Job.State.RUNNING).update(next_look_at=timezone.now() - timedelta(seconds=1)):
        klaviyo_tasks.look_at_imports()


def end_waits() -> None:
    """As if pauses and back-offs were over."""
    Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))


def live_on(drain: Drain, sandbox: Sandbox) -> None:
    """Everything that beat and workers do in the next hours."""
    work(drain)
    end_leases()
    work(drain)
    klaviyo_tasks.heed()
    klaviyo_tasks.backfill()
    end_imports(sandbox)
    for _ in range(3):
        end_waits()
        work(drain)
        end_imports(sandbox)


def test_what_waited_is_delivered_and_what_must_wait_waits(upgraded: Fixture, drain: Drain) -> None:
    open_ones = [row for row in rows_of(upgraded, 1, *ON_THE_WAY) if "running" not in row["subject"]]
    work(drain)
    assert ends(open_ones) == {
        key: (OTHER_ENDS | WAIT_AT_FIRST).get(key, ACCEPTED)
        for key in ((row["kind"], row["subject"].partition("@")[0]) for row in open_ones)
    }


def test_what_a_worker_of_before_has_in_hand_is_its_own_until_its_lease_ends(
    upgraded: Fixture, asked: Requests, drain: Drain
) -> None:
    in_hand = [row for row in rows_of(upgraded, 1, State.SENDING) if "running" in row["subject"]]
    assert {row["kind"] for row in in_hand} == {
        "profile",
        "event",
        "list",
        "email",
        "subscribe",
        "unsubscribe",
        "erase",
    }
    work(drain)
    assert set(ends(in_hand).values()) == {(State.SENDING, "")}
    assert asked.of(about="running") == []
    end_leases()
    work(drain)
    waiting = {"list", "erase"}  # for a frozen kind, and for imports
    assert {kind for (kind, _), end in ends(in_hand).items() if end != ACCEPTED} == waiting


@ONE_BY_ONE_OR_IN_BULK
def test_in_the_end_all_is_told_and_nothing_twice(
    bulk_from: int, settings: Settings, upgraded: Fixture, asked: Requests, sandbox: Sandbox, drain: Drain
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    open_ones = rows_of(upgraded, 1, *ON_THE_WAY)
    live_on(drain, sandbox)
    assert ends(open_ones) == {key: OTHER_ENDS.get(key, ACCEPTED) for key in ends(open_ones)}
    told, left = Counter(asked.events), _ids(upgraded, *MESSAGES_THAT_LEFT)
    over = {_unique_id(row) for row in rows_of(upgraded, 1, *set(State) - {*ON_THE_WAY}) if row["kind"] == "event"}
    assert set(told.values()) == {1}
    assert not told.keys() & (over | left)
    assert Counter(to for message in mail.outbox for to in message.to) == {
        f"email-{name}@friends.test": 1 for name in ("queued", "older", "expired", "running")
    }
    subscribed = ("queued", "expired", "running", "again", "taken", "unanswered", "accepted")
    assert {one: len(asked.of("bulk_subscribe_profiles", about=f"subscribe-{one}@")) for one in subscribed} == {
        **dict.fromkeys(("queued", "expired", "running", "again"), 1),
        **dict.fromkeys(("taken", "unanswered", "accepted"), 0),
    }
    assert len(asked.of("bulk_unsubscribe_profiles", about="unsubscribe-queued@")) == 1
    assert asked.of("bulk_unsubscribe_profiles", about="unsubscribe-taken@") == []


def test_what_was_over_is_left_as_it_was(before: Fixture, sandbox: Sandbox, drain: Drain) -> None:
    over = (State.ACCEPTED, State.CONFIRMED, State.SKIPPED, State.FAILED, State.CANCELLED)
    then = past.models_at(before["migrations"]).get_model("integrations.Delivery")
    columns = [one.attname for one in then._meta.concrete_fields if hasattr(Delivery, one.attname)]
    was = list(then.objects.filter(state__in=over).order_by("pk").values(*columns))
    assert {row["state"] for row in was} == set(over)
    past.upgrade()
    live_on(drain, sandbox)
    same = Delivery.objects.filter(pk__in=[row["id"] for row in was], state__in=over).order_by("pk")
    assert list(same.values(*columns)) == was


@ONE_BY_ONE_OR_IN_BULK
def test_nobody_who_said_no_is_contacted(
    bulk_from: int, settings: Settings, upgraded: Fixture, sandbox: Sandbox, drain: Drain
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    before = {(event.email, event.metric) for event in sandbox.events(TEA)}
    live_on(drain, sandbox)
    klaviyo_tasks.confirm()
    new = {(event.email, event.metric) for event in sandbox.events(TEA)} - before
    noes = ("no", "here", "notice", "skipped", "cancelled", "failed")
    said_no = {f"{what}-{name}@friends.test" for what in ("invite", "reminder", "email") for name in noes}
    assert said_no & {email for email, _ in new} == set()
    assert said_no & {to for message in mail.outbox for to in message.to} == set()
    assert Notice.objects.filter(processed_at=None).count() == 0
    assert _known(sandbox, "unsubscribe-queued").list_suppressions == ("NewLst",)
    assert _known(sandbox, "subscribe-queued").consent == "SUBSCRIBED"


def test_messages_of_before_are_decided_about_and_told_of(upgraded: Fixture, sandbox: Sandbox, drain: Drain) -> None:
    sends = {row["delivery_id"]: row["sync_id"] for row in upgraded["rows"]["klaviyo.send"]}
    assert dict(Send.objects.values_list("delivery_id", "setting_id")) == sends
    live_on(drain, sandbox)
    for name in ("invite-queued", "invite-older", "reminder-older", "email-older", "invite-no"):
        [decision] = Send.objects.get(delivery__subject=f"{name}@friends.test", **_reminder(name)).decisions.all()
        assert decision.is_allowed == (name != "invite-no")
    assert Invite.objects.filter(recipient_email="invite-taken@friends.test", went_out_at__isnull=False).exists()


def test_an_import_under_way_is_followed_to_its_end(upgraded: Fixture, sandbox: Sandbox, drain: Drain) -> None:
    imported = rows_of(upgraded, 1, State.SENDING)
    imported = [row for row in imported if row.get("job_id")]
    klaviyo_tasks.look_at_imports()
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.RUNNING}
    work(drain)
    Job.objects.update(next_look_at=timezone.now())
    sandbox.settings(import_seconds=0)
    klaviyo_tasks.look_at_imports()
    assert list(Job.objects.values_list("state", "failed")) == [(Job.State.DONE, 0)] * 2
    assert set(ends(imported).values()) == {ACCEPTED}
    Delivery.objects.filter(kind="erase", state=State.QUEUED).update(next_try_at=timezone.now())
    work(drain)
    assert sandbox.profile(TEA, "erase-queued@friends.test") is None


def test_an_import_that_was_lost_is_made_again_by_its_note(upgraded: Fixture, sandbox: Sandbox, drain: Drain) -> None:
    Job.objects.update(gives_up_at=timezone.now(), next_look_at=timezone.now())
    klaviyo_tasks.look_at_imports()
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.LOST}
    end_waits()
    work(drain)
    told = Delivery.objects.filter(kind="profile", state=State.ACCEPTED, job=None)
    [job] = (row for row in upgraded["rows"]["integrations.job"] if row.get("note"))
    walked = Advocate.objects.filter(pk__gte=job["note"]["first"], pk__lte=job["note"]["last"])
    assert walked.count() == 2
    assert {advocate.email for advocate in walked} <= set(told.values_list("subject", flat=True))


def test_a_backfill_goes_on_where_it_was(upgraded: Fixture, asked: Requests, sandbox: Sandbox) -> None:
    [was] = upgraded["rows"]["klaviyo.backfill"]
    backfill = Backfill.objects.get()
    assert (backfill.setting_id, backfill.reached, backfill.upto) == (was["sync_id"], was["reached"], was["upto"])
    klaviyo_tasks.backfill()
    backfill.refresh_from_db()
    assert (backfill.state, backfill.told) == (Backfill.State.DONE, 4)
    assert [len(asked.of("bulk_import_profiles", about=f"walked-{n}@")) for n in range(4)] == [0, 0, 1, 1]
    end_imports(sandbox)
    assert sandbox.profile(TEA, "walked-3@example.com")


def test_pauses_hold_and_then_end(upgraded: Fixture, asked: Requests, drain: Drain) -> None:
    codes = {"throttled", "backlog_throttled", "not_answering", "frozen"}
    work(drain)
    assert set(Pause.objects.values_list("code", flat=True)) == codes
    assert asked.at(HARBOR) == asked.of("add_profiles_to_list") == []
    paused = [row for number in (3, 4) for row in rows_of(upgraded, number, State.QUEUED)]
    assert set(ends(paused).values()) == {(State.QUEUED, "")}
    Pause.objects.exclude(code="not_answering").update(until=timezone.now() - timedelta(seconds=1))
    work(drain)
    assert set(ends(rows_of(upgraded, 3, State.QUEUED)).values()) == {ACCEPTED}
    assert set(ends(rows_of(upgraded, 4, State.QUEUED)).values()) == {(State.QUEUED, "")}
    assert set(Pause.objects.values_list("code", flat=True)) == {"not_answering"}
    assert asked.of("add_profiles_to_list")


def test_a_reconnect_releases_what_the_lost_account_was_owed(
    upgraded: Fixture, olga: Client, sandbox: Sandbox, drain: Drain
) -> None:
    held = rows_of(upgraded, 2, State.HELD)
    assert {row["kind"] for row in held} == {"profile", "event", "list", "email", "subscribe", "unsubscribe", "erase"}
    work(drain)
    assert set(ends(held).values()) == {(State.HELD, "invalid_grant")}
    answer = consent_screen.visit(olga, account=NORDLYS, start=reverse("integrations:reconnect", args=[2]))
    assert answer.status_code == 302
    assert Connection.objects.get(pk=2).state == Connection.State.CONNECTED
    Pause.objects.all().delete()
    work(drain)
    others = {
        ("subscribe", "lost-subscribe"): (State.ACCEPTED, "pending_opt_in"),
        ("erase", ""): OTHER_ENDS["erase", ""],
    }
    assert ends(held) == {key: others.get(key, ACCEPTED) for key in ends(held)}
    assert [event.metric for event in sandbox.events(NORDLYS) if event.email == "lost-invite@oslo.test"]


def test_what_was_held_for_an_operator_waits_for_one(upgraded: Fixture, olga: Client, drain: Drain) -> None:
    held = rows_of(upgraded, 1, State.HELD)
    was = {(row["kind"], row["subject"].partition("@")[0]): (State.HELD, row["reason_code"]) for row in held}
    work(drain)
    assert ends(held) == was
    Pause.objects.all().delete()
    consent_screen.visit(olga, account=TEA, start=reverse("integrations:reconnect", args=[1]))
    work(drain)
    assert set(ends(held).values()) == {ACCEPTED}


def test_what_was_taken_is_read_back_and_not_sent_again(upgraded: Fixture, asked: Requests, drain: Drain) -> None:
    taken = [row for row in rows_of(upgraded, 1, State.ACCEPTED) if row["kind"] == "event"]
    assert taken
    work(drain)
    asked.exchanges.clear()
    accepted = Delivery.objects.filter(kind="event", state=State.ACCEPTED)
    accepted.update(settled_at=F("settled_at") - timedelta(seconds=10))  # by then Klaviyo shows it
    for _ in range(20):  # what is younger than five seconds is not looked for yet
        Reading.objects.update(next_look_at=None)
        klaviyo_tasks.confirm()
        if {end for end, _ in ends(taken).values()} == {State.CONFIRMED}:
            break
        time.sleep(1)
    assert {end for end, _ in ends(taken).values()} == {State.CONFIRMED}
    assert Miss.objects.count() == 1
    assert asked.events == []


def test_erasures_of_before_are_owed_and_name_nobody_any_more(
    upgraded: Fixture, sandbox: Sandbox, drain: Drain
) -> None:
    rows = [row for row in upgraded["rows"]["integrations.delivery"] if row["kind"] == "erase"]
    was = {row["id"]: (row.get("state", "queued"), row.get("reason_code", "")) for row in rows}
    names = {row["id"]: row.get("subject", "") for row in rows}
    klaviyo_tasks.repeat_erasures()
    named = Delivery.objects.filter(kind="erase").exclude(subject="")
    assert set(named.values_list("state", flat=True)) == {State.SENDING}  # of before, which writes it back
    owed = {names[row.pk]: row.source for row in Delivery.objects.filter(pk__in=names, subject="") if names[row.pk]}
    assert len(owed) == 4
    assert {Erasure.objects.get(uid=source).address for source in owed.values()} == owed.keys()
    live_on(drain, sandbox)
    klaviyo_tasks.repeat_erasures()
    budgets.forget()
    end_waits()
    work(drain)
    Erasure.objects.update(requested_at=timezone.now() - timedelta(days=1))
    klaviyo_tasks.repeat_erasures()
    now = {pk: Delivery.objects.get(pk=pk) for pk in was}
    ends_of = {was[pk]: (row.state, row.reason_code) for pk, row in now.items()}
    assert ends_of == {
        ("accepted", "not_known"): (State.ACCEPTED, "not_known"),
        ("failed", "invalid"): (State.FAILED, "invalid"),
        ("skipped", "not_connected"): (State.SKIPPED, "not_connected"),
        ("cancelled", "called_off"): (State.ACCEPTED, "not_known"),
        ("queued", ""): (State.ACCEPTED, "deletion_asked"),
        ("sending", ""): (State.ACCEPTED, "deletion_asked"),
        ("held", "invalid_grant"): (State.HELD, "invalid_grant"),
    }
    assert not named.exists()
    done = {str(receipt.erasure.uid) for receipt in receipts.of_all(list(Erasure.objects.all())) if receipt.is_done}
    assert {(row.state, row.reason_code) for row in now.values() if row.source not in done} == {
        (State.FAILED, "invalid"),
        (State.SKIPPED, "not_connected"),
        (State.HELD, "invalid_grant"),
    }
    kept = {receipt.address for receipt in Erasure.objects.all() if receipt.is_address_kept}
    assert kept == {"erase-failed@friends.test", "lost-erase@oslo.test"}


def test_what_was_sealed_can_be_opened(upgraded: Fixture) -> None:
    assert {one.account_id: (one.access_token, one.refresh_token) for one in Connection.objects.all()} == {
        account: (f"access-of-{account}", f"refresh-of-{account}") for account in (TEA, NORDLYS, HARBOR, "Sp7TeA")
    }
    assert ConsentWatch.objects.get().secret == "a-webhook-secret"


def one_of_each(model: type[Delivery | Send], *differing: str) -> list[int]:
    """The number of one row for each combination of these columns."""
    return list(model._default_manager.values(*differing).annotate(one=Min("pk")).values_list("one", flat=True))


def test_pages_show_what_is_older_than_they_are(upgraded: Fixture, olga: Client) -> None:
    pages = [
        reverse("integrations:index"),
        reverse("integrations:deliveries"),
        reverse("klaviyo:settings"),
        reverse("klaviyo:sends"),
        reverse("klaviyo:sends_export"),
        reverse("klaviyo:erasures"),
        *(reverse("integrations:connection", args=[pk]) for pk in (1, 2, 3, 4)),
        *(reverse("integrations:delivery", args=[pk]) for pk in one_of_each(Delivery, "kind", "state", "reason_code")),
        *(reverse("klaviyo:send", args=[pk]) for pk in one_of_each(Send, "kind", "channel", "delivery__state")),
        *(reverse("klaviyo:person_of_send", args=[row.pk]) for row in Send.objects.all()[:3]),
        *(reverse("klaviyo:erasure", args=[row.uid]) for row in Erasure.objects.all()),
    ]
    assert {page: answer for page in pages if (answer := olga.get(page, follow=True).status_code) != 200} == {}


def test_permissions_go_along_under_their_new_names(upgraded: Fixture) -> None:
    assert not Permission.objects.filter(codename__endswith="_profilesync").exists()
    names = Permission.objects.values_list("content_type__app_label", "codename")
    assert len(names) == len(set(names))
    settings = {f"klaviyo.{action}_storesetting" for action in ("add", "change", "delete", "view")}
    olga, dora = User.objects.get(username="olga"), User.objects.get(username="dora")
    assert dora.get_all_permissions() == settings
    assert olga.get_all_permissions() == {f"{app}.{name}" for app, names in PERMISSIONS.items() for name in names}


def test_an_upgrade_can_be_taken_back(before: Fixture) -> None:
    # What may be done with models that are newer is left by Django, which deletes no content types.
    newer = ["propertyname", "accountlists", "actionrun", "actionperson", "backfillproblem"]
    newer += ["flowreading", "flowrevenue", "kititem", "starterkit"]
    newer += ["sync", "syncsource", "syncupload", "syncuploadpiece", "syncrow", "syncrun", "syncunread"]
    newer += ["syncstaged", "syncchange", "syncchunk", "heardno", "servedstore"]
    of_klaviyo = Permission.objects.filter(content_type__app_label="klaviyo").exclude(content_type__model__in=newer)
    of_klaviyo = of_klaviyo.exclude(codename="run_backfill")
    named = sorted(of_klaviyo.values_list("content_type__model", "codename"))
    past.upgrade()
    for app in ("klaviyo", "integrations"):
        call_command("migrate", app, before["migrations"][app], verbosity=0)
    assert sorted(of_klaviyo.values_list("content_type__model", "codename")) == named
    past.upgrade()
    assert StoreSetting.objects.count() == len(before["rows"]["klaviyo.profilesync"])
    assert User.objects.get(username="dora").has_perm("klaviyo.change_storesetting")


@pytest.mark.parametrize("who", ["olga", "dora"])
def test_operators_of_before_may_change_store_settings(
    who: str, request: pytest.FixtureRequest, upgraded: Fixture
) -> None:
    browser: Client = request.getfixturevalue(who)
    page = reverse("klaviyo:settings_edit", args=[1])
    shown = browser.get(page)
    assert shown.status_code == 200
    assert "Newsletter" in shown.content.decode()
    choices = {
        "is_enabled": "on",
        "behaviour": "update_existing",
        "list_id": "",
        "newsletter_list_id": "NewLst",
        "invite_policy": "subscribed_only",
        "reminder_policy": "subscribed_only",
    }
    assert browser.post(page, choices).status_code == 302
    setting = StoreSetting.objects.get(pk=1)
    assert (setting.behaviour, setting.invite_policy) == ("update_existing", "subscribed_only")


def test_an_upgrade_is_no_restore(upgraded: Fixture, drain: Drain, olga: Client) -> None:
    """Nothing is known of the database from before, so nothing can have changed; what is noticed later is held."""
    work(drain)
    assert not MessageHold.objects.exists()
    DatabaseMark.objects.update(identity={})
    call_command("hold_messages", because="We look.", verbosity=0)
    assert olga.get(reverse("integrations:release_messages")).status_code == 200


def test_a_new_row_gets_a_number_that_no_old_one_has(upgraded: Fixture) -> None:
    """The fixture fills in numbers by hand; the database must count on from there."""
    new = (
        HealthCheck.objects.create(connection_id=1, passed=True),
        Attempt.objects.create(connection_id=1, operation="get_profiles", started_at=timezone.now()),
    )
    assert all(row.pk for row in new)


def _unique_id(row: dict[str, Any]) -> str:
    return str(row.get("body", {}).get("data", {}).get("attributes", {}).get("unique_id", ""))


def _ids(fixture: Fixture, *names: str) -> set[str]:
    rows = fixture["rows"]["integrations.delivery"]
    return {_unique_id(row) for row in rows if row["kind"] == "event" and row["subject"].startswith(names)}


def _reminder(name: str) -> dict[str, bool]:
    return {"reminder__isnull": not name.startswith("reminder")}


def _known(sandbox: Sandbox, name: str) -> Any:
    return sandbox.profile(TEA, f"{name}@friends.test")


def test_words_of_before_are_found_by_their_persons_key_and_count_as_they_did(upgraded: Fixture) -> None:
    for model in (OptIn, OptOut):
        assert [row.person for row in model.objects.all()] == [person_key.of(row.email) for row in model.objects.all()]
        assert set(model.objects.values_list("turn", "key_version")) == {(0, 2)}
    assert set(OptIn.objects.values_list("proof", flat=True)) == {"older"}


def test_the_lists_of_accounts_of_before_are_read_for_the_settings(upgraded: Fixture) -> None:
    assert not AccountLists.objects.exists()
    klaviyo_tasks.read_lists()
    connected = Connection.objects.filter(state=Connection.State.CONNECTED)
    read = AccountLists.objects.exclude(read_at=None).values_list("connection", flat=True)
    assert set(read) == set(connected.values_list("pk", flat=True)) != set()


def test_stores_take_the_time_zone_of_their_first_account(upgraded: Fixture) -> None:
    taken = {store.pk: store.time_zone for store in Store.objects.all()}
    for pk, zone in taken.items():
        of_accounts = StoreSetting.objects.filter(store=pk).exclude(connection__timezone="").order_by("pk")
        first = of_accounts.values_list("connection__timezone", flat=True).first()
        assert zone == (first or "")
    assert {"Europe/Helsinki", "Europe/Oslo"} <= set(taken.values())


def test_what_was_told_before_counts_as_of_friends(upgraded: Fixture) -> None:
    assert Invite.objects.exists()
    assert not Invite.objects.filter(is_own=True).exists()
    assert not Conversion.objects.filter(is_own=True).exists()
    assert set(Program.objects.values_list("self_referrals", flat=True)) == {Program.SelfReferrals.RECORDED}
