"""From a fact to what Klaviyo knows afterwards, over real HTTP with the sandbox."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import outbox
from integrations.models import Attempt, Connection, Delivery
from integrations.workers import worker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile, SeenProfile
from referrals import lifecycle
from referrals.models import Advocate, Program, Store

pytestmark = pytest.mark.django_db(transaction=True)

TEA = "VxYz12"
BEN = "ben@friends.test"
State = Delivery.State
Drain = Callable[[], None]


def metrics(sandbox: Sandbox, email: str) -> list[str]:
    return [event.metric for event in sandbox.events(TEA) if event.email == email]


def known(sandbox: Sandbox, email: str) -> SeenProfile:
    profile = sandbox.profile(TEA, email)
    assert profile is not None
    return profile


def outcome(metric: str) -> tuple[str, str]:
    delivery = Delivery.objects.get(options__metric=metric)
    return delivery.state, delivery.reason_code


def make_due() -> None:
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_a_person_who_joins_is_in_klaviyo_with_their_code_and_link(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    profile = known(sandbox, ann.email)
    assert profile.properties["sorae_referral_code"] == ann.referral_code
    assert profile.properties["sorae_share_link"] == ann.share_link
    assert profile.first_name == ann.first_name
    assert profile.consent == "NEVER_SUBSCRIBED"
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}


def test_a_whole_referral_stands_in_klaviyo_once_each(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, BEN)
    lifecycle.visit(ann, landing_page="https://teahouse.test/")
    order = lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    reward = lifecycle.reward(ann, kind="discount", amount="5", currency="EUR", conversion=order)
    lifecycle.refund(order)
    lifecycle.reverse(reward, "refund")
    drain()
    assert sorted(metrics(sandbox, ann.email)) == [
        "Sorae Advocate Started",
        "Sorae Conversion",
        "Sorae Invite Sent",
        "Sorae Referred Visit",
        "Sorae Reward Issued",
        "Sorae Reward Reversed",
    ]
    assert sorted(metrics(sandbox, BEN)) == ["Sorae Invite Received", "Sorae Referred Purchase"]
    assert {event.received for event in sandbox.events(TEA)} == {1}
    ours = known(sandbox, ann.email).properties
    assert (ours["sorae_invites"], ours["sorae_conversions"], ours["sorae_rewards"]) == (1, 1, 0)


def test_ten_changes_become_one_call(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    for tier in range(10):
        lifecycle.update(ann, tier=f"tier {tier}")
    drain()
    assert len(sandbox.requests("create_or_update_profile")) == 1
    assert known(sandbox, ann.email).properties["sorae_tier"] == "tier 9"


def test_a_batch_looks_all_its_people_up_together(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    for n in range(40):
        lifecycle.invite(ann, f"friend{n}+tea@friends.test")
    drain()
    assert len(sandbox.requests("get_profiles")) <= 4  # on a slow machine a batch is cut off in time
    assert len(metrics(sandbox, ann.email)) == 41


# --- Who is told --------------------------------------------------------------------------------


def test_people_unknown_to_klaviyo_are_skipped_when_only_existing_ones_are_updated(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    lifecycle.invite(ann, BEN)
    drain()
    assert sandbox.profiles(TEA) == []
    assert sandbox.events(TEA) == []
    assert set(Delivery.objects.values_list("state", "reason_code")) == {(State.SKIPPED, "unknown_person")}


def test_people_known_to_klaviyo_are_told_when_only_existing_ones_are_updated(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    sandbox.put_profiles(TEA, [SeedProfile(email=ann.email.upper())])
    drain()
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code
    assert len(sandbox.events(TEA)) == 1


@pytest.mark.parametrize(
    ("seed", "code"),
    [
        (SeedProfile(email=BEN, consent="UNSUBSCRIBED"), "unsubscribed"),
        (SeedProfile(email=BEN, consent="SUBSCRIBED", suppressions=["HARD_BOUNCE"]), "suppressed"),
        (SeedProfile(email=BEN, consent="SUBSCRIBED", suppressions=["SPAM_COMPLAINT"]), "suppressed"),
        (SeedProfile(email=BEN, suppressions=["USER_SUPPRESSED"]), "suppressed"),
    ],
)
def test_a_friend_who_said_no_gets_no_invite_and_the_record_says_why(
    sandbox: Sandbox, ann: Advocate, drain: Drain, seed: SeedProfile, code: str
) -> None:
    sandbox.put_profiles(TEA, [seed])
    lifecycle.remind(lifecycle.invite(ann, BEN), 1)
    drain()
    assert metrics(sandbox, BEN) == []
    for metric in ("invite_received", "invite_reminder"):
        assert outcome(metric)[0] == State.SKIPPED
        evidence = Delivery.objects.get(options__metric=metric).evidence
        assert evidence is not None
        assert (evidence["allowed"], evidence["code"]) == (False, outcome(metric)[1])
    assert outcome("invite_received")[1] == code


def test_a_friend_who_said_nothing_gets_the_invite_but_no_reminder(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.remind(lifecycle.invite(ann, BEN), 1)
    drain()
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]
    assert outcome("invite_reminder") == (State.SKIPPED, "no_profile")


def test_a_subscribed_friend_gets_both(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.remind(lifecycle.invite(ann, BEN), 1)
    drain()
    assert sorted(metrics(sandbox, BEN)) == ["Sorae Invite Received", "Sorae Invite Reminder"]


def test_no_invite_goes_out_while_klaviyo_throttles_the_question(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, BEN)
    sandbox.fault("get_profiles", "429", count=1)
    drain()
    assert metrics(sandbox, BEN) == []
    assert outcome("invite_received") == (State.QUEUED, "throttled")


@pytest.mark.parametrize("kind", ["500", "503", "html_403", "not_json", "truncated", "reset", "wrong_success"])
def test_no_invite_goes_out_while_consent_cannot_be_asked(
    sandbox: Sandbox, ann: Advocate, drain: Drain, kind: str
) -> None:
    lifecycle.invite(ann, BEN)
    sandbox.fault("get_profiles", kind, count=1)
    drain()
    assert metrics(sandbox, BEN) == []
    assert outcome("invite_received")[0] == State.QUEUED
    make_due()
    drain()
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]


def test_consent_is_asked_when_it_is_sent_not_when_it_is_queued(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    drain()
    assert metrics(sandbox, BEN) == []


def test_a_friend_who_buys_is_still_asked_as_somebody_unknown(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.convert(ann, order_id="1", friend_email=BEN, total="1", currency="EUR")
    lifecycle.invite(ann, BEN)
    drain()
    assert sorted(metrics(sandbox, BEN)) == ["Sorae Invite Received", "Sorae Referred Purchase"]
    assert len(sandbox.requests("create_or_update_profile")) == 2


# --- What profiles are told -----------------------------------------------------------------------


def test_what_klaviyo_knows_of_a_person_is_not_overwritten(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=ann.email, first_name="Annabel", properties={"vip": True})])
    drain()
    profile = known(sandbox, ann.email)
    assert profile.first_name == "Annabel"
    assert profile.last_name == ann.last_name
    assert profile.properties["vip"] is True


def test_a_phone_that_belongs_to_somebody_else_costs_the_phone_only(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.update(ann, phone="+358401234567")
    sandbox.put_profiles(TEA, [SeedProfile(email="other@teahouse.test", phone_number="+358401234567")])
    drain()
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code
    assert known(sandbox, "other@teahouse.test").phone_number == "+358401234567"


def test_only_people_whom_the_store_setting_created_join_the_chosen_list(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, ann: Advocate, drain: Drain
) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("Advocates")])
    StoreSetting.objects.update(list_id=list_id, list_name="Advocates")
    sandbox.put_profiles(TEA, [SeedProfile(email="known@teahouse.test")])
    lifecycle.join(spring, "known@teahouse.test")
    lifecycle.invite(ann, BEN)
    drain()
    assert [list(seen.members) for seen in sandbox.lists(TEA) if seen.id == list_id] == [[ann.email]]


def test_a_list_is_not_forgotten_when_the_worker_dies_after_creating_the_person(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("Advocates")])
    StoreSetting.objects.update(list_id=list_id, list_name="Advocates")
    sandbox.fault("create_or_update_profile", "accept_then_drop", count=2)
    drain()
    assert known(sandbox, ann.email).lists == ()
    make_due()
    drain()
    assert known(sandbox, ann.email).lists == (list_id,)


def test_a_list_that_has_vanished_holds_what_needs_it_until_another_is_chosen(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(list_id="GoNe42", list_name="Old list")
    drain()
    held = Delivery.objects.get(kind="list")
    assert (held.state, held.reason_code) == (State.HELD, "list_gone")
    assert "Old list" in held.reason
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    [list_id] = sandbox.put_lists(TEA, [SeedList("New list")])
    StoreSetting.objects.update(list_id=list_id)
    outbox.retry(Delivery.objects.filter(pk=held.pk))
    drain()
    assert known(sandbox, ann.email).lists == (list_id,)


def test_a_person_in_two_programs_of_an_account_keeps_both_codes(
    sandbox: Sandbox, tea_house: Store, ann: Advocate, drain: Drain
) -> None:
    drain()
    autumn = Program.objects.create(store=tea_house, slug="autumn-tea", name="Autumn", offer="Tea")
    again = lifecycle.join(autumn, ann.email.upper())
    drain()
    ours = known(sandbox, ann.email).properties
    assert ours["sorae_referral_code"] == ann.referral_code
    assert ours["sorae_autumn_tea_referral_code"] == again.referral_code


def test_a_person_in_a_program_of_another_account_keeps_the_plain_names(
    sandbox: Sandbox, second_connection: Connection, ann: Advocate, drain: Drain
) -> None:
    oslo = Store.objects.create(slug="oslo", name="Oslo", url="https://oslo.example/", country="NO", currency="NOK")
    StoreSetting.objects.create(store=oslo, connection=second_connection, behaviour=StoreSetting.Behaviour.CREATE)
    there = lifecycle.join(Program.objects.create(store=oslo, slug="fjord", name="Fjord", offer="Tea"), ann.email)
    drain()
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code
    profile = sandbox.profile("Qk7LmA", ann.email)
    assert profile is not None
    assert profile.properties["sorae_referral_code"] == there.referral_code


def test_an_international_address_travels_in_its_ascii_form(
    sandbox: Sandbox, spring: Program, setting: StoreSetting, drain: Drain
) -> None:
    lifecycle.join(spring, "jonas@bücher.example")
    drain()
    assert metrics(sandbox, "jonas@xn--bcher-kva.example") == ["Sorae Advocate Started"]


# --- What goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["500", "502", "503", "504", "html_403", "reset", "redirect", "wrong_success", "accept_then_drop"]
)
def test_a_passing_fault_costs_time_but_no_event_and_makes_none_twice(
    sandbox: Sandbox, ann: Advocate, drain: Drain, kind: str
) -> None:
    sandbox.fault("create_event", kind, count=1)
    drain()
    assert outcome("advocate_started")[0] == State.QUEUED
    connection = Connection.objects.get()
    assert connection.is_connected, "a bad request must not make the connection look sick"
    make_due()
    drain()
    assert outcome("advocate_started")[0] == State.ACCEPTED
    assert len(sandbox.events(TEA)) == 1


@pytest.mark.parametrize("retry_after", ["7", "garbage", "-1", "99999999", "date"])
def test_klaviyos_retry_after_is_obeyed_and_costs_no_attempt(
    sandbox: Sandbox, ann: Advocate, drain: Drain, retry_after: str
) -> None:
    sandbox.fault("create_event", "429", count=1, retry_after=retry_after)
    before = timezone.now()
    drain()
    delivery = Delivery.objects.get(kind="event")
    assert (delivery.state, delivery.reason_code, delivery.attempts_made) == (State.QUEUED, "throttled", 0)
    wait = (delivery.next_try_at - before).total_seconds()
    assert wait >= 0.9
    assert wait <= 3700
    if retry_after == "7":
        assert 6.9 <= wait <= 60
    make_due()
    drain()
    delivery.refresh_from_db()
    assert delivery.state == State.QUEUED, "the budget is closed for everyone until then"


def test_an_expired_token_is_renewed_and_the_call_made_again(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.expire_tokens(TEA)
    before = len(sandbox.requests("oauth_token"))
    drain()
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]
    assert len(sandbox.requests("oauth_token")) == before + 1


def test_a_removed_app_holds_everything_until_a_person_reconnects(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    sandbox.uninstall(TEA)
    drain()
    worker.sweep()
    assert Connection.objects.get().state == Connection.State.RECONNECT
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.HELD}
    assert sandbox.events(TEA) == []


def test_access_that_is_refused_even_when_new_asks_for_a_reconnect(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    sandbox.fault("*", "unauthorized", count=2)
    drain()
    worker.sweep()
    connection = Connection.objects.get()
    assert (connection.state, connection.problem_code) == (Connection.State.RECONNECT, "access_refused")
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.HELD}


def test_a_missing_scope_holds_only_what_needs_it(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.fault("create_event", "missing_scope", count=1)
    drain()
    assert Delivery.objects.get(kind="profile").state == State.ACCEPTED
    event = Delivery.objects.get(kind="event")
    assert (event.state, event.reason_code) == (State.HELD, "permission_denied")
    assert "events:write" in event.reason
    assert Connection.objects.get().is_connected


def test_a_bad_row_fails_alone(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.visit(ann, landing_page="https://teahouse.test/")
    lifecycle.convert(ann, order_id="1", friend_email=BEN, total="1", currency="EUR")
    bad = Delivery.objects.get(options__metric="referred_visit")
    bad.body["data"]["attributes"]["metric"]["data"]["attributes"]["name"] = "M" * 200
    bad.save()
    drain()
    bad.refresh_from_db()
    assert bad.state == State.FAILED
    assert "metric" in bad.reason
    assert Delivery.objects.exclude(pk=bad.pk).exclude(state=State.ACCEPTED).count() == 0


def test_a_row_that_breaks_our_own_code_is_tried_again_and_takes_no_other_along(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.visit(ann, landing_page="https://teahouse.test/")
    broken = Delivery.objects.get(options__metric="referred_visit")
    broken.options = {"sync": [], "metric": "referred_visit"}
    broken.save()
    drain()
    broken.refresh_from_db()
    assert (broken.state, broken.reason_code) == (State.QUEUED, "internal_error")
    assert Delivery.objects.exclude(pk=broken.pk).exclude(state=State.ACCEPTED).count() == 0


def test_a_fact_with_a_malformed_address_fails_with_a_sentence_and_the_rest_goes(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, ann: Advocate, drain: Drain
) -> None:
    from referrals import signals

    odd = Advocate.objects.create(program=spring, email="not an address")
    signals.advocate_joined.send(sender=Advocate, advocate=odd)
    drain()
    failed = Delivery.objects.filter(subject="not an address")
    assert set(failed.values_list("state", "reason_code")) == {(State.FAILED, "malformed_email")}
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started"]


# --- The record -------------------------------------------------------------------------------------


def test_every_request_leaves_an_attempt_with_klaviyos_request_id(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    event = Delivery.objects.get(kind="event")
    made = list(event.attempts.order_by("pk").values_list("operation", "status"))
    assert made == [("get_profiles", 200), ("create_event", 202)]
    known = {entry.request_id for entry in sandbox.requests()}
    assert {attempt.request_id for attempt in Attempt.objects.all()} <= known
    assert all(attempt.finished_at and attempt.duration_ms is not None for attempt in Attempt.objects.all())


def test_an_outcome_that_nobody_knows_is_on_record(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.fault("create_event", "accept_then_drop", count=1)
    drain()
    attempt = Attempt.objects.get(operation="create_event")
    assert attempt.status is None
    assert attempt.code == "no_answer"


# --- Several stores and accounts ------------------------------------------------------------------


def test_a_store_may_be_joined_to_two_accounts(
    sandbox: Sandbox,
    tea_house: Store,
    setting: StoreSetting,
    second_connection: Connection,
    spring: Program,
    drain: Drain,
) -> None:
    StoreSetting.objects.create(store=tea_house, connection=second_connection, behaviour=StoreSetting.Behaviour.CREATE)
    lifecycle.join(spring, "cid@teahouse.test")
    drain()
    for account in (TEA, second_connection.account_id):
        assert [event.metric for event in sandbox.events(account)] == ["Sorae Advocate Started"]


def test_a_store_that_is_switched_off_tells_nothing(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(is_enabled=False)
    drain()
    assert sandbox.events(TEA) == []
    assert set(Delivery.objects.values_list("reason_code", flat=True)) == {"sync_off"}


def test_nothing_we_send_speaks_of_consent_or_clears_what_we_do_not_know(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=BEN, total="1", currency="EUR")
    drain()
    bodies = [str(exchange.json) for exchange in sent() if exchange.body]
    assert bodies
    assert not any("consent" in body.lower() or "subscri" in body.lower() or "None" in body for body in bodies)
