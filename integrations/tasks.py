"""The Celery tasks: one line each. They carry ids only, and every one may be lost or run twice."""

from celery import shared_task

from integrations import connections
from integrations.outbox import retention
from integrations.workers import liveness, worker


@shared_task(ignore_result=True)
def drain(connection_id: int) -> None:
    """Deliver what is due on one connection."""
    worker.drain(connection_id)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Heal everything: what dead workers held, what came too late, and lost wake-ups."""
    worker.sweep()
    liveness.swept()


@shared_task(ignore_result=True)
def renew() -> None:
    """Renew access that is about to expire."""
    connections.renew_due()


@shared_task(ignore_result=True)
def revoke() -> None:
    """Tell providers to forget tokens that they could not be told of before."""
    connections.revoke_due()


@shared_task(ignore_result=True)
def probe() -> None:
    """Ask each connected provider whether it still knows us."""
    connections.probe_all()


@shared_task(ignore_result=True)
def forget() -> None:
    """Take people out of what is long done with, and drop old records."""
    retention.forget()
