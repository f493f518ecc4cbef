"""What goes wrong with one is not the others' trouble, and what nobody can store stops nobody."""

import json
from typing import Any

import pytest
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.models import Attempt, Connection, Delivery
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.mapping import profiles
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.conftest import Connect, Drain
from tests.klaviyo.conftest import Spoil

BEN = "ben@friends.test"
TEA = "VxYz12"
State = Delivery.State
POISON = "half \ud83d a character, \x00, and ben@friends.test"


def settled() -> set[tuple[str, str]]:
    return set(Delivery.objects.values_list("state", "reason_code"))


def test_evidence_that_no_database_stores_stops_nobody(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)

    def poisoned(document: Any) -> Any:
        for item in document["data"]:
            item["attributes"]["subscriptions"]["email"]["marketing"]["method_detail"] = POISON
        return document

    spoil("get_profiles", poisoned)
    drain()
    assert settled() == {(State.ACCEPTED, "")}
    evidence = Delivery.objects.get(options__metric="invite_received").evidence
    assert evidence is not None
    assert evidence["evidence"]["method_detail"].startswith("half ? a character")
    assert BEN not in caplog.text


def test_a_reason_that_no_database_stores_stops_nobody(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    errors = {"errors": [{"id": "1", "code": POISON, "title": POISON, "detail": POISON}]}
    spoil("create_event", lambda _: (400, json.dumps(errors).encode()), times=1)
    lifecycle.visit(ann)
    drain()
    assert sorted(Delivery.objects.filter(kind="event").values_list("state", flat=True)) == [
        State.ACCEPTED,
        State.FAILED,
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 408, 425, 451])
def test_a_page_from_somewhere_on_the_way_is_not_klaviyos_word(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil, status: int
) -> None:
    spoil("create_event", lambda _: (status, b"<html>Proxy</html>"), times=2)
    drain()
    assert Delivery.objects.get(kind="event").state == State.QUEUED
    assert Connection.objects.get().is_connected


def test_an_impostors_yes_to_an_upsert_is_asked_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    spoil("create_or_update_profile", lambda _: (200, b"<html>Welcome</html>"))
    drain()
    assert Delivery.objects.get(kind="profile").state == State.QUEUED


def test_one_profile_that_breaks_our_code_blocks_nobody(
    sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = lifecycle.join(spring, "cid@friends.test")
    profile = profiles.profile

    def breaking(advocate: Advocate, *rest: Any) -> Any:
        if advocate.pk == ann.pk:
            raise KeyError("secret")
        return profile(advocate, *rest)

    monkeypatch.setattr(profiles, "profile", breaking)
    drain()
    assert Delivery.objects.get(kind="profile", subject=ann.email).reason_code == "internal_error"
    assert Delivery.objects.get(kind="profile", subject=cid.email).state == State.ACCEPTED


def test_a_kind_of_another_version_blocks_nobody(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    options = {"sync": setting.pk}
    now = timezone.now()
    Delivery.objects.create(
        connection=connection, kind="coupon", key="coupon:1", subject=BEN, options=options, occurred_at=now
    )
    Delivery.objects.update(next_try_at=now)
    drain()
    assert Delivery.objects.get(kind="coupon").state == State.QUEUED, "it waits for who knows it"
    assert set(Delivery.objects.exclude(kind="coupon").values_list("state", flat=True)) == {State.ACCEPTED}


def test_a_list_that_is_gone_holds_list_adds_of_its_own_store_only(
    sandbox: Sandbox, connection: Connection, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("Friends")])
    StoreSetting.objects.update(list_id="GoNe42", list_name="Old")
    other = Store.objects.create(slug="other", name="Other", url="https://other.example/", country="DE", currency="EUR")
    StoreSetting.objects.create(store=other, connection=connection, behaviour="create", list_id=list_id)
    dora = lifecycle.join(Program.objects.create(store=other, slug="p", name="P", offer="x"), "dora@friends.test")
    lifecycle.invite(ann, BEN)
    drain()
    assert set(Delivery.objects.filter(state=State.HELD).values_list("kind", "subject")) == {("list", ann.email)}
    assert [seen.members for seen in sandbox.lists(TEA) if seen.id == list_id] == [(dora.email,)]
    assert len(sandbox.events(TEA)) == 4


def test_nobody_joins_the_list_whom_somebody_else_created_meanwhile(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    [list_id] = sandbox.put_lists(TEA, [SeedList("Friends")])
    StoreSetting.objects.update(list_id=list_id)

    def created_meanwhile(document: Any) -> Any:
        sandbox.put_profiles(TEA, [SeedProfile(email=ann.email)])
        return document

    spoil("get_profiles", created_meanwhile, times=1)
    drain()
    profile = sandbox.profile(TEA, ann.email)
    assert profile is not None
    assert profile.lists == ()
    assert Delivery.objects.get(kind="list").reason_code == "not_ours"


def test_nothing_stays_held_when_the_account_comes_back_while_a_batch_is_out(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    connection = Connection.objects.get()
    batch = outbox.claim(connection)
    connections.mark_reconnect(connection, reasons.of("access_withdrawn", "Connect again."))
    worker.deliver(connection, batch)
    connect()
    Delivery.objects.update(next_try_at="2026-01-01T00:00:00Z")
    worker.sweep()
    drain()
    assert settled() == {(State.ACCEPTED, "")}


def test_what_waited_for_days_survives_a_passing_fault(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    Delivery.objects.update(created_at="2026-01-01T00:00:00Z")
    sandbox.fault("get_profiles", "503", count=1)
    drain()
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.QUEUED}


def test_a_store_that_is_joined_again_is_told_of_what_came_since(
    sandbox: Sandbox, tea_house: Store, connection: Connection, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    setting.delete()
    StoreSetting.objects.create(store=tea_house, connection=connection, behaviour="create")
    lifecycle.update(ann, tier="gold")
    drain()
    profile = sandbox.profile(TEA, ann.email)
    assert profile is not None
    assert profile.properties["sorae_tier"] == "gold"


def test_a_tier_that_was_taken_back_goes_from_the_profile(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.update(ann, tier="gold")
    drain()
    lifecycle.update(ann, tier="")
    drain()
    profile = sandbox.profile(TEA, ann.email)
    assert profile is not None
    assert "sorae_tier" not in profile.properties
    assert profile.properties["sorae_referral_code"] == ann.referral_code


def test_a_request_that_never_ended_stays_unknown_on_the_record(
    sandbox: Sandbox, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:

    def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(transport, "send", dies)
    with pytest.raises(SystemExit):
        worker.drain(Connection.objects.get().pk)
    assert Attempt.objects.get().finished_at is None
