"""The Celery tasks about consent: one line each; every one may be lost or run twice."""

from celery import shared_task

from klaviyo.watching import heeding, looking


@shared_task(ignore_result=True)
def heed() -> None:
    """Act on what accounts have told us."""
    heeding.heed()


@shared_task(ignore_result=True)
def watch() -> None:
    """See that every account tells us of changed consent, and ask those that do not."""
    looking.look_at_all()
