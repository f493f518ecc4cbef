"""Syncs run by themselves: by cron in a zone, or when a new file is there; never two at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from klaviyo import tasks
from klaviyo.models import Sync, SyncRun, SyncUpload
from klaviyo.sandbox import Sandbox
from klaviyo.syncs import schedule
from tests.klaviyo.syncs.conftest import Write
from tests.klaviyo.syncs.syncing import emails, end_imports


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 6 * * *", datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 2, 4, tzinfo=UTC)),
        ("0 6 * * *", datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 2, 5, tzinfo=UTC)),
        ("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),  # 02:30 is not
        ("*/15 * * * *", datetime(2026, 7, 1, 12, 1, tzinfo=UTC), datetime(2026, 7, 1, 12, 15, tzinfo=UTC)),
    ],
)
def test_it_runs_by_the_clock_of_its_zone(cron: str, after: datetime, expected: datetime) -> None:
    assert schedule.following(cron, "Europe/Berlin", after) == expected


@pytest.mark.parametrize("cron", ["0 6 31 2 *", "x", "61 * * * *", "0 0 6 * * *", ""])
def test_what_is_no_schedule_is_said_in_a_sentence(cron: str) -> None:
    assert schedule.problem(cron).startswith("It is no schedule:")
    assert schedule.following(cron, "UTC", timezone.now()) is None


def test_what_is_due_is_begun_once_and_goes_on(sandbox: Sandbox, customers: Sync, write: Write) -> None:
    write([("1", "ann@example.com", "Ann", "gold")])
    customers.cron = "0 6 * * *"
    customers.next_run_at = timezone.now() - timedelta(minutes=1)
    customers.save()
    tasks.sync()
    assert schedule.begin_what_is_due() == 0
    end_imports()
    SyncRun.objects.update(wait_until=None)
    tasks.sync()
    assert emails(sandbox) == {"ann@example.com"}
    assert SyncRun.objects.get().state == "done"
    customers.refresh_from_db()
    assert customers.next_run_at
    assert customers.next_run_at > timezone.now()


def test_a_new_file_is_reason_enough(customers: Sync) -> None:
    customers.options = {"after_import": True}
    customers.save()
    assert schedule.begin_what_is_due() == 0
    upload = SyncUpload.objects.create(name="customers.csv", ended_at=timezone.now())
    customers.source.upload = upload
    customers.source.save()
    assert schedule.begin_what_is_due() == 1
    assert schedule.begin_what_is_due() == 0


def test_what_is_off_does_not_run(customers: Sync) -> None:
    customers.is_on, customers.next_run_at = False, timezone.now() - timedelta(minutes=1)
    customers.save()
    assert schedule.begin_what_is_due() == 0
