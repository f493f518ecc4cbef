"""/metrics: who may read it, and that every figure is right."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from integrations import pacing
from integrations.models import Attempt, Connection, Delivery, Job, Pause, Retirement
from integrations.pauses import message_hold
from integrations.workers import liveness
from klaviyo.api import quotas
from klaviyo.api.operation import REVISION
from sorae import VERSION, metric_series

TOKEN = "correct-horse-battery-staple"
ROOT = Path(__file__).resolve().parents[2]
MOST_QUERIES = 35  # of which half are savepoints and time limits
PERSON, ACCOUNT = "ann@example.com", "Tea House Ltd"
LINE = re.compile(r'(\w+)(?:\{((?:\w+="[^"]*",?)*)\})? (-?[\d.]+)')
State = Delivery.State

Read = Callable[[], dict[str, float]]


@pytest.fixture
def read(transactional_db: None, settings: Settings) -> Read:
    """What Prometheus would read: each series with its labels, and its value."""
    settings.METRICS_TOKEN = TOKEN

    def values() -> dict[str, float]:
        lines = [line for line in scraped().splitlines() if not line.startswith("#")]
        found = [LINE.fullmatch(line) for line in lines]
        assert all(found), lines
        return {f"{one[1]}{{{one[2]}}}" if one[2] else one[1]: float(one[3]) for one in found if one}

    return values


@pytest.fixture
def tea(transactional_db: None) -> Connection:
    return connected("TEA")


@pytest.fixture
def cafe(transactional_db: None) -> Connection:
    return connected("CAFE", state=Connection.State.RECONNECT)


def connected(account: str, **more: Any) -> Connection:
    said = {"state": Connection.State.CONNECTED, "account_name": ACCOUNT, "generation": 3, **more}
    return Connection.objects.create(provider="klaviyo", account_id=account, refreshed_at=ago(90), **said)


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def deliveries(connection: Connection, number: int, state: str, **more: Any) -> list[Delivery]:
    last = Delivery.objects.count()
    rows = [
        Delivery(
            connection=connection,
            kind="event",
            key=f"fact:{last + i}",
            subject=PERSON,
            state=state,
            **{"occurred_at": ago(60), **more},
        )
        for i in range(number)
    ]
    return Delivery.objects.bulk_create(rows)


def scraped() -> str:
    answer = Client(headers={"authorization": f"Bearer {TOKEN}"}).get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.content.decode()


def near(seconds: float) -> Any:
    return pytest.approx(seconds, abs=5)


def test_without_a_token_in_the_settings_there_is_no_such_page(transactional_db: None) -> None:
    assert Client(headers={"authorization": "Bearer "}).get("/metrics").status_code == 404


@pytest.mark.parametrize("told", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer{TOKEN}", f"Basic {TOKEN}", "ü"])
def test_without_the_token_nothing_is_said(read: Read, told: str) -> None:
    answer = Client(headers={"authorization": told} if told else {}).get("/metrics")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert b"sorae_" not in answer.content


def test_open_deliveries_and_the_oldest_that_is_due(read: Read, tea: Connection, cafe: Connection) -> None:
    deliveries(tea, 3, State.QUEUED, next_try_at=ago(120))
    deliveries(tea, 2, State.QUEUED, next_try_at=ago(-3600))
    deliveries(tea, 1, State.SENDING)
    deliveries(cafe, 4, State.HELD, next_try_at=ago(900))
    seen = read()
    assert seen[f'sorae_deliveries_open{{connection="{tea.pk}",state="queued"}}'] == 5
    assert seen[f'sorae_deliveries_open{{connection="{tea.pk}",state="sending"}}'] == 1
    assert seen[f'sorae_deliveries_open{{connection="{cafe.pk}",state="held"}}'] == 4
    assert seen[f'sorae_oldest_due_seconds{{connection="{tea.pk}"}}'] == near(120)
    assert seen[f'sorae_oldest_due_seconds{{connection="{cafe.pk}"}}'] == 0


def test_what_was_settled_within_the_hour(read: Read, tea: Connection) -> None:
    deliveries(tea, 7, State.ACCEPTED, settled_at=ago(60))
    deliveries(tea, 5, State.ACCEPTED, settled_at=ago(4000))
    deliveries(tea, 2, State.FAILED, settled_at=ago(3000))
    seen = read()
    assert seen[f'sorae_deliveries_settled_1h{{connection="{tea.pk}",state="accepted"}}'] == 7
    assert seen[f'sorae_deliveries_settled_1h{{connection="{tea.pk}",state="failed"}}'] == 2


def test_how_far_reading_back_is_behind(read: Read, tea: Connection, cafe: Connection) -> None:
    deliveries(tea, 1, State.ACCEPTED, settled_at=ago(300))
    deliveries(tea, 1, State.CONFIRMED, settled_at=ago(500), confirmed_at=ago(1))
    seen = read()
    assert seen[f'sorae_confirmation_lag_seconds{{connection="{tea.pk}"}}'] == near(300)
    assert seen[f'sorae_confirmation_lag_seconds{{connection="{cafe.pk}"}}'] == 0


def test_requests_by_operation_and_status(read: Read, tea: Connection) -> None:
    for status, number, at in ((202, 3, 10), (429, 1, 20), (None, 2, 30), (202, 9, 400)):
        for _ in range(number):
            Attempt.objects.create(
                connection=tea, operation="create_event", started_at=ago(at), status=status, duration_ms=1500
            )
    seen = read()
    assert seen['sorae_requests_5m{operation="create_event",status="202"}'] == 3
    assert seen['sorae_requests_5m{operation="create_event",status="429"}'] == 1
    assert seen['sorae_requests_5m{operation="create_event",status="0"}'] == 2
    assert seen['sorae_request_slowest_seconds{operation="create_event"}'] == 1.5


def test_how_much_of_a_budget_is_used(read: Read, tea: Connection) -> None:
    Attempt.objects.create(connection=tea, operation="create_event", started_at=ago(1), status=202)
    operation = quotas.operations()["create_event"]
    for _ in range(operation.burst // 2):
        pacing.take(f"{tea.pk}:create_event", operation.windows)
    share = read()[f'sorae_budget_used_ratio{{connection="{tea.pk}",operation="create_event"}}']
    assert 0 < share <= 1


def test_access_and_its_renewals(read: Read, tea: Connection, cafe: Connection) -> None:
    Connection.objects.filter(pk=tea.pk).update(refresh_failures=2)
    seen = read()
    assert seen['sorae_connections{state="connected"}'] == 1
    assert seen['sorae_connections{state="reconnect"}'] == 1
    assert seen['sorae_connections{state="disconnected"}'] == 0
    assert seen[f'sorae_access_renewals_total{{connection="{tea.pk}"}}'] == 3
    assert seen[f'sorae_access_renewal_failures{{connection="{tea.pk}"}}'] == 2
    assert seen[f'sorae_access_renewed_seconds{{connection="{tea.pk}"}}'] == near(90)
    assert f'sorae_access_renewals_total{{connection="{cafe.pk}"}}' not in seen


def test_pauses_and_running_jobs(read: Read, tea: Connection) -> None:
    Pause.objects.create(connection=tea, kind="event", until=ago(-60), code="throttled", sentence="It waits.")
    Pause.objects.create(kind="profile", until=ago(-600), code="frozen", sentence="Refused.")
    Pause.objects.create(connection=tea, kind="", until=ago(60), code="not_answering", sentence="Over.")
    for state in (Job.State.RUNNING, Job.State.RUNNING, Job.State.DONE):
        Job.objects.create(
            connection=tea, kind="profile", number="1", state=state, size=5, next_look_at=ago(0), gives_up_at=ago(-60)
        )
    seen = read()
    assert seen[f'sorae_pause_seconds{{connection="{tea.pk}",kind="event",code="throttled"}}'] == near(60)
    assert seen['sorae_pause_seconds{connection="",kind="profile",code="frozen"}'] == near(600)
    assert len([name for name in seen if name.startswith("sorae_pause_seconds")]) == 2
    assert seen[f'sorae_jobs_running{{connection="{tea.pk}",kind="profile"}}'] == 2


def test_messages_that_are_held(read: Read, tea: Connection) -> None:
    assert "sorae_messages_held" not in read()
    message_hold.begin("We look.")
    [_] = deliveries(tea, 1, State.QUEUED, options={"message": "invite"})
    assert read()["sorae_messages_held"] == 1


def test_what_runs_here(read: Read) -> None:
    liveness.swept()
    seen = read()
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert seen[f'sorae_info{{version="{VERSION}",revision="{REVISION}"}}'] == 1
    assert seen["sorae_revision_age_days"] == (timezone.now().date() - date.fromisoformat(REVISION)).days
    assert "sorae_revision_ends_days" not in seen
    assert seen["sorae_last_sweep_seconds"] == near(0)
    assert seen["sorae_unknown"] == 0


def test_a_revision_that_ends_is_counted_down(read: Read) -> None:
    in_three_hundred_days = timezone.now().date() + timedelta(days=300)
    named = {"provider": "klaviyo", "retires_on": in_three_hundred_days, "noted_at": timezone.now()}
    Retirement.objects.create(revision=REVISION, **named)
    Retirement.objects.create(revision="2024-10-15", **named | {"retires_on": date(2026, 10, 15)})
    assert read()["sorae_revision_ends_days"] == 300


def test_nobody_is_named(read: Read, tea: Connection) -> None:
    deliveries(tea, 1, State.QUEUED, reason=f"{PERSON} refused")
    deliveries(tea, 1, State.FAILED, settled_at=ago(5), reason=f"{PERSON} refused")
    written = scraped()
    assert PERSON not in written
    assert ACCOUNT not in written
    assert "TEA" not in written


def test_it_takes_as_many_queries_for_many_connections_as_for_one(read: Read, tea: Connection) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            read()
        return len(captured)

    deliveries(tea, 1, State.QUEUED)
    for_one = queries()
    for number in range(20):
        deliveries(connected(str(number)), 2, State.QUEUED)
    assert queries() == for_one <= MOST_QUERIES


def test_a_figure_that_takes_too_long_is_left_out(read: Read, tea: Connection) -> None:
    def slow(*_: Any) -> Any:
        raise OperationalError("canceling statement due to statement timeout")

    with patch.object(metric_series, "GROUPS", (slow, *metric_series.GROUPS[1:])):
        seen = read()
    assert seen["sorae_unknown"] == 1
    assert "sorae_revision_age_days" not in seen
    assert seen['sorae_connections{state="connected"}'] == 1


def test_the_dashboard_shows_every_series_and_no_other(read: Read) -> None:
    written = scraped()
    there = set(re.findall(r"^# TYPE (\w+) ", written, re.M))
    dashboard = json.loads((ROOT / "sorae" / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ()))
    assert set(re.findall(r"\bsorae_\w+", asked)) == there
    assert len(re.findall(r"^# HELP ", written, re.M)) == len(there)
