"""Clock skew: a worker's clock is ten minutes wrong; leases go by the database's, and no work is taken twice."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery, Lease
from integrations.outcomes import Retry
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import BEN, State, states

OFF = [timedelta(minutes=-10), timedelta(minutes=10)]


def by_the_database() -> datetime:
    moment: datetime = Delivery.objects.values_list(Now(), flat=True)[0]
    return moment


@pytest.mark.parametrize("off", OFF)
def test_a_lease_is_as_long_as_ever(ann: Advocate, off: timedelta) -> None:
    with time_machine.travel(timezone.now() + off):
        batch = outbox.claim(ann.program.store.klaviyo_settings.get().connection)
        assert batch
        for row in Delivery.objects.filter(state=State.SENDING):
            left = Lease.objects.get(pk__in=[row.lease]).until - by_the_database()
            assert timedelta(seconds=5) < left < timedelta(minutes=3)
        outbox.give_back_expired()
        assert Delivery.objects.filter(state=State.SENDING).count() == len(batch)


@pytest.mark.parametrize("off", OFF)
def test_a_wait_is_as_long_as_ever(ann: Advocate, off: timedelta) -> None:
    with time_machine.travel(timezone.now() + off):
        (first, *_) = outbox.claim(ann.program.store.klaviyo_settings.get().connection)
        outbox.settle(first, Retry(reasons.of("http_503", "Klaviyo answered with status 503.")))
        first.refresh_from_db()
        assert timedelta(seconds=1) < first.next_try_at - by_the_database() < timedelta(minutes=1)


@pytest.mark.parametrize("off", OFF)
def test_what_a_host_with_a_wrong_clock_tells_goes_out_at_once(
    sandbox: Sandbox, ann: Advocate, drain: Drain, off: timedelta
) -> None:
    drain()
    with time_machine.travel(timezone.now() + off):
        lifecycle.convert(ann, order_id="1", friend_email=BEN, total="1", currency="EUR")
    drain()
    assert states() == {State.ACCEPTED}


@pytest.mark.parametrize("off", OFF)
def test_a_token_is_renewed_by_the_databases_clock(sandbox: Sandbox, connection: Connection, off: timedelta) -> None:
    renewals = len(sandbox.requests("oauth_token"))
    with time_machine.travel(timezone.now() + off):
        assert connections.renew_due() == 0
        assert connections.access(connection.pk).authorization == f"Bearer {connection.access_token}"
        connections.renew(connection.pk, connection.generation)
    connection.refresh_from_db()
    assert connection.access_expires_at is not None
    assert timedelta(minutes=55) < connection.access_expires_at - timezone.now() < timedelta(minutes=61)
    assert len(sandbox.requests("oauth_token")) == renewals + 1
