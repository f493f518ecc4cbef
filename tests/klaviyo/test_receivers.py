"""Host code fires signals with oddly filled instances: its transaction goes on, and every fact is on record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, InterfaceError, OperationalError, models, transaction
from django.db import connection as database
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, signals
from referrals.models import Advocate, Conversion, Invite, Reminder, Reward, Visit
from tests.conftest import Drain

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  (that it has no zone is the point)
FAR = datetime(9999, 12, 31, tzinfo=UTC)
HUGE = "x" * 300_000
HALF = "\ud83d"
State = Delivery.State

ODD_ADVOCATES: list[dict[str, Any]] = [
    *({"email": odd} for odd in (None, "", 5, "a\0b@x.test", f"a{HALF}@x.test", f"{HUGE}@x.test", "\u212ben@x.test")),
    *({"occurred_at": odd} for odd in (None, NAIVE, "2026-01-01", FAR)),
    *({"first_name": odd} for odd in (None, HALF, HUGE, 7)),
    *({"phone": odd} for odd in (None, HALF, HUGE, 123)),
    *({"locale": odd} for odd in (None, HALF, "not a language", 7)),
    {"referral_code": None},
    {"role": HALF},
    {"uid": None},
    {"pk": None},
    {"program_id": None},
    {"program_id": 999},
]
ODD_ORDERS: list[dict[str, Any]] = [
    *({"total": odd} for odd in (None, "12,5", 10**400, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"))),
    *({"currency": odd} for odd in (None, "", "euros", HALF, "E\0R", HUGE)),
    *({"lines": odd} for odd in (None, "x", [{"price": float("nan")}], [10**5000], [HUGE] * 3, {1: {2}}, [b"\xff"])),
    *({"friend_email": odd} for odd in (None, HALF, "")),
    {"order_id": None},
    {"discount_code": HALF},
    {"advocate_id": None},
    {"occurred_at": None},
]
ODD_REWARDS: list[dict[str, Any]] = [
    *({"amount": odd} for odd in (None, "5", Decimal("NaN"), Decimal("1e999"))),
    *({"expires_at": odd} for odd in ("soon", NAIVE)),
    {"currency": "\0"},
    {"recipient_email": None},
    {"code": "\0"},
    {"kind": None},
    {"advocate_id": None},
]
ODD_INVITES: list[dict[str, Any]] = [
    *({"recipient_email": odd} for odd in (None, HALF, "\0", HUGE)),
    *({"expires_at": odd} for odd in ("soon", NAIVE)),
    {"channel": HALF},
    {"occurred_at": None},
    {"advocate_id": 987_654},
    {"uid": None},
]


def fire(signal: Signal, name: str, fact: models.Model, odd: dict[str, Any]) -> None:
    """Tell of a fact with odd members, in the host's own transaction, which must be able to go on."""
    for member, value in odd.items():
        setattr(fact, member, value)
    with transaction.atomic():
        signal.send(sender=type(fact), **{name: fact})
        Delivery.objects.count()


def called(odd: dict[str, Any]) -> str:
    return f"{next(iter(odd))} {type(next(iter(odd.values()))).__name__}"


def raising(error: type[Exception]) -> Callable[..., None]:
    def raise_it(*_: Any) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("odd", ODD_ADVOCATES, ids=called)
def test_an_odd_advocate_stops_no_host(ann: Advocate, odd: dict[str, Any]) -> None:
    fire(signals.advocate_joined, "advocate", ann, odd)
    fire(signals.advocate_updated, "advocate", ann, odd)


@pytest.mark.parametrize("odd", ODD_ORDERS, ids=called)
def test_an_odd_order_stops_no_host(ann: Advocate, odd: dict[str, Any]) -> None:
    order = lifecycle.convert(ann, order_id="1", friend_email="ben@friends.test", total="1", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.conversion_recorded, "conversion", order, odd)
    fire(signals.conversion_refunded, "refund", order, odd)


@pytest.mark.parametrize("odd", ODD_REWARDS, ids=called)
def test_an_odd_reward_stops_no_host(ann: Advocate, odd: dict[str, Any]) -> None:
    reward = lifecycle.reward(ann, kind="cash", amount="5", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.reward_issued, "reward", reward, odd)
    fire(signals.reward_reversed, "reward", reward, odd)


@pytest.mark.parametrize("odd", ODD_INVITES, ids=called)
def test_an_odd_invite_stops_no_host(ann: Advocate, odd: dict[str, Any]) -> None:
    invite = lifecycle.invite(ann, "ben@friends.test")
    Delivery.objects.all().delete()
    fire(signals.invite_sent, "invite", invite, odd)


def test_facts_of_nobody_stop_no_host(ann: Advocate) -> None:
    fire(signals.invite_sent, "invite", Invite(recipient_email="ben@friends.test"), {})
    fire(signals.invite_reminded, "reminder", Reminder(number=1), {})
    fire(signals.visit_recorded, "visit", Visit(), {})
    fire(signals.conversion_recorded, "conversion", Conversion(), {})
    fire(signals.reward_issued, "reward", Reward(), {})


def test_what_is_wrong_with_a_fact_is_on_record(ann: Advocate) -> None:
    order = lifecycle.convert(ann, order_id="1", friend_email="ben@friends.test", total="1", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.conversion_recorded, "conversion", order, {"friend_email": "nobody", "occurred_at": None})
    assert set(Delivery.objects.filter(kind="event").values_list("options__metric", "state", "reason_code")) == {
        ("conversion", State.FAILED, "time_out_of_range"),
        ("referred_purchase", State.FAILED, "malformed_email"),
    }


def test_a_fact_that_breaks_our_code_is_on_record_and_not_in_the_log(
    ann: Advocate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: Visit) -> None:
        raise ValueError(f"something about {ann.email}")

    monkeypatch.setattr("klaviyo.mapping.events.visit_recorded", breaks)
    visit = lifecycle.visit(ann)
    assert Visit.objects.filter(pk=visit.pk).exists()
    assert Delivery.objects.get(reason_code="unreadable_fact").source == str(visit.uid)
    assert "ValueError" in caplog.text
    assert ann.email not in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_fact_is_taken_back_when_its_deliveries_cannot_be_stored(
    ann: Advocate, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(outbox, "add", raising(error))
    with pytest.raises(error):
        lifecycle.visit(ann)
    assert not Visit.objects.exists()


def test_a_fact_that_the_database_cannot_take_stops_no_host(ann: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as odd:
        odd.setattr("klaviyo.mapping.events.visit_recorded", raising(DataError))
        visit = lifecycle.visit(ann)
    assert Delivery.objects.get(reason_code="unreadable_fact").source == str(visit.uid)
    signals.visit_recorded.send(sender=Visit, visit=visit)
    assert Delivery.objects.get(options__metric="referred_visit").state == State.QUEUED, "corrected, and sent again"


def test_facts_without_an_id_are_not_taken_for_one_another(ann: Advocate) -> None:
    Delivery.objects.all().delete()
    for _ in range(2):
        fire(signals.visit_recorded, "visit", Visit(advocate=ann), {"uid": None})
        fire(signals.reward_reversed, "reward", Reward(advocate=ann, amount=1), {"uid": "x" * 500})
    assert set(Delivery.objects.values_list("state", "reason_code")) == {(State.FAILED, "unreadable_fact")}
    assert Delivery.objects.filter(source="").count() == 2


def test_a_store_that_is_joined_anew_tells_of_everything_again(
    connection: Connection, setting: StoreSetting, ann: Advocate
) -> None:
    Delivery.objects.update(state=State.SKIPPED, reason_code="sync_off")
    setting.delete()
    StoreSetting.objects.create(store=ann.program.store, connection=connection)
    lifecycle.update(ann, tier="gold")
    waiting = Delivery.objects.get(kind="profile", state=State.QUEUED)
    assert waiting.options["store"] == ann.program.store_id


@pytest.mark.parametrize("currency", ["euros", "eur", "E", "EURO", "\0", HALF, ""])
def test_a_currency_that_is_none_costs_itself(sandbox: Sandbox, ann: Advocate, drain: Drain, currency: str) -> None:
    reward = lifecycle.reward(ann, kind="cash", amount="5", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.reward_issued, "reward", reward, {"currency": currency})
    drain()
    [event] = sandbox.events("VxYz12", "Sorae Reward Issued")
    assert (event.value, event.value_currency) == (5.0, None)
    warnings = Delivery.objects.get(options__metric="reward_issued").warnings
    assert warnings == ["The currency was left out: it is not a code of ISO 4217."]


def test_odd_names_of_a_newcomer_are_told_as_text(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    order = lifecycle.convert(ann, order_id="1", friend_email="ben@friends.test", total="1", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.conversion_recorded, "conversion", order, {"friend_first_name": 7, "friend_last_name": f"B{HALF}\0n"})
    drain()
    ben = sandbox.profile("VxYz12", "ben@friends.test")
    assert ben is not None
    assert (ben.first_name, ben.last_name) == ("7", "B?n")


def test_odd_members_cost_themselves_and_not_the_event(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    order = lifecycle.convert(ann, order_id="1", friend_email="ben@friends.test", total="1", currency="EUR")
    Delivery.objects.all().delete()
    fire(signals.conversion_recorded, "conversion", order, {"currency": "euros", "total": Decimal("NaN")})
    drain()
    [event] = sandbox.events("VxYz12", "Sorae Conversion")
    assert (event.value, event.value_currency) == (None, None)
    assert "total was left out: it is not a number." in Delivery.objects.get(options__metric="conversion").warnings


def test_an_invite_is_told_no_later_than_it_holds(ann: Advocate) -> None:
    soon = timezone.now() + timedelta(hours=1)
    lifecycle.invite(ann, "ben@friends.test", expires_at=soon)
    assert Delivery.objects.get(options__metric="invite_received").not_after == soon


def test_a_signal_asks_the_database_three_times(ann: Advocate) -> None:
    """Its own savepoint among them; where nothing waits for the person, and where their profile does."""
    most = 3 if database.vendor == "postgresql" else 5  # SQLite has no statement that does both
    for _ in range(2):
        visit = Visit.objects.create(advocate=ann, occurred_at=timezone.now())
        with transaction.atomic(), CaptureQueriesContext(database) as captured:
            signals.visit_recorded.send(sender=Visit, visit=visit)
        assert [query["sql"][:60] for query in captured][most:] == []
    assert Delivery.objects.filter(options__metric="referred_visit").count() == 2
    assert Delivery.objects.filter(kind="profile", state=State.QUEUED).count() == 1
