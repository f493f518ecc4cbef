"""What is long done with says no more who it was about; and all that must hold, holds without it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Attempt, Authorization, Connection, Delivery, HealthCheck, Job
from integrations.outbox import retention, retrying
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import signals
from referrals.models import Advocate, Invite
from tests.conftest import Connect, Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.story import CID, TEA, State, choose_list, make_due

KEPT = ("pk", "key", "source", "kind", "state", "reason_code", "occurred_at", "settled_at", "lane")


@pytest.fixture
def bird(sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain) -> Advocate:
    """All that can be told of somebody was told, and some of it waits or has failed."""
    choose_list(sandbox)
    bird = canary.tell_of(ann)
    drain()
    make_due()  # what waited for their no
    drain()
    canary.remind(ann)
    Delivery.objects.exclude(state=State.FAILED).update(reason="No consent.")  # only refusals are in others' words
    Delivery.objects.filter(kind="list").update(next_try_at=timezone.now())
    drain()
    make_due()
    drain()
    return bird


def go_by(**time: float) -> None:
    """As if so much time had gone by since everything happened."""
    period = timedelta(**time)
    Delivery.objects.update(settled_at=F("settled_at") - period, created_at=F("created_at") - period)
    Attempt.objects.update(started_at=F("started_at") - period)
    HealthCheck.objects.update(checked_at=F("checked_at") - period)
    Authorization.objects.update(expires_at=F("expires_at") - period)


def settled() -> Any:
    return Delivery.objects.exclude(settled_at=None)


def deliveries_that_name() -> list[str]:
    return [row for row in canary.found() if row.startswith("integrations_delivery ")]


def test_after_two_weeks_nothing_settled_says_who_it_was_about(bird: Advocate) -> None:
    waiting = list(Delivery.objects.filter(settled_at=None).values())
    kept = list(settled().exclude(kind="list").order_by("pk").values_list(*KEPT))
    assert deliveries_that_name()
    assert waiting

    go_by(days=15)
    assert retention.forget()["deliveries"] == settled().count()

    assert set(settled().values_list("subject", flat=True)) == {""}
    assert [row for row in settled() if row.body or row.evidence or row.warnings or "person" in row.options] == []
    Delivery.objects.filter(settled_at=None).delete()
    assert deliveries_that_name() == []
    same = [row[:-2] for row in settled().exclude(kind="list").order_by("pk").values_list(*KEPT)]
    assert same == [row[:-2] for row in kept]
    assert [row["state"] for row in waiting if row["state"] not in Delivery.OPEN] == []


def test_until_then_everything_is_there(bird: Advocate) -> None:
    before = list(Delivery.objects.order_by("pk").values())
    go_by(days=13)
    retention.forget()
    assert [row["body"] for row in Delivery.objects.order_by("pk").values()] == [row["body"] for row in before]


def test_what_waits_keeps_what_it_will_say(bird: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    Delivery.objects.filter(settled_at=None).update(created_at=timezone.now() - timedelta(days=100))
    before = list(Delivery.objects.filter(settled_at=None).order_by("pk").values())
    go_by(days=100)
    retention.forget()
    after = list(Delivery.objects.filter(settled_at=None).order_by("pk").values())
    assert [(row["subject"], row["body"], row["options"]) for row in after] == [
        (row["subject"], row["body"], row["options"]) for row in before
    ]


def test_the_same_fact_is_still_not_told_twice(bird: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    invite = Invite.objects.filter(recipient_email=CID).get()
    drain()
    go_by(days=15)
    retention.forget()
    facts, events = Delivery.objects.exclude(kind="profile"), len(sandbox.events(TEA))
    count = facts.count()
    with transaction.atomic():
        signals.invite_sent.send(sender=Invite, invite=invite)
    drain()
    assert facts.count() == count
    assert len(sandbox.events(TEA)) == events


def test_it_goes_on_where_it_was_stopped(bird: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    go_by(days=15)
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "SECONDS", 0)
    oldest = list(settled().exclude(subject="").order_by("settled_at").values_list("pk", flat=True))
    assert retention.forget()["deliveries"] == 2
    assert oldest[0] in settled().filter(subject="").values_list("pk", flat=True)  # and another that ended as it did
    monkeypatch.setattr(retention, "SECONDS", 60)
    assert retention.forget()["deliveries"] == len(oldest) - 2
    assert retention.forget()["deliveries"] == 0


def test_what_is_kept_longer_by_the_settings_is_kept(bird: Advocate, settings: Settings) -> None:
    settings.RETAIN_BODIES_DAYS = 30
    go_by(days=20)
    assert retention.forget()["deliveries"] == 0


def test_decisions_stay_as_the_proof_that_a_message_was_rightly_sent(bird: Advocate) -> None:
    before = list(ConsentDecision.objects.order_by("pk").values())
    go_by(days=400)
    retention.forget()
    assert list(ConsentDecision.objects.order_by("pk").values()) == before != []


def test_who_is_erased_later_is_erased_from_their_sends_too(bird: Advocate) -> None:
    mine = Send.objects.filter(invite__recipient_email__iexact=BIRD)
    pks = list(mine.values_list("pk", flat=True))
    assert ConsentDecision.objects.filter(send__in=pks).exclude(evidence={}).exists()
    go_by(days=15)
    retention.forget()
    erase.erase(BIRD, None)
    assert not ConsentDecision.objects.filter(send__in=pks).exclude(evidence={}).exists()
    assert set(Send.objects.filter(pk__in=pks).values_list("profile_id", "message_id", "bounce")) == {("", "", "")}
    assert [row for row in canary.found() if not row.startswith("integrations_delivery ")] == []
    assert Delivery.objects.exclude(subject="").filter(subject__iexact=BIRD).exclude(kind="erase").count() == 0


def test_an_old_failure_says_that_it_cannot_be_sent_again(
    bird: Advocate, sandbox: Sandbox, browser_of_the_operator: Client, drain: Drain
) -> None:
    row = settled().filter(kind="event", state=State.ACCEPTED).first()
    Delivery.objects.filter(pk=row.pk).update(state=State.FAILED, reason_code="refused", reason="No: ann@example.com")
    page = f"/admin/integrations/deliveries/{row.pk}/"
    assert "Yes, send it again" in browser_of_the_operator.get(page).content.decode()
    go_by(days=15)
    retention.forget()

    shown = browser_of_the_operator.get(page).content.decode()
    assert "Yes, send it again" not in shown
    assert "No longer kept" in shown
    assert "ann@example.com" not in shown
    told = len(sandbox.events(TEA))
    answer = browser_of_the_operator.post("/admin/integrations/deliveries/retry", {"delivery": row.pk}, follow=True)
    assert "so it cannot be sent again" in answer.content.decode()
    assert retrying.again(Delivery.objects.filter(pk=row.pk)) == 0
    drain()
    row.refresh_from_db()
    assert (row.state, row.reason_code) == (State.FAILED, "refused")
    assert len(sandbox.events(TEA)) == told


def test_attempts_go_after_three_months_with_their_links_and_nothing_else(bird: Advocate) -> None:
    deliveries = Delivery.objects.count()
    assert Attempt.deliveries.through._default_manager.exists()
    go_by(days=89)
    assert retention.forget()["attempts"] == 0
    go_by(days=2)
    assert retention.forget()["attempts"] > 0
    assert not Attempt.objects.exists()
    assert not Attempt.deliveries.through._default_manager.exists()
    assert Delivery.objects.count() == deliveries


def test_what_is_open_keeps_the_record_of_what_was_tried(bird: Advocate) -> None:
    tried = Delivery.objects.filter(attempts__isnull=False).latest("pk")
    Delivery.objects.filter(pk=tried.pk).update(state=State.HELD, settled_at=None)
    kept = set(tried.attempts.all())
    go_by(days=91)
    retention.forget()
    assert set(Attempt.objects.all()) == kept
    Delivery.objects.filter(pk=tried.pk).update(state=State.FAILED, settled_at=timezone.now())
    retention.forget()
    assert not Attempt.objects.exists()


def test_the_last_health_check_stays_and_trips_to_the_consent_screen_go(connect: Connect) -> None:
    connect()
    connection = Connection.objects.get()
    for _ in range(3):
        HealthCheck.objects.create(connection=connection, passed=True)
    last = HealthCheck.objects.latest("pk")
    assert Authorization.objects.exists()
    go_by(days=91)
    retention.forget()
    assert list(HealthCheck.objects.all()) == [last]
    assert not Authorization.objects.exists()


def test_imports_that_have_ended_go_and_what_they_told_of_stays(bird: Advocate) -> None:
    now = timezone.now()
    about = {"connection": StoreSetting.objects.get().connection, "kind": "profile", "size": 1, "next_look_at": now}
    ended = Job.objects.create(**about, number="a", state=Job.State.DONE, gives_up_at=now, ended_at=now)
    running = Job.objects.create(**about, number="b", gives_up_at=now)
    told = settled().filter(kind="profile").earliest("pk")
    Delivery.objects.filter(pk=told.pk).update(job=ended)
    Job.objects.update(ended_at=F("ended_at") - timedelta(days=91))
    retention.forget()
    assert list(Job.objects.all()) == [running]
    told.refresh_from_db()
    assert told.job is None
