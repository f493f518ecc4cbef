"""The Celery tasks: one line each. They carry ids only, and every one may be lost or run twice."""

from celery import shared_task

from integrations import connections
from integrations.notices import needs, sending
from integrations.notices import retention as notice_retention
from integrations.outbox import days, retention
from integrations.workers import heartbeat, liveness, single_file, worker  # noqa: F401  (the heartbeat begins with the worker)


@shared_task(ignore_result=True)
def drain(connection_id: int) -> None:
    """Deliver what is due on one connection."""
    worker.drain(connection_id)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Heal the queue: expired leases, and lost wake-ups; one worker for all."""
    with single_file.turn("sweep") as is_ours:
        if is_ours:
            worker.heal()
            liveness.swept()


@shared_task(ignore_result=True)
def tidy() -> None:
    """Tidy the queue: deliveries that came too late, or whose account is lost; one worker for all."""
    with single_file.turn("tidy") as is_ours:
        if is_ours:
            worker.tidy()


@shared_task(ignore_result=True)
def count_days() -> None:
    """Count how deliveries ended on the days that are over; one worker for all."""
    with single_file.turn("count_days") as is_ours:
        if is_ours:
            days.count()


@shared_task(ignore_result=True)
def renew() -> None:
    """Renew access that is about to expire."""
    connections.renew_due()


@shared_task(ignore_result=True)
def revoke() -> None:
    """Disconnect what was to be once all was delivered, and revoke tokens that could not be revoked before."""
    connections.leave_due()
    connections.revoke_due()


@shared_task(ignore_result=True)
def probe() -> None:
    """Check the health of each connection."""
    connections.probe_all()


@shared_task(ignore_result=True)
def watch_needs() -> None:
    """See which accounts need somebody, and tell what has changed; one worker for all."""
    with single_file.turn("watch_needs") as is_ours:
        if is_ours:
            needs.watch()


@shared_task(ignore_result=True)
def send_notices() -> None:
    """Send the notices that are due."""
    sending.send_due()


@shared_task(ignore_result=True)
def forget() -> None:
    """Retention: take people out of what is long done with, and delete old records."""
    retention.forget()
    notice_retention.forget()
