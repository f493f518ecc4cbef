"""A 503 that says for how long is heeded by all that would have met it, one by one and in bulk."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Delivery
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import joined, visits
from tests.klaviyo.story import State

JOB, SINGLE = "bulk_create_events", "create_event"


def waits() -> set[bool]:
    """Whether each that waits is left alone for more than a minute, and no more than two."""
    due = Delivery.objects.filter(state=State.QUEUED)
    at = [moment - timezone.now() for moment in due.values_list("next_try_at", flat=True)]
    return {timedelta(minutes=1) < wait < timedelta(minutes=2) for wait in at}


@pytest.mark.parametrize(("operation", "bulk_from"), [(SINGLE, 0), (JOB, 5)])
@pytest.mark.parametrize("html", [True, False])
def test_nobody_knocks_before_the_time_that_klaviyo_names(
    sandbox: Sandbox, settings: Settings, ann: Advocate, drain: Drain, operation: str, bulk_from: int, html: bool
) -> None:
    drain()
    settings.KLAVIYO_BULK_FROM = bulk_from
    Delivery.objects.all().delete()
    visits(ann, 12)
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    sandbox.fault(operation, "503", 5, retry_after="100", html=html)
    drain()
    assert len([one for one in sandbox.requests(operation) if one.status == 503]) == 1
    assert waits() == {True}


@pytest.mark.usefixtures("setting")
@pytest.mark.parametrize("bulk_from", [0, 5])
def test_so_it_is_where_people_could_not_be_looked_up(
    sandbox: Sandbox, settings: Settings, spring: Program, drain: Drain, bulk_from: int
) -> None:
    settings.KLAVIYO_BULK_FROM = bulk_from
    joined(spring, 8, first_name="Told")
    Delivery.objects.filter(kind="event").delete()
    sandbox.fault("get_profiles", "503", 5, retry_after="100")
    drain()
    assert len(sandbox.requests("get_profiles")) == 1
    assert waits() == {True}
