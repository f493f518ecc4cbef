"""What Klaviyo took and does not show is sent once more, and then reported; messages are never sent again."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Connection, Delivery
from integrations.pages import health
from klaviyo.confirmation import missing
from klaviyo.models import Miss, Reading, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import events, lose, read_back, time_passes
from tests.klaviyo.sending_cast import RECEIVED
from tests.klaviyo.story import BEN, CID, TEA, State, metrics

CONVERSION, PURCHASE = "Sorae Conversion", "Sorae Referred Purchase"
CONFIRMED = (State.CONFIRMED, "")
ELEVEN_MINUTES = timedelta(minutes=11)


def buy(ann: Advocate, drain: Drain, order: str = "1") -> None:
    lifecycle.convert(ann, order_id=order, friend_email=CID, total="1", currency="EUR")
    drain()


def of(metric: str) -> tuple[str, str]:
    return Delivery.objects.filter(options__metric=metric).values_list("state", "reason_code").latest("pk")


def something_later_shows(ann: Advocate, drain: Drain) -> None:
    """Klaviyo is not just slow: what came afterwards is there."""
    lifecycle.visit(ann)
    drain()
    read_back()


@pytest.fixture
def lost(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """Klaviyo has taken a conversion and dropped it; what came later is there."""
    buy(ann, drain)
    assert lose(sandbox, CONVERSION) == 1
    read_back()
    assert of("conversion") == (State.ACCEPTED, "")
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)


def test_a_lost_event_is_sent_again_after_a_patient_while(
    sandbox: Sandbox, ann: Advocate, drain: Drain, lost: None
) -> None:
    assert of("conversion") == (State.QUEUED, "not_shown")
    assert Delivery.objects.get(options__metric="conversion").attempts_made > 0
    drain()
    assert metrics(sandbox, ann.email).count(CONVERSION) == 1
    read_back()
    assert of("conversion") == CONFIRMED
    assert sandbox.requests("bulk_create_events") == []


@pytest.mark.parametrize("is_bulk", [False, True], ids=["by itself", "in a job of many"])
def test_what_klaviyo_answers_yes_to_and_forgets_is_there_in_the_end(
    sandbox: Sandbox, ann: Advocate, drain: Drain, settings: Settings, is_bulk: bool
) -> None:
    settings.KLAVIYO_BULK_FROM = 3 if is_bulk else 1_000
    drain()
    operation = "bulk_create_events" if is_bulk else "create_event"
    sandbox.fault(operation, "accept_and_lose", items=2) if is_bulk else sandbox.fault(operation, "accept_and_lose")
    visits = [lifecycle.visit(ann, landing_page=f"https://teahouse.example/{number}") for number in range(5)]
    drain()
    lost = len(visits) - metrics(sandbox, ann.email).count("Sorae Referred Visit")
    assert lost == (2 if is_bulk else 1)
    jobs = len(sandbox.requests("bulk_create_events"))
    read_back()
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    drain()
    read_back()
    assert set(events()) == {CONFIRMED}
    assert metrics(sandbox, ann.email).count("Sorae Referred Visit") == len(visits) + 1
    assert {event.received for event in sandbox.events(TEA)} == {1}
    assert Miss.objects.count() == lost
    assert len(sandbox.requests("bulk_create_events")) - jobs <= 1  # what came later, and nothing that was lost


def test_nothing_is_called_missing_in_less_than_ten_minutes(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    buy(ann, drain)
    lose(sandbox, CONVERSION)
    for _ in range(8):
        something_later_shows(ann, drain)
    assert of("conversion") == (State.ACCEPTED, "")


def test_nothing_is_called_missing_after_a_single_look(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    buy(ann, drain)
    lose(sandbox, CONVERSION)
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert of("conversion") == (State.ACCEPTED, "")
    something_later_shows(ann, drain)
    assert of("conversion") == (State.QUEUED, "not_shown")


def test_a_klaviyo_that_shows_nothing_at_all_is_given_an_hour(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    read_back()
    sandbox.settings(event_delay=100_000)
    buy(ann, drain)
    read_back(2)
    time_passes(ELEVEN_MINUTES)
    read_back(2)
    assert of("conversion") == (State.ACCEPTED, "")
    time_passes(timedelta(minutes=50))
    read_back()
    assert of("conversion") == (State.QUEUED, "not_shown")


def test_what_is_lost_twice_is_reported_and_not_sent_a_third_time(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, lost: None
) -> None:
    drain()
    lose(sandbox, CONVERSION)
    read_back()
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert of("conversion") == (State.ACCEPTED, "not_confirmed")
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    drain()
    assert CONVERSION not in metrics(sandbox, ann.email)
    assert Miss.objects.count() == 1
    found = health.of(connection)
    assert (found.level, found.headline) == ("warn", "Not confirmed")
    assert found.rungs[-1].sentence.startswith("One event was taken in the last day, and cannot be seen")


def test_an_invite_that_is_lost_is_reported_and_never_sent_again(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    drain()
    lose(sandbox, RECEIVED)
    read_back()
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert of("invite_received") == (State.ACCEPTED, "not_confirmed")
    drain()
    assert metrics(sandbox, BEN) == []


def test_what_has_no_body_any_more_is_reported(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    buy(ann, drain)
    lose(sandbox, CONVERSION)
    Delivery.objects.filter(options__metric="conversion").update(body={})
    read_back()
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert of("conversion") == (State.ACCEPTED, "not_confirmed")


def test_a_wrong_idea_of_a_metrics_id_makes_nothing_missing(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """An account may have two metrics of one name: before anything is called missing, all events are looked at."""
    buy(ann, drain)
    read_back()
    known = Reading.objects.get().metrics
    Reading.objects.update(metrics=known | {CONVERSION: known[PURCHASE]})
    buy(ann, drain, "2")
    read_back()
    assert of("conversion") == (State.ACCEPTED, "")
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert of("conversion") == CONFIRMED
    assert not Miss.objects.exists()


def test_of_many_missing_some_are_sent_again_at_a_time(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "AT_ONCE", 2)
    for number in range(5):
        buy(ann, drain, str(number))
    lose(sandbox, CONVERSION)
    read_back()
    time_passes(ELEVEN_MINUTES)
    queued = []
    for _ in range(3):
        Delivery.objects.filter(options__metric="advocate_started").update(settled_at=timezone.now())
        read_back()
        queued.append(Delivery.objects.filter(reason_code="not_shown").count())
    assert queued == [2, 4, 5]


def test_what_there_is_no_time_to_look_for_once_more_is_left_to_the_next_round(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "LOOKS_FOR_SECONDS", -1.0)
    for hours in (5, 3, 1):
        at = timezone.now() - timedelta(hours=hours)
        lifecycle.convert(ann, order_id=str(hours), friend_email=CID, total="1", currency="EUR", occurred_at=at)
    drain()
    lose(sandbox, CONVERSION)
    read_back()
    time_passes(ELEVEN_MINUTES)
    queued = []
    for _ in range(3):
        Delivery.objects.filter(options__metric="advocate_started").update(settled_at=timezone.now())
        read_back()
        queued.append(Delivery.objects.filter(reason_code="not_shown").count())
    assert queued == [1, 2, 3]


def test_an_account_where_all_is_well_is_not_bothered_by_another_that_loses(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain
) -> None:
    StoreSetting.objects.create(store=ann.program.store, connection=second_connection, behaviour="create")
    buy(ann, drain)
    lose(sandbox, CONVERSION, TEA)
    read_back()
    time_passes(ELEVEN_MINUTES)
    something_later_shows(ann, drain)
    assert set(events(connection=second_connection)) == {CONFIRMED}
    assert Delivery.objects.get(reason_code="not_shown").connection.account_id == TEA


def test_while_klaviyo_gives_no_answer_nothing_is_called_missing(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    buy(ann, drain)
    read_back()
    buy(ann, drain, "2")
    sandbox.fault("get_events", "500", count=1_000)
    for _ in range(4):
        time_passes(timedelta(minutes=30))
        read_back()
    assert of("conversion") == (State.ACCEPTED, "")
