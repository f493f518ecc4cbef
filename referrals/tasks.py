"""The Celery tasks, which beat sends: visits are counted, friends are reminded."""

from celery import shared_task

from referrals import reminders, visits


@shared_task(ignore_result=True)
def count_visits() -> None:
    visits.count()


@shared_task(ignore_result=True)
def remind() -> None:
    reminders.remind_due()
